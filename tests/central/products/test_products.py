"""Products over HTTP: made, read, changed, withdrawn."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest

from central.products import unknown
from central.tenant_session import operator, tenant_session
from tests.central.conftest import Central
from tests.central.products.conftest import Shop


async def test_a_product_bears_every_field_that_it_was_made_with(shop: Shop) -> None:
    """A plain barcode is short for one piece; defaults are written out; GET answers the same."""
    made = await shop.product(
        barcodes=["4006381333931", {"barcode": "4006381333948", "quantity_milli": 6_000, "price_minor": 3_999}],
        category="Hot drinks",
        attributes={"origin": {"country": "ET"}},
        age_min=18,
    )

    assert made == {
        "product_id": made["product_id"],
        "sku": "COFFEE",
        "name": "Coffee, 500 g",
        "unit": "C62",
        "price_minor": 699,
        "price_quantity_milli": 1_000,
        "open_price": False,
        "age_min": 18,
        "tax_group_id": shop.tax_group,
        "barcodes": [
            {"barcode": "4006381333931", "quantity_milli": 1_000, "price_minor": None},
            {"barcode": "4006381333948", "quantity_milli": 6_000, "price_minor": 3_999},
        ],
        "category": "Hot drinks",
        "attributes": {"origin": {"country": "ET"}},
        "revision": made["revision"],
        "prices": [],
    }
    assert await shop.get(f"/v1/products/{made['product_id']}") == made
    assert (await shop.get("/v1/products"))["products"] == [made]


async def test_a_sku_and_a_barcode_are_unique_in_the_tenant(shop: Shop, neighbour: Shop) -> None:
    """A second use is 409 duplicate with the field; another tenant may have the same ones."""
    await shop.product(barcodes=["4006381333931"])
    by_sku = await shop.post("/v1/products", shop.coffee(), 409)
    by_barcode = await shop.post("/v1/products", shop.coffee(sku="TEA", barcodes=["4006381333931"]), 409)
    await neighbour.product(barcodes=["4006381333931"])

    assert (by_sku["type"], by_sku["field"]) == ("/problems/duplicate", "sku")
    assert (by_barcode["type"], by_barcode["field"]) == ("/problems/duplicate", "barcodes")


async def test_a_upc_a_and_its_ean_13_are_one_barcode(shop: Shop) -> None:
    """Both find the product, the second use of either is a duplicate, and what was given is kept."""
    made = await shop.product(barcodes=["036000291452"])
    problem = await shop.post("/v1/products", shop.coffee(sku="TEA", barcodes=["0036000291452"]), 409)

    assert made["barcodes"][0]["barcode"] == "036000291452"
    assert problem["field"] == "barcodes"
    assert await shop.look_up("0036000291452") == await shop.look_up("036000291452")


async def test_the_sku_and_barcodes_of_a_withdrawn_product_are_free_again(shop: Shop) -> None:
    """DELETE is 204, then 404; the product is still known, for sales that name it."""
    made = await shop.product(barcodes=["4006381333931"])
    path = f"/v1/products/{made['product_id']}"
    await shop.delete(path)
    await shop.delete(path, 404)
    await shop.get(path, 404)
    await shop.patch(path, {"name": "Coffee"}, 404)
    await shop.look_up("4006381333931", expect=404)
    again = await shop.product(barcodes=["4006381333931"])

    assert again["product_id"] != made["product_id"]
    assert (await shop.get("/v1/products"))["products"] == [again]


async def test_a_withdrawn_product_stays_known(central: Central, shop: Shop, neighbour: Shop) -> None:
    """`unknown` tells what never was in this tenant's catalogue from what was."""
    made = await shop.product()
    foreign = UUID((await neighbour.product())["product_id"])
    await shop.delete(f"/v1/products/{made['product_id']}")
    own, never = UUID(made["product_id"]), uuid4()
    for _ in range(2):
        async with tenant_session(central.services.database, operator(shop.tenant.tenant_id)) as session:
            assert await unknown(session, {own, foreign, never}) == {foreign, never}


async def test_a_change_leaves_what_it_does_not_name_and_null_clears(shop: Shop) -> None:
    """RFC 7396, into the attributes too."""
    made = await shop.product(category="Drinks", attributes={"a": 1, "b": {"c": 2, "d": 3}}, barcodes=["4006381333931"])
    patch = {"price_minor": 749, "category": None, "attributes": {"a": None, "b": {"c": 4}}}
    changed = await shop.patch(f"/v1/products/{made['product_id']}", patch)

    assert changed["price_minor"] == 749
    assert changed["category"] is None
    assert changed["attributes"] == {"b": {"c": 4, "d": 3}}
    assert changed["barcodes"] == made["barcodes"]
    assert changed["revision"] > made["revision"]


async def test_a_change_by_a_stale_revision_is_refused(shop: Shop) -> None:
    """A revision that is not the current one is 409 and changes nothing."""
    made = await shop.product()
    path = f"/v1/products/{made['product_id']}"
    changed = await shop.patch(path, {"price_minor": 1, "revision": made["revision"]})
    stale = await shop.patch(path, {"price_minor": 2, "revision": made["revision"]}, 409)

    assert stale["type"].endswith("/stale-revision")
    assert await shop.get(path) == changed
    assert await shop.patch(path, {"price_minor": 1, "revision": changed["revision"]}) == changed


async def test_what_a_product_cannot_do_without_cannot_be_cleared(shop: Shop) -> None:
    made = await shop.product()
    problem = await shop.patch(f"/v1/products/{made['product_id']}", {"name": None}, 422)

    assert (problem["type"], problem["field"]) == ("/problems/invalid", "name")


async def test_barcodes_can_be_exchanged_between_products(shop: Shop) -> None:
    """A barcode that one product gives up is free for another."""
    coffee = await shop.product(barcodes=["4006381333931"])
    tea = await shop.product(sku="TEA")
    await shop.patch(f"/v1/products/{coffee['product_id']}", {"barcodes": []})
    await shop.patch(f"/v1/products/{tea['product_id']}", {"barcodes": ["4006381333931"]})

    assert (await shop.look_up("4006381333931"))["sku"] == "TEA"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"sku": ""}, "sku"),
        ({"name": "x" * 201}, "name"),
        ({"name": "nul\0"}, "name"),
        ({"unit": "XYZ"}, "unit"),
        ({"unit": "c62"}, "unit"),
        ({"price_minor": -1}, "price_minor"),
        ({"price_minor": 10**12 + 1}, "price_minor"),
        ({"price_minor": 6.99}, "price_minor"),
        ({"price_quantity_milli": 0}, "price_quantity_milli"),
        ({"open_price": 1}, "open_price"),
        ({"age_min": -1}, "age_min"),
        ({"tax_group_id": "no"}, "tax_group_id"),
        ({"barcodes": ["x" * 65]}, "barcodes[]"),
        ({"barcodes": [""]}, "barcodes[]"),
        ({"barcodes": [f"A{n}" for n in range(33)]}, "barcodes"),
        ({"barcodes": ["4006381333931", "04006381333931"]}, "barcodes"),
        ({"barcodes": [{"barcode": "A", "quantity_milli": 0}]}, "barcodes[].quantity_milli"),
        ({"attributes": {"a": "x" * 17_000}}, "attributes"),
        ({"attributes": {"a": {"a": {"a": {"a": {"a": {"a": {"a": {"a": {}}}}}}}}}}, "attributes"),
    ],
)
async def test_a_product_that_makes_no_sense_is_refused(shop: Shop, fields: dict[str, Any], field: str) -> None:
    """422 with the field, and nothing is made."""
    problem = await shop.post("/v1/products", shop.coffee(**fields), 422)

    assert problem["type"].endswith("/invalid")
    assert problem["field"].replace("[0]", "[]") == field
    assert (await shop.get("/v1/products"))["products"] == []


async def test_a_product_within_its_bounds_is_taken(shop: Shop) -> None:
    """The largest name, barcodes and attributes."""
    await shop.product(
        name="ü" * 200,
        barcodes=[f"{n:02}" + "x" * 62 for n in range(32)],
        attributes={"a": {"a": {"a": {"a": {"a": {"a": {"a": {"a": "x" * 16_000}}}}}}}},
        price_minor=10**12,
    )


async def test_another_tenants_tax_group_is_an_unknown_reference(shop: Shop, neighbour: Shop) -> None:
    """In a body, what another tenant has is as what nobody has."""
    problem = await shop.post("/v1/products", shop.coffee(tax_group_id=neighbour.tax_group), 422)
    made = await shop.product()
    changed = await shop.patch(f"/v1/products/{made['product_id']}", {"tax_group_id": neighbour.tax_group}, 422)

    assert (problem["type"], problem["field"]) == ("/problems/unknown-reference", "tax_group_id")
    assert (changed["type"], changed["field"]) == ("/problems/unknown-reference", "tax_group_id")


async def test_another_tenants_product_is_as_none(shop: Shop, neighbour: Shop) -> None:
    """404 with the same body as an unknown id."""
    foreign = f"/v1/products/{(await neighbour.product())['product_id']}"
    unknown = "/v1/products/00000000-0000-7000-8000-000000000000"

    assert await shop.get(foreign, 404) == await shop.get(unknown, 404)
    assert await shop.patch(foreign, {"name": "X"}, 404) == await shop.patch(unknown, {"name": "X"}, 404)
    assert await shop.delete(foreign, 404) == await shop.delete(unknown, 404)


async def test_products_are_listed_by_pages_and_filters(shop: Shop) -> None:
    """The pages together hold each product once; a filter chooses."""
    for number in range(5):
        await shop.product(sku=f"S{number}", category="even" if number % 2 == 0 else None)
    first = await shop.get("/v1/products?limit=3")
    second = await shop.get(f"/v1/products?limit=3&cursor={first['next_cursor']}")
    even = await shop.get("/v1/products?category=even")
    one = await shop.get("/v1/products?sku=S3")

    assert [p["sku"] for p in first["products"] + second["products"]] == ["S0", "S1", "S2", "S3", "S4"]
    assert [p["sku"] for p in even["products"]] == ["S0", "S2", "S4"]
    assert [p["sku"] for p in one["products"]] == ["S3"]


async def test_a_change_is_kept_in_the_audit(shop: Shop) -> None:
    """Who, when, before and after."""
    made = await shop.product()
    await shop.patch(f"/v1/products/{made['product_id']}", {"price_minor": 749})
    records = (await shop.get(f"/v1/audit?entity=product&entity_id={made['product_id']}"))["audit"]

    assert [record["action"] for record in records] == ["change", "create"]
    assert (records[0]["before"]["price_minor"], records[0]["after"]["price_minor"]) == (699, 749)


async def test_a_product_is_made_once_under_an_idempotency_key(shop: Shop) -> None:
    """The same key and body answers the first result again."""
    headers = {"Idempotency-Key": "coffee-1"}
    status, first, _ = await shop.tenant.post("/v1/products", shop.coffee(), headers=headers)
    again, second, answered = await shop.tenant.post("/v1/products", shop.coffee(), headers=headers)

    assert (status, again) == (201, 201)
    assert first == second
    assert answered["Idempotent-Replayed"] == "true"


async def test_of_two_at_once_with_one_sku_one_is_made(shop: Shop) -> None:
    """Writers of a catalogue stand in line, so the second finds what the first made."""
    answers = await asyncio.gather(
        *(shop.tenant.post("/v1/products", shop.coffee(barcodes=["4006381333931"])) for _ in range(4))
    )

    assert sorted(status for status, _, _ in answers) == [201, 409, 409, 409]
    assert len((await shop.get("/v1/products"))["products"]) == 1


async def test_of_two_changes_at_once_by_one_revision_one_is_kept(shop: Shop) -> None:
    """The other learns that its revision went stale."""
    made = await shop.product()
    path = f"/v1/products/{made['product_id']}"
    answers = await asyncio.gather(
        *(shop.tenant.patch(path, {"price_minor": price, "revision": made["revision"]}) for price in (1, 2, 3))
    )

    assert sorted(status for status, _, _ in answers) == [200, 409, 409]


async def test_a_withdrawal_by_a_stale_revision_is_refused(shop: Shop) -> None:
    """DELETE may bear a revision in its body."""
    made = await shop.product()
    path = f"/v1/products/{made['product_id']}"
    changed = await shop.patch(path, {"price_minor": 1})
    stale, problem, _ = await shop.tenant.request("DELETE", path, {"revision": made["revision"]})
    done, _, _ = await shop.tenant.request("DELETE", path, {"revision": changed["revision"]})

    assert (stale, problem["type"]) == (409, "/problems/stale-revision")
    assert done == 204
