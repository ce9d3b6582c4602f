"""Locations over HTTP (contract, section 2)."""

from typing import Any
from uuid import uuid4

import pytest

from tests.central.conftest import Central, TenantFixture
from tests.central.terminals_fixture import make_location, make_terminal, new_terminal

SHOP: dict[str, Any] = {"name": "Harbour", "code": "HB", "timezone": "Europe/Berlin"}


async def test_a_location_answers_all_that_it_was_made_with(tenant: TenantFixture) -> None:
    more = {
        "address": "Quay 1",
        "tax_number": "DE123",
        "receipt_header": "Welcome",
        "receipt_footer": "Come again",
        "locale": "de-DE",
    }
    status, made, _ = await tenant.post("/v1/locations", SHOP | more)
    read = await tenant.get(f"/v1/locations/{made['location_id']}")

    assert status == 201
    assert made == SHOP | more | {"location_id": made["location_id"], "revision": 1}
    assert read[:2] == (200, made)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"timezone": "../etc/passwd"}, "timezone"),
        ({"timezone": None}, "timezone"),
        ({"name": ""}, "name"),
        ({"name": "a\0b"}, "name"),
        ({"code": ""}, "code"),
        ({"code": "a b"}, "code"),
        ({"locale": "???"}, "locale"),
    ],
)
async def test_a_wrong_field_is_named(tenant: TenantFixture, wrong: dict[str, Any], field: str) -> None:
    status, answer, _ = await tenant.post("/v1/locations", SHOP | wrong)

    assert (status, answer["field"]) == (422, field)


async def test_a_code_is_unique_in_its_tenant_alone(central: Central, tenant: TenantFixture) -> None:
    await tenant.post("/v1/locations", SHOP)
    status, answer, _ = await tenant.post("/v1/locations", SHOP | {"name": "Other"})
    elsewhere, _, _ = await (await central.tenant("Else")).post("/v1/locations", SHOP)

    assert (status, answer["type"], answer["field"]) == (409, "/problems/duplicate", "code")
    assert elsewhere == 201


async def test_codes_that_print_alike_still_give_each_terminal_a_prefix_of_its_own(tenant: TenantFixture) -> None:
    one = await new_terminal(tenant, await make_location(tenant, "store-1"))
    two = await new_terminal(tenant, await make_location(tenant, "STORE1"))
    three = await new_terminal(tenant, await make_location(tenant, "Ü"))

    prefixes = [terminal.enrolment["receipt_prefix"] for terminal in (one, two, three)]
    assert prefixes == ["STORE1-1A-", "STORE1X2-1A-", "L-1A-"]


async def test_a_patch_clears_with_null_and_leaves_what_is_absent(tenant: TenantFixture) -> None:
    _, made, _ = await tenant.post("/v1/locations", SHOP | {"address": "Quay 1", "locale": "de"})
    path = f"/v1/locations/{made['location_id']}"
    status, changed, _ = await tenant.patch(path, {"address": None, "name": "Port", "revision": 1})
    stale, answer, _ = await tenant.patch(path, {"name": "Port 2", "revision": 1})
    unknown, other, _ = await tenant.patch(path, {"timezone": "Nowhere"})

    assert (status, changed) == (200, made | {"address": None, "name": "Port", "revision": 2})
    assert (stale, answer["type"]) == (409, "/problems/stale-revision")
    assert (unknown, other["field"]) == (422, "timezone")


async def test_a_patch_may_not_take_another_locations_code(tenant: TenantFixture) -> None:
    await tenant.post("/v1/locations", SHOP)
    other = await make_location(tenant, "HH")
    status, answer, _ = await tenant.patch(f"/v1/locations/{other}", {"code": "HB"})

    assert (status, answer["field"]) == (409, "code")


async def test_a_location_with_terminals_is_not_deleted(tenant: TenantFixture) -> None:
    location_id = await make_location(tenant)
    path = f"/v1/locations/{location_id}"
    made = await make_terminal(tenant, location_id)
    status, answer, _ = await tenant.delete(path)
    empty = await make_location(tenant, "EMPTY")
    gone, _, _ = await tenant.delete(f"/v1/locations/{empty}")
    again, _, _ = await tenant.delete(f"/v1/locations/{empty}")

    assert (status, answer["type"]) == (409, "/problems/in-use")
    assert (gone, again) == (204, 404)
    assert (await tenant.get(f"/v1/terminals/{made['terminal_id']}"))[0] == 200
    assert await make_location(tenant, "EMPTY") != empty


async def test_locations_are_listed_by_pages(tenant: TenantFixture) -> None:
    codes = [f"S{number}" for number in range(5)]
    for code in codes:
        await make_location(tenant, code)
    _, first, _ = await tenant.get("/v1/locations?limit=3")
    _, second, _ = await tenant.get(f"/v1/locations?limit=3&cursor={first['next_cursor']}")

    assert [location["code"] for location in first["locations"] + second["locations"]] == codes
    assert second["next_cursor"] is None


async def test_another_tenants_location_is_as_one_that_does_not_exist(central: Central, tenant: TenantFixture) -> None:
    location_id = await make_location(tenant)
    other = await central.tenant("Else")
    for method, body in (("GET", None), ("PATCH", {"name": "Mine"}), ("DELETE", None)):
        theirs = await other.request(method, f"/v1/locations/{location_id}", body)
        nobodys = await other.request(method, f"/v1/locations/{uuid4()}", body)
        assert theirs[:2] == nobodys[:2]
        assert theirs[0] == 404
    status, answer, _ = await other.post("/v1/terminals", {"location_id": str(location_id), "label": "Spy"})
    assert (status, answer["type"], answer["field"]) == (422, "/problems/unknown-reference", "location_id")


async def test_only_an_owner_makes_locations(tenant: TenantFixture) -> None:
    manager = await tenant.key_for("manager")
    viewer = await tenant.key_for("viewer")

    assert (await manager.post("/v1/locations", SHOP))[0] == 403
    assert (await viewer.get("/v1/locations"))[0] == 200
