"""Another tenant's id answers exactly as an id that does not exist: same status, same body, same headers."""

import re
from typing import Any

import pytest

from central.app import ROUTES
from central.http import Route
from tests.central.conftest import Central, TenantFixture
from tests.central.terminals_fixture import make_location, make_terminal

UNKNOWN = "01890000-0000-7000-8000-000000000000"
UNMADE = {"exception_id"}
"""Ids that no call makes: their domain's own tests show them across tenants."""

LOST = {"from": 1, "to": 1}
BY_ID = [route for route in ROUTES if re.search(r"\{[a-z_]+_id\}", route.path) and "owner" in route.roles]


async def _made(tenant: TenantFixture) -> dict[str, str]:
    """One of each thing that has an id."""
    location_id = await make_location(tenant)
    terminal = await make_terminal(tenant, location_id)
    group = {"code": "STD", "name": "Standard", "components": [{"code": "VAT", "rate_ppm": 190_000}]}
    tax_group_id = (await tenant.post("/v1/tax-groups", group))[1]["tax_group_id"]
    product = {"sku": "WINE", "name": "Wine", "unit": "C62", "price_minor": 999, "tax_group_id": tax_group_id}
    product_id = (await tenant.post("/v1/products", product))[1]["product_id"]
    rule = {"name": "Ten off", "kind": "percent_off", "value": 100_000, "product_ids": [product_id]}
    bodies: dict[str, tuple[str, dict[str, Any]]] = {
        "api_key_id": ("/v1/api-keys", {"label": "x", "role": "viewer"}),
        "user_id": ("/v1/users", {"email": "a@b.example", "password": "long enough, I hope", "role": "viewer"}),
        "cashier_id": ("/v1/cashiers", {"name": "Anna", "number": "1", "pin": "2580", "role": "cashier"}),
        "price_id": ("/v1/prices", {"sku": "WINE", "price_minor": 899}),
        "price_rule_id": ("/v1/price-rules", rule),
    }
    made = {
        "location_id": str(location_id),
        "terminal_id": terminal["terminal_id"],
        "tax_group_id": tax_group_id,
        "product_id": product_id,
    }
    for name, (path, body) in bodies.items():
        status, answer, _ = await tenant.post(path, body)
        assert status == 201, answer
        made[name] = answer[name]
    return made


def _path(route: Route, ids: dict[str, str]) -> str:
    path = re.sub(r"\{([a-z_]+_id)\}", lambda found: ids[found[1]], route.path)
    return re.sub(r"\{[a-z_]+(:int)?\}", "1", path)


def _ids(route: Route) -> set[str]:
    return set(re.findall(r"\{([a-z_]+_id)\}", route.path))


def _comparable(answer: Any) -> Any:
    status, body, headers = answer
    return status, body, {name: value for name, value in headers.items() if name not in ("Date", "Server-Timing")}


@pytest.mark.parametrize(
    "body", [None, {}, {"name": "x", "label": "x", "action": "adopt", "note": "x", "from": 1, "to": 1}]
)
async def test_another_tenants_id_in_a_path_is_as_an_unknown_one(central: Central, body: object) -> None:
    mine, theirs = await central.tenant("Mine"), await central.tenant("Theirs")
    foreign = await _made(theirs)
    unknown = dict.fromkeys([*foreign, *UNMADE], UNKNOWN)
    tried = set()
    for route in BY_ID:
        if _ids(route) & UNMADE:
            continue
        tried |= _ids(route)
        one = await mine.request(route.method, _path(route, foreign), body)
        other = await mine.request(route.method, _path(route, unknown), body)

        assert _comparable(one) == _comparable(other), route.name
        assert one[0] in ((404,) if body is None and route.request is None else (404, 415, 422)), route.name

    assert tried == set(foreign)


async def test_the_ids_are_real_to_their_own_tenant(central: Central) -> None:
    theirs = await central.tenant("Theirs")
    foreign = await _made(theirs)
    reads = [route for route in BY_ID if route.method == "GET" and not _ids(route) & UNMADE]

    assert {route.name: (await theirs.get(_path(route, foreign)))[0] for route in reads} == {
        route.name: 200 for route in reads
    }


async def test_a_tenant_in_a_body_query_or_header_is_ignored(central: Central) -> None:
    mine, theirs = await central.tenant("Mine"), await central.tenant("Theirs")
    body = {"label": "x", "role": "viewer", "tenant_id": str(theirs.tenant_id)}
    headers = {"X-Tenant-Id": str(theirs.tenant_id), "Tenant-Id": str(theirs.tenant_id)}
    status, made, _ = await mine.post(f"/v1/api-keys?tenant_id={theirs.tenant_id}", body, headers=headers)
    _, listed, _ = await theirs.get("/v1/api-keys")

    assert status == 201
    assert made["api_key_id"] not in {row["api_key_id"] for row in listed["api_keys"]}


async def test_every_route_with_a_key_refuses_a_terminals_kind_of_token_and_none(central: Central) -> None:
    for route in ROUTES:
        if not route.roles:
            continue
        path = _path(route, dict.fromkeys(_ids(route), UNKNOWN))
        for token in (None, "tst_nothing", "tsk_nothing"):
            status, problem, headers = await central.anybody(token).request(route.method, path)
            assert (status, problem["type"]) == (401, "/problems/unauthenticated"), route.name
            assert "Server-Timing" not in headers
