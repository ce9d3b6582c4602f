"""Prices by place and date, over HTTP."""

from typing import Any

import pytest

from tests.central.products.conftest import Shop


async def test_a_price_bears_every_field_that_it_was_made_with(shop: Shop) -> None:
    """It is found by its id, in the list, and with its product."""
    product = await shop.product(barcodes=["4006381333931"])
    made = await shop.post(
        "/v1/prices",
        {
            "sku": "COFFEE",
            "barcode": "04006381333931",
            "location_ids": [shop.location],
            "price_minor": 599,
            "valid_from": "2026-01-01",
            "valid_to": "2026-12-31",
        },
    )

    assert made == {
        "price_id": made["price_id"],
        "product_id": product["product_id"],
        "sku": "COFFEE",
        "barcode": "04006381333931",
        "location_ids": [shop.location],
        "price_minor": 599,
        "valid_from": "2026-01-01",
        "valid_to": "2026-12-31",
        "revision": made["revision"],
    }
    assert await shop.get(f"/v1/prices/{made['price_id']}") == made
    assert (await shop.get("/v1/prices"))["prices"] == [made]
    assert (await shop.get(f"/v1/prices?product_id={product['product_id']}"))["prices"] == [made]
    assert (await shop.get(f"/v1/products/{product['product_id']}"))["prices"] == [made]


async def test_a_price_can_be_taken_away(shop: Shop) -> None:
    """DELETE is 204, then 404, and the product's own price counts again."""
    await shop.product(barcodes=["4006381333931"])
    made = await shop.post("/v1/prices", {"sku": "COFFEE", "price_minor": 599})
    before = await shop.look_up("4006381333931")
    await shop.delete(f"/v1/prices/{made['price_id']}")
    await shop.delete(f"/v1/prices/{made['price_id']}", 404)
    await shop.get(f"/v1/prices/{made['price_id']}", 404)

    assert before["list_price_minor"] == 599
    assert (await shop.look_up("4006381333931"))["list_price_minor"] == 699


async def test_the_prices_of_a_withdrawn_product_go_with_it(shop: Shop) -> None:
    product = await shop.product()
    await shop.post("/v1/prices", {"sku": "COFFEE", "price_minor": 599})
    await shop.delete(f"/v1/products/{product['product_id']}")

    assert (await shop.get("/v1/prices"))["prices"] == []


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"price_minor": -1}, "price_minor"),
        ({"price_minor": None}, "price_minor"),
        ({"product_id": None, "sku": None}, "product_id"),
        ({"valid_from": "2026-02-30"}, "valid_from"),
        ({"valid_from": "2026-02-01", "valid_to": "2026-01-31"}, "valid_from"),
        ({"location_ids": []}, "location_ids"),
    ],
)
async def test_a_price_that_makes_no_sense_is_refused(shop: Shop, fields: dict[str, Any], field: str) -> None:
    """422 with the field."""
    await shop.product()
    problem = await shop.post("/v1/prices", {"sku": "COFFEE", "price_minor": 1, **fields}, 422)

    assert (problem["type"], problem["field"]) == ("/problems/invalid", field)


async def test_a_price_names_what_its_own_tenant_has(shop: Shop, neighbour: Shop) -> None:
    """Product, barcode and location: 422 unknown-reference with the field; another tenant's is as none."""
    await shop.product(barcodes=["4006381333931"])
    foreign = await neighbour.product()
    for fields, field in (
        ({"product_id": foreign["product_id"]}, "product_id"),
        ({"sku": "TEA"}, "sku"),
        ({"sku": "COFFEE", "barcode": "4006381333948"}, "barcode"),
        ({"sku": "COFFEE", "location_ids": [shop.location, neighbour.location]}, "location_ids"),
    ):
        problem = await shop.post("/v1/prices", {"price_minor": 1, **fields}, 422)
        assert (problem["type"], problem["field"]) == ("/problems/unknown-reference", field)


async def test_another_tenants_price_is_as_none(shop: Shop, neighbour: Shop) -> None:
    await neighbour.product()
    foreign = await neighbour.post("/v1/prices", {"sku": "COFFEE", "price_minor": 1})
    unknown = "/v1/prices/00000000-0000-7000-8000-000000000000"

    assert await shop.get(f"/v1/prices/{foreign['price_id']}", 404) == await shop.get(unknown, 404)
    assert await shop.delete(f"/v1/prices/{foreign['price_id']}", 404) == await shop.delete(unknown, 404)
    await shop.get(f"/v1/prices?product_id={foreign['product_id']}", 404)
