"""Section 2 and 12: whatever can be created can be listed, read, changed and deleted, all in one style."""

from typing import Any

import pytest

from tests.contract.independent_client import Server
from tests.contract.independent_shop import Shop, Tenant, fresh, new_id


def bodies(tenant: Tenant) -> dict[str, tuple[str, dict[str, Any], dict[str, Any]]]:
    """For each collection: the name of its id, a body that creates, and a change."""
    number = str(int(new_id()[:8], 16))[:8]
    return {
        "locations": (
            "location_id",
            {"name": "Shop", "code": fresh("L")[:14], "timezone": "UTC"},
            {"name": "Other"},
        ),
        "tax-groups": (
            "tax_group_id",
            {
                "code": fresh("T")[:14],
                "name": "Tax",
                "components": [
                    {
                        "code": "VAT",
                        "rate_ppm": 200_000,
                        "compound": False,
                        "valid_from": None,
                        "valid_to": "2030-12-31",
                        "location_ids": None,
                    }
                ],
            },
            {"name": "Value added tax"},
        ),
        "products": (
            "product_id",
            {
                "sku": fresh("S"),
                "name": "Thing",
                "unit": "KGM",
                "price_minor": 5,
                "barcodes": [],
                "tax_group_id": tenant.tax_group({"code": "VAT", "rate_ppm": 1}),
            },
            {"price_minor": 6},
        ),
        "price-rules": (
            "price_rule_id",
            {
                "name": "Offer",
                "kind": "multibuy",
                "value": {"take": 3, "price_minor": 500},
                "category": fresh("c"),
                "days_of_week": [1, 7],
                "time_from": "10:00:00",
                "time_to": "12:00:00",
                "priority": -3,
            },
            {"priority": 4},
        ),
        "cashiers": (
            "cashier_id",
            {"name": "Ann", "number": number, "pin": "4831", "role": "cashier", "location_ids": None},
            {"name": "Anna"},
        ),
        "users": (
            "user_id",
            {"email": f"{fresh('a')}@example.org", "password": "correct horse battery staple", "role": "viewer"},
            {"role": "manager"},
        ),
        "api-keys": ("api_key_id", {"label": "till shop", "role": "viewer", "expires_at": "2090-01-01T00:00:00Z"}, {}),
    }


collections = ["locations", "tax-groups", "products", "price-rules", "cashiers", "users", "api-keys"]
secrets = {"pin", "password"}


@pytest.mark.parametrize("name", collections)
def test_a_thing_is_created_listed_read_changed_and_deleted(tenant: Tenant, name: str) -> None:
    id_name, body, change = bodies(tenant)[name]
    owner, path = tenant.owner, f"/v1/{name}"
    shown = {field: value for field, value in body.items() if field not in secrets}

    made = owner.post(path, body).ok(201)
    one = f"{path}/{made[id_name]}"
    read = owner.get(one).ok()

    assert {field: made[field] for field in shown} == shown
    assert {field: read[field] for field in shown} == shown
    assert id_name in read
    assert made[id_name] in listed(tenant, name, id_name)
    if change:
        changed = owner.patch(one, change).ok()
        assert {field: changed[field] for field in shown} == {**shown, **change}
        assert changed["revision"] != read["revision"]
        assert owner.patch(one, {**change, "revision": read["revision"]}).refusal == (409, "stale-revision")
    assert owner.delete(one).status == 204
    assert (owner.get(one).status, owner.delete(one).status) == (404, 404)
    assert made[id_name] not in listed(tenant, name, id_name)


def listed(tenant: Tenant, name: str, id_name: str) -> list[str]:
    found: list[str] = []
    cursor = None
    while True:
        page = tenant.owner.get(f"/v1/{name}", limit=1000, cursor=cursor).ok()
        assert set(page) == {name.replace("-", "_"), "next_cursor"}
        found += [one[id_name] for one in page[name.replace("-", "_")]]
        cursor = page["next_cursor"]
        if cursor is None:
            return found


@pytest.mark.parametrize("name", collections)
def test_a_field_of_tomorrow_is_ignored(tenant: Tenant, name: str) -> None:
    id_name, body, _ = bodies(tenant)[name]

    made = tenant.owner.post(f"/v1/{name}", {**body, "of_tomorrow": {"x": 1}}).ok(201)

    assert id_name in made
    assert "of_tomorrow" not in made


@pytest.mark.parametrize("name", collections)
def test_a_nul_in_a_set_up_body_is_invalid(tenant: Tenant, name: str) -> None:
    _, body, _ = bodies(tenant)[name]
    field = next(field for field in ("name", "label", "email") if field in body)

    answer = tenant.owner.post(f"/v1/{name}", {**body, field: "a\u0000b"})

    assert answer.refusal == (422, "invalid")
    assert answer.json["field"] == field


@pytest.mark.parametrize("name", collections)
def test_half_a_surrogate_in_a_set_up_body_is_invalid(tenant: Tenant, name: str) -> None:
    _, body, _ = bodies(tenant)[name]
    field = next(field for field in ("name", "label", "email") if field in body)

    assert tenant.owner.post(f"/v1/{name}", {**body, field: "a\ud800b"}).refusal == (422, "invalid")


# Keys


def test_a_deleted_key_and_an_expired_one_open_nothing(tenant: Tenant, server: Server) -> None:
    made = tenant.owner.post("/v1/api-keys", {"label": "x", "role": "viewer"}).ok(201)
    client = server.client(made["api_key"])
    assert client.get("/v1/locations").status == 200

    tenant.owner.delete(f"/v1/api-keys/{made['api_key_id']}").ok(204)
    assert client.get("/v1/locations").refusal == (401, "unauthenticated")

    expired = tenant.owner.post("/v1/api-keys", {"label": "x", "role": "viewer", "expires_at": "2020-01-01T00:00:00Z"})
    if expired.status == 201:
        assert server.client(expired.json["api_key"]).get("/v1/locations").refusal == (401, "unauthenticated")
    else:
        assert expired.refusal == (422, "invalid")


def test_a_key_is_shown_once_and_kept_nowhere(tenant: Tenant) -> None:
    made = tenant.owner.post("/v1/api-keys", {"label": "x", "role": "viewer"}).ok(201)
    shown = (
        tenant.owner.get("/v1/api-keys", limit=1000).body
        + tenant.owner.get(f"/v1/api-keys/{made['api_key_id']}").body
        + tenant.owner.get("/v1/audit", limit=1000).body
    )

    assert made["api_key"].encode() not in shown
    assert made["api_key"].split("_", 2)[2].encode() not in shown


@pytest.mark.parametrize("role", ["admin", "terminal", "", None])
def test_a_key_of_an_unknown_role_is_invalid(tenant: Tenant, role: str | None) -> None:
    answer = tenant.owner.post("/v1/api-keys", {"label": "x", "role": role})

    assert answer.refusal == (422, "invalid")
    assert answer.json["field"] == "role"


# Tax groups


@pytest.mark.parametrize(
    "component",
    [
        {"code": "VAT"},
        {"rate_ppm": 1},
        {"code": "VAT", "rate_ppm": -1},
        {"code": "VAT", "rate_ppm": 0.2},
        {"code": "VAT", "rate_ppm": "1"},
        {"code": "VAT", "rate_ppm": 1, "compound": "yes"},
        {"code": "VAT", "rate_ppm": 1, "valid_from": "2026-02-30"},
        {"code": "VAT", "rate_ppm": 1, "valid_from": "2026-02-02", "valid_to": "2026-02-01"},
    ],
    ids=str,
)
def test_a_component_that_cannot_be_is_invalid(tenant: Tenant, component: dict[str, Any]) -> None:
    answer = tenant.owner.post("/v1/tax-groups", {"code": fresh("T")[:14], "name": "x", "components": [component]})

    assert answer.refusal == (422, "invalid")
    assert answer.json["field"].startswith("components")


def test_a_cursor_of_the_exceptions_is_bound_to_their_status(shop: Shop) -> None:
    register = shop.register()
    for _ in range(3):
        register.sell(shop.wine(), currency="USD")
    register.till.push()
    owner = shop.tenant.owner
    cursor = owner.get("/v1/exceptions", status="open", limit=1).ok()["next_cursor"]

    assert owner.get("/v1/exceptions", status="open", limit=1, cursor=cursor).status == 200
    assert owner.get("/v1/exceptions", limit=1, cursor=cursor).refusal == (400, "bad-cursor")
    assert owner.get("/v1/exceptions", status="closed").refusal == (422, "invalid")
