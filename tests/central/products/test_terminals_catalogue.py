"""What a terminal gets of the catalogue: the look-up at its own location, and changes on their way down."""

from typing import Any

import pytest

from tests.central.products.conftest import Shop
from tests.central.terminals_fixture import TerminalFixture, new_terminal

BARCODE = "4006381333931"


@pytest.fixture
async def till_shop(terminal: TerminalFixture) -> Shop:
    """The shop that the terminal stands in."""
    shop = Shop(terminal.tenant)
    shop.location = str(terminal.location_id)
    shop.other_location = await shop.make_location("other")
    shop.tax_group = (await shop.post("/v1/tax-groups", {"code": "V", "name": "V", "components": []}))["tax_group_id"]
    return shop


class Replica:
    """A terminal that follows its changes, and what it holds of the catalogue."""

    def __init__(self, terminal: TerminalFixture) -> None:
        self.terminal = terminal
        self.cursor = ""
        self.held: dict[tuple[str, str], Any] = {}

    async def follow(self) -> list[tuple[str, str, str]]:
        """Everything that there is; the (op, entity, id) of this call that are the catalogue's."""
        seen = []
        more = True
        while more:
            cursor = f"&cursor={self.cursor}" if self.cursor else ""
            status, answer, _ = await self.terminal.get(f"/v1/sync/changes?limit=1000{cursor}")
            assert status == 200, answer
            self.cursor, more = answer["cursor"], answer["more"]
            for change in answer["changes"]:
                if change["entity"] not in ("product", "tax_group", "price_rule"):
                    continue
                key = (change["entity"], change["id"])
                seen.append((change["op"], *key))
                if change["op"] == "put":
                    self.held[key] = change["data"]
                else:
                    self.held.pop(key, None)
        return seen


async def test_a_key_names_the_location_and_a_terminal_cannot(till_shop: Shop, terminal: TerminalFixture) -> None:
    """A terminal's location is its session's, whatever the query says."""
    shop, other = till_shop, till_shop.other_location
    await shop.product(barcodes=[BARCODE])
    await shop.post("/v1/prices", {"sku": "COFFEE", "price_minor": 1, "location_ids": [other]})
    missing = await shop.get(f"/v1/products/lookup?barcode={BARCODE}", 422)
    plain = await terminal.get(f"/v1/products/lookup?barcode={BARCODE}")
    elsewhere = await terminal.get(f"/v1/products/lookup?barcode={BARCODE}&location_id={other}")
    listed = await terminal.get("/v1/products")

    assert missing["field"] == "location_id"
    assert (plain[0], plain[1]["list_price_minor"]) == (200, 699)
    assert (elsewhere[0], elsewhere[1]) == (200, plain[1])
    assert listed[0] == 403


async def test_a_revoked_terminal_looks_nothing_up(terminal: TerminalFixture) -> None:
    """No request that begins after the revocation is served, though its token still runs."""
    await terminal.tenant.post(f"/v1/terminals/{terminal.terminal_id}/revocation", {})
    status, problem, _ = await terminal.get(f"/v1/products/lookup?barcode={BARCODE}")

    assert (status, problem["type"]) == (403, "/problems/revoked")


async def test_a_terminal_is_sent_what_get_answers(till_shop: Shop, terminal: TerminalFixture) -> None:
    """A product with the prices of its own location alone, a tax group, and the rules that count there."""
    shop = till_shop
    product = await shop.product(barcodes=[BARCODE])
    here = await shop.post("/v1/prices", {"sku": "COFFEE", "price_minor": 1, "location_ids": [shop.location]})
    everywhere = await shop.post("/v1/prices", {"sku": "COFFEE", "price_minor": 2})
    await shop.post("/v1/prices", {"sku": "COFFEE", "price_minor": 3, "location_ids": [shop.other_location]})
    body = {"name": "R", "kind": "amount_off", "value": 1, "category": "C"}
    rule = await shop.post("/v1/price-rules", body)
    await shop.post("/v1/price-rules", body | {"location_ids": [shop.other_location]})
    replica = Replica(terminal)
    await replica.follow()

    product_now = await shop.get(f"/v1/products/{product['product_id']}")
    assert replica.held == {
        ("tax_group", shop.tax_group): await shop.get(f"/v1/tax-groups/{shop.tax_group}"),
        ("price_rule", rule["price_rule_id"]): rule,
        ("product", product["product_id"]): product_now | {"prices": [here, everywhere]},
    }


async def test_what_changes_follows_and_another_locations_price_does_not_wake(
    till_shop: Shop, terminal: TerminalFixture
) -> None:
    """Each change reaches the terminals that it concerns, and a withdrawn product as a delete."""
    shop, replica = till_shop, Replica(terminal)
    product = await shop.product()
    key = ("product", product["product_id"])
    await replica.follow()
    price = {"sku": "COFFEE", "price_minor": 1}

    await shop.post("/v1/prices", price | {"location_ids": [shop.other_location]})
    assert await replica.follow() == []
    made = await shop.post("/v1/prices", price | {"location_ids": [shop.location, shop.other_location]})
    assert await replica.follow() == [("put", *key)]
    assert replica.held[key]["prices"] == [made]
    await shop.delete(f"/v1/prices/{made['price_id']}")
    assert await replica.follow() == [("put", *key)]
    assert replica.held[key]["prices"] == []
    await shop.patch(f"/v1/tax-groups/{shop.tax_group}", {"name": "W"})
    assert await replica.follow() == [("put", "tax_group", shop.tax_group)]
    await shop.delete(f"/v1/products/{product['product_id']}")
    assert ("delete", *key) in await replica.follow()
    await shop.delete(f"/v1/tax-groups/{shop.tax_group}")
    assert await replica.follow() == [("delete", "tax_group", shop.tax_group)]
    assert replica.held == {}


async def test_a_rule_that_moves_to_other_locations_leaves_the_terminal(
    till_shop: Shop, terminal: TerminalFixture
) -> None:
    """What stops applying to a location reaches it as a delete; a fresh terminal ends with the same."""
    shop, replica = till_shop, Replica(terminal)
    rule = await shop.post("/v1/price-rules", {"name": "R", "kind": "amount_off", "value": 1, "category": "C"})
    path, key = f"/v1/price-rules/{rule['price_rule_id']}", ("price_rule", rule["price_rule_id"])
    await replica.follow()
    for location_ids in (
        [shop.other_location],
        [shop.location],
        [shop.other_location, shop.location],
        [shop.other_location],
        None,
    ):
        changed = await shop.patch(path, {"location_ids": location_ids})
        await replica.follow()
        fresh = Replica(await new_terminal(terminal.tenant, terminal.location_id))
        await fresh.follow()
        counts = location_ids is None or shop.location in location_ids

        assert replica.held.get(key) == (changed if counts else None)
        assert fresh.held == replica.held


async def test_an_import_reaches_the_terminals(till_shop: Shop, terminal: TerminalFixture) -> None:
    """Created and changed rows, not those that stay as they are."""
    shop, replica = till_shop, Replica(terminal)
    await shop.product()
    await replica.follow()
    rows = "sku,name,price_minor,tax_group\nCOFFEE,Coffee,1,V\nTEA,Tea,2,V\n"
    headers = {"Content-Type": "text/csv"}
    for changed in (2, 0):
        status, answer, _ = await shop.tenant.request(
            "POST", "/v1/products/import", None, headers=headers, data=rows.encode()
        )
        assert status == 200, answer
        assert len(await replica.follow()) == changed
    assert sorted(product["price_minor"] for (entity, _), product in replica.held.items() if entity == "product") == [
        1,
        2,
    ]
