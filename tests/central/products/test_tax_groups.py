"""Tax groups over HTTP."""

from typing import Any

import pytest

from tests.central.products.conftest import Shop

VAT = {
    "code": "FOOD",
    "name": "Food",
    "components": [
        {"code": "STATE", "rate_ppm": 62_500},
        {"code": "CITY", "rate_ppm": 22_500, "compound": True, "valid_from": "2026-01-01", "valid_to": "2026-12-31"},
    ],
}


async def test_a_tax_group_bears_every_field_that_it_was_made_with(shop: Shop) -> None:
    """The answer has the body's fields with their defaults, an id and a revision, and is what GET answers."""
    made = await shop.post("/v1/tax-groups", VAT)

    assert made["components"][0] == {
        "code": "STATE",
        "rate_ppm": 62_500,
        "compound": False,
        "valid_from": None,
        "valid_to": None,
        "location_ids": None,
    }
    assert made["components"][1]["valid_to"] == "2026-12-31"
    assert made["revision"] >= 1
    assert await shop.get(f"/v1/tax-groups/{made['tax_group_id']}") == made


async def test_a_code_is_unique_in_the_tenant(shop: Shop, neighbour: Shop) -> None:
    """A second group of the code is refused; another tenant's is not."""
    await shop.post("/v1/tax-groups", VAT)
    problem = await shop.post("/v1/tax-groups", VAT, 409)
    await neighbour.post("/v1/tax-groups", VAT)

    assert problem["type"].endswith("/duplicate")
    assert problem["field"] == "code"


async def test_a_changed_rate_is_kept_and_raises_the_revision(shop: Shop) -> None:
    """PATCH merges; a revision that went stale is 409."""
    made = await shop.post("/v1/tax-groups", VAT)
    path = f"/v1/tax-groups/{made['tax_group_id']}"
    changed = await shop.patch(path, {"name": "Groceries", "revision": made["revision"]})
    stale = await shop.patch(path, {"name": "Other", "revision": made["revision"]}, 409)

    assert changed["name"] == "Groceries"
    assert changed["components"] == made["components"]
    assert changed["revision"] > made["revision"]
    assert stale["type"].endswith("/stale-revision")
    assert await shop.get(path) == changed


async def test_a_tax_group_that_a_product_bears_stays(shop: Shop) -> None:
    """It can be deleted once no product bears it, a withdrawn one neither."""
    product = await shop.product()
    path = f"/v1/tax-groups/{shop.tax_group}"
    problem = await shop.delete(path, 409)
    await shop.delete(f"/v1/products/{product['product_id']}")
    await shop.delete(path)
    await shop.get(path, 404)
    await shop.delete(path, 404)

    assert problem["type"].endswith("/in-use")


@pytest.mark.parametrize(
    ("components", "field"),
    [
        ([{"code": "A", "rate_ppm": 1.0}], "components[].rate_ppm"),
        ([{"code": "A", "rate_ppm": "1"}], "components[].rate_ppm"),
        ([{"code": "A", "rate_ppm": True}], "components[].rate_ppm"),
        ([{"code": "A", "rate_ppm": -1}], "components[].rate_ppm"),
        ([{"rate_ppm": 1}], "components[].code"),
        ([{"code": "A", "rate_ppm": 1, "location_ids": []}], "components[].location_ids"),
        (
            [{"code": "A", "rate_ppm": 1, "valid_from": "2026-02-01", "valid_to": "2026-01-31"}],
            "components[0].valid_from",
        ),
        ([{"code": str(n), "rate_ppm": 1} for n in range(17)], "components"),
    ],
)
async def test_a_component_that_makes_no_sense_is_refused(shop: Shop, components: list[Any], field: str) -> None:
    """422 with the field."""
    problem = await shop.post("/v1/tax-groups", VAT | {"components": components}, 422)

    assert problem["type"].endswith("/invalid")
    assert problem["field"].replace("[0]", "[]") == field.replace("[0]", "[]")


async def test_rates_may_follow_each_other_without_bound(shop: Shop) -> None:
    """Sixteen taxes may count at once; how many ever did does not matter."""
    components = [
        {"code": "A", "rate_ppm": n, "valid_from": f"{2000 + n}-01-01", "valid_to": f"{2000 + n}-12-31"}
        for n in range(40)
    ]

    await shop.post("/v1/tax-groups", VAT | {"components": components})


async def test_a_component_names_locations_of_its_own_tenant(shop: Shop, neighbour: Shop) -> None:
    """Another tenant's location is as one that does not exist: 422 unknown-reference."""
    components = [{"code": "A", "rate_ppm": 1, "location_ids": [neighbour.location]}]
    problem = await shop.post("/v1/tax-groups", VAT | {"components": components}, 422)

    assert problem["type"].endswith("/unknown-reference")
    assert problem["field"] == "components[0].location_ids"


async def test_another_tenants_tax_group_is_as_none(shop: Shop, neighbour: Shop) -> None:
    """Reading, changing and deleting it answer what an unknown id answers."""
    path = f"/v1/tax-groups/{neighbour.tax_group}"
    unknown = "/v1/tax-groups/00000000-0000-7000-8000-000000000000"

    assert await shop.get(path, 404) == await shop.get(unknown, 404)
    assert await shop.patch(path, {"name": "X"}, 404) == await shop.patch(unknown, {"name": "X"}, 404)
    assert await shop.delete(path, 404) == await shop.delete(unknown, 404)


async def test_tax_groups_are_listed_by_pages(shop: Shop) -> None:
    """The pages together hold each group once."""
    for code in "ABC":
        await shop.post("/v1/tax-groups", {"code": code, "name": code, "components": []})
    first = await shop.get("/v1/tax-groups?limit=3")
    second = await shop.get(f"/v1/tax-groups?limit=3&cursor={first['next_cursor']}")

    codes = [group["code"] for group in first["tax_groups"] + second["tax_groups"]]
    assert sorted(codes) == ["A", "B", "C", "VAT"]
    assert second["next_cursor"] is None
