"""Price rules over HTTP."""

from typing import Any

import pytest

from tests.central.products.conftest import Shop

HALF = {"name": "Half price", "kind": "percent_off", "value": 500_000, "category": "Drinks"}


async def test_a_rule_bears_every_field_that_it_was_made_with(shop: Shop) -> None:
    """Times of day are written to the second, times in UTC with Z."""
    product = await shop.product()
    made = await shop.post(
        "/v1/price-rules",
        {
            "name": "3 for 2",
            "kind": "multibuy",
            "value": {"take": 3, "pay_for": 2},
            "product_ids": [product["product_id"]],
            "location_ids": [shop.location],
            "starts_at": "2026-01-01T00:00:00Z",
            "ends_at": "2027-01-01T00:00:00+01:00",
            "days_of_week": [1, 7],
            "time_from": "22:00",
            "time_to": "06:00:30",
            "min_quantity_milli": 3_000,
            "priority": -5,
        },
    )

    assert made == {
        "price_rule_id": made["price_rule_id"],
        "revision": made["revision"],
        "name": "3 for 2",
        "kind": "multibuy",
        "value": {"take": 3, "pay_for": 2},
        "product_ids": [product["product_id"]],
        "category": None,
        "location_ids": [shop.location],
        "starts_at": "2026-01-01T00:00:00Z",
        "ends_at": "2026-12-31T23:00:00Z",
        "days_of_week": [1, 7],
        "time_from": "22:00:00",
        "time_to": "06:00:30",
        "min_quantity_milli": 3_000,
        "priority": -5,
    }
    assert await shop.get(f"/v1/price-rules/{made['price_rule_id']}") == made
    assert await shop.get("/v1/price-rules") == {"price_rules": [made], "next_cursor": None}


async def test_a_rule_is_changed_by_a_merge_patch(shop: Shop) -> None:
    """A stale revision is 409; a change that leaves nonsense is 422."""
    made = await shop.post("/v1/price-rules", HALF)
    path = f"/v1/price-rules/{made['price_rule_id']}"
    changed = await shop.patch(path, {"value": 250_000, "days_of_week": [6, 7], "revision": made["revision"]})
    stale = await shop.patch(path, {"value": 1, "revision": made["revision"]}, 409)
    problem = await shop.patch(path, {"category": None}, 422)
    cleared = await shop.patch(path, {"days_of_week": None})

    assert (changed["value"], changed["days_of_week"], changed["category"]) == (250_000, [6, 7], "Drinks")
    assert stale["type"].endswith("/stale-revision")
    assert problem["field"] == "product_ids"
    assert cleared["days_of_week"] is None


async def test_a_multibuy_may_change_from_a_count_to_a_price(shop: Shop) -> None:
    """In the value too, null clears."""
    rule = HALF | {"kind": "multibuy", "value": {"take": 3, "pay_for": 2}}
    made = await shop.post("/v1/price-rules", rule)
    patch = {"value": {"pay_for": None, "price_minor": 500}}
    changed = await shop.patch(f"/v1/price-rules/{made['price_rule_id']}", patch)

    assert changed["value"] == {"take": 3, "price_minor": 500}


async def test_a_deleted_rule_counts_no_more(shop: Shop) -> None:
    """DELETE is 204, then 404; the next look-up is without it."""
    product = await shop.product(barcodes=["4006381333931"])
    rule = HALF | {"category": None, "product_ids": [product["product_id"]]}
    made = await shop.post("/v1/price-rules", rule)
    before = await shop.look_up("4006381333931")
    await shop.delete(f"/v1/price-rules/{made['price_rule_id']}")
    await shop.delete(f"/v1/price-rules/{made['price_rule_id']}", 404)

    assert (before["discount_minor"], before["price_rule_id"]) == (350, made["price_rule_id"])
    assert (await shop.look_up("4006381333931"))["discount_minor"] == 0


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"kind": "half"}, "kind"),
        ({"value": 1_000_001}, "value"),
        ({"value": -1}, "value"),
        ({"value": {"take": 3, "pay_for": 2}}, "value"),
        ({"kind": "multibuy", "value": 5}, "value"),
        ({"kind": "multibuy", "value": {"take": 1, "pay_for": 0}}, "value.take"),
        ({"kind": "multibuy", "value": {"take": 3, "pay_for": 3}}, "value"),
        ({"kind": "multibuy", "value": {"take": 3}}, "value"),
        ({"kind": "multibuy", "value": {"take": 3, "pay_for": 2, "price_minor": 1}}, "value"),
        ({"category": None}, "product_ids"),
        ({"starts_at": "2026-02-01T00:00:00Z", "ends_at": "2026-01-01T00:00:00Z"}, "starts_at"),
        ({"starts_at": "2026-02-01T00:00:00"}, "starts_at"),
        ({"starts_at": "1999-12-31T23:59:59Z"}, "starts_at"),
        ({"days_of_week": [0]}, "days_of_week[]"),
        ({"days_of_week": [8]}, "days_of_week[]"),
        ({"time_from": "24:00"}, "time_from"),
        ({"time_to": "8:00"}, "time_to"),
        ({"min_quantity_milli": -1}, "min_quantity_milli"),
        ({"priority": 2**31}, "priority"),
        ({"name": ""}, "name"),
    ],
)
async def test_a_rule_that_makes_no_sense_is_refused(shop: Shop, fields: dict[str, Any], field: str) -> None:
    """422 with the field."""
    problem = await shop.post("/v1/price-rules", HALF | fields, 422)

    assert problem["type"].endswith("/invalid")
    assert problem["field"].replace("[0]", "[]") == field


async def test_a_rule_names_what_its_own_tenant_has(shop: Shop, neighbour: Shop) -> None:
    """Products and locations of another tenant are as none: 422 unknown-reference."""
    foreign = await neighbour.product()
    own = await shop.product()
    await shop.delete(f"/v1/products/{own['product_id']}")
    for fields, field in (
        ({"product_ids": [foreign["product_id"]]}, "product_ids"),
        ({"product_ids": [own["product_id"]]}, "product_ids"),
        ({"location_ids": [neighbour.location]}, "location_ids"),
    ):
        problem = await shop.post("/v1/price-rules", HALF | fields, 422)
        assert (problem["type"], problem["field"]) == ("/problems/unknown-reference", field)


async def test_a_manager_changes_prices_and_an_owner_alone_taxes(shop: Shop) -> None:
    """A viewer reads; 403 otherwise."""
    manager, viewer = await shop.tenant.key_for("manager"), await shop.tenant.key_for("viewer")
    group = {"code": "X", "name": "X", "components": []}

    assert (await manager.post("/v1/price-rules", HALF))[0] == 201
    assert (await manager.post("/v1/products", shop.coffee()))[0] == 201
    assert (await manager.post("/v1/prices", {"sku": "COFFEE", "price_minor": 1}))[0] == 201
    assert (await manager.post("/v1/tax-groups", group))[0] == 403
    assert (await manager.patch(f"/v1/tax-groups/{shop.tax_group}", {}))[0] == 403
    for path in ("/v1/tax-groups", "/v1/products", "/v1/prices", "/v1/price-rules"):
        assert (await viewer.get(path))[0] == 200
        assert (await viewer.post(path, {}))[0] == 403
