"""Section 1: who may call what, and that another tenant's things are as things that do not exist."""

import re
from typing import Any

import pytest

from tests.contract.independent_client import Answer, Client, Server
from tests.contract.independent_shop import Shop, Tenant, fresh, new_id

roles = ("owner", "manager", "viewer", "terminal")
public = {"POST /v1/enrol", "POST /v1/oauth/token", "GET /v1/openapi.json", "GET /healthz", "GET /readyz"}
people = {"GET /login", "POST /login", "POST /logout"}
of_terminals = {"GET /v1/products/lookup", "GET /v1/vouchers/{code}", "GET /v1/receipts/{receipt_number}"}
of_owners_alone = ("/v1/users", "/v1/api-keys", "/v1/audit")
of_managers = ("/v1/products", "/v1/prices", "/v1/price-rules", "/v1/cashiers", "/v1/exceptions")
volatile = {"date", "server-timing", "x-request-id"}


def may(route: str) -> set[str]:
    """Who may call a route, by the words of section 1."""
    method, path = route.split(" ")
    if path.startswith("/v1/sync/"):
        return {"terminal"}
    if path.startswith(of_owners_alone):
        return {"owner"}
    allowed = {"owner"}
    if method == "GET":
        allowed |= {"manager", "viewer"}
    elif path.startswith(of_managers):
        allowed |= {"manager"}
    return allowed | ({"terminal"} if route in of_terminals else set())


@pytest.fixture(scope="module")
def callers(tenant: Tenant) -> dict[str, Client]:
    shop = Shop(tenant, tenant.location()["location_id"], "", "")
    clients = {role: tenant.server.client(tenant.key_of(role)) for role in roles[:3]}
    return {**clients, "terminal": shop.register().till.client}


def filled(path: str) -> str:
    return re.sub(r"\{[^}]+\}", lambda found: "1" if "epoch" in found[0] or "branch" in found[0] else new_id(), path)


def calling(client: Client, route: str) -> Answer:
    method, path = route.split(" ")
    return client.get(filled(path)) if method == "GET" else client.send(method, filled(path), {})


def test_every_route_bears_its_roles_and_they_are_those_of_the_page(routes: dict[str, Any]) -> None:
    said = {route: set(operation["x-roles"]) for route, operation in routes.items() if route not in public | people}

    assert said == {route: may(route) for route in said}


def test_a_caller_without_a_role_is_forbidden_and_one_with_it_is_not(
    routes: dict[str, Any], callers: dict[str, Client]
) -> None:
    for route in sorted(set(routes) - public - people):
        for role in roles:
            answer = calling(callers[role], route)
            if role in may(route):
                assert answer.status not in {401, 403}, (route, role)
            else:
                assert answer.refusal == (403, "forbidden"), (route, role)


def test_nobody_is_served_without_credentials(routes: dict[str, Any], server: Server) -> None:
    wrong = ("", "tsk_", f"tsk_{new_id()}_{'A' * 43}", "tsk_x_y", "eyJhbGciOiJub25lIn0.e30.", "Bearer")
    for route in sorted(set(routes) - public - people):
        for bearer in (None, wrong[len(route) % len(wrong)]):
            answer = calling(server.client(bearer), route)
            assert answer.refusal == (401, "unauthenticated"), (route, bearer)
    for bearer in wrong:
        assert server.client(bearer).get("/v1/locations").refusal == (401, "unauthenticated")


def test_a_key_cut_or_extended_by_one_character_is_none(tenant: Tenant) -> None:
    for key in (tenant.key[:-1], tenant.key + "A", tenant.key.upper(), tenant.key.replace("tsk_", "TSK_")):
        assert tenant.server.client(key).get("/v1/locations").refusal == (401, "unauthenticated")


def test_a_key_has_its_form_and_256_random_bits(tenant: Tenant) -> None:
    prefix, id_, secret = tenant.key.split("_", 2)

    assert prefix == "tsk"
    assert id_
    assert len(secret) >= 43 or (len(secret) == 64 and int(secret, 16) >= 0)


def test_a_terminal_is_forbidden_also_where_the_thing_does_not_exist(callers: dict[str, Client]) -> None:
    for path in (f"/v1/products/{new_id()}", f"/v1/locations/{new_id()}", "/v1/products/x", "/v1/settings"):
        assert callers["terminal"].get(path).refusal == (403, "forbidden")


def test_a_tenant_id_in_query_header_or_body_is_ignored(tenant: Tenant, stranger: Tenant) -> None:
    name = fresh("Mine")
    made = tenant.owner.send(
        "POST",
        "/v1/locations",
        {"name": name, "code": fresh("L")[:14], "timezone": "UTC", "tenant_id": stranger.tenant_id},
        {"X-Tenant-Id": stranger.tenant_id},
    ).ok(201)

    assert tenant.owner.get(f"/v1/locations/{made['location_id']}", tenant_id=stranger.tenant_id).ok()["name"] == name
    assert stranger.owner.get(f"/v1/locations/{made['location_id']}").status == 404


@pytest.fixture(scope="module")
def foreign(stranger: Tenant) -> dict[str, str]:
    """One thing of each kind that another tenant has."""
    owner = stranger.owner
    location_id = stranger.location()["location_id"]
    product = stranger.product()
    cashier = owner.post("/v1/cashiers", {"name": "A", "number": fresh_number(), "pin": "4831", "role": "cashier"})
    rule = owner.post("/v1/price-rules", {"name": "x", "kind": "amount_off", "value": 1, "category": "x"})
    register = Shop(stranger, location_id, product["product_id"], "").register()
    register.sell(Shop(stranger, location_id, product["product_id"], "").wine(), currency="USD")
    register.till.push()
    return {
        "location_id": location_id,
        "product_id": product["product_id"],
        "tax_group_id": product["tax_group_id"],
        "terminal_id": register.till.terminal_id,
        "cashier_id": cashier.ok(201)["cashier_id"],
        "price_rule_id": rule.ok(201)["price_rule_id"],
        "price_id": owner.post("/v1/prices", {"product_id": product["product_id"], "price_minor": 1}).ok(201)[
            "price_id"
        ],
        "api_key_id": owner.post("/v1/api-keys", {"label": "x", "role": "viewer"}).ok(201)["api_key_id"],
        "user_id": owner.post(
            "/v1/users", {"email": f"{fresh('a')}@example.org", "password": "correct horse battery", "role": "viewer"}
        ).ok(201)["user_id"],
        "receipt_number": register.events[0][1]["receipt_number"],
        "exception_id": owner.get("/v1/exceptions").ok()["exceptions"][0]["exception_id"],
        "branch": "1",
        "epoch": "1",
        "code": "nobodys",
    }


def fresh_number() -> str:
    return str(int(new_id()[:8], 16))[:8]


def test_what_another_tenant_has_answers_as_what_does_not_exist(
    routes: dict[str, Any], tenant: Tenant, foreign: dict[str, str]
) -> None:
    unknown = {name: value if value in {"1", "nobodys"} else new_id() for name, value in foreign.items()}
    bodies = {
        "/v1/terminals/{terminal_id}/branches/{branch}/resolution": {"action": "adopt", "note": "x"},
        "/v1/exceptions/{exception_id}/resolution": {"action": "accept", "note": "x"},
        "/v1/terminals/{terminal_id}/epochs/{epoch}/lost": {"from": 1, "to": 1, "note": "x"},
    }
    seen = 0
    for route in sorted(set(routes) - public - people):
        method, path = route.split(" ")
        if "{" not in path or may(route) == {"terminal"}:
            continue
        answers = []
        for ids in (foreign, unknown):
            target = path.format_map(ids)
            if method == "GET":
                answers.append(tenant.owner.get(target))
            else:
                answers.append(tenant.owner.send(method, target, bodies.get(path, {})))
        mine, nobodys = answers
        assert mine.status == nobodys.status == 404, (route, mine.status, nobodys.status)
        assert mine.body == nobodys.body, route
        assert {name: value for name, value in mine.headers.items() if name not in volatile} == {
            name: value for name, value in nobodys.headers.items() if name not in volatile
        }, route
        seen += 1

    assert seen >= 15


def test_lists_hold_nothing_of_another_tenant(routes: dict[str, Any], tenant: Tenant, foreign: dict[str, str]) -> None:
    for route in sorted(set(routes) - public - people):
        method, path = route.split(" ")
        if method == "GET" and "{" not in path and "owner" in may(route):
            body = tenant.owner.get(path, limit=1000).body.decode(errors="replace")
            for name in ("location_id", "product_id", "terminal_id", "cashier_id", "receipt_number"):
                assert foreign[name] not in body, route


def test_the_password_of_a_user_shows_nowhere(tenant: Tenant) -> None:
    password = fresh("correct horse battery")
    email = f"{fresh('b')}@example.org"
    made = tenant.owner.post("/v1/users", {"email": email, "password": password, "role": "viewer"})
    body = made.body + tenant.owner.get("/v1/users", limit=1000).body + tenant.owner.get("/v1/audit", limit=100).body

    assert made.status == 201
    assert password.encode() not in body
    assert b"argon2" not in body
