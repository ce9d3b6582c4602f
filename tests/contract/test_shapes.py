"""Sections 2 and 12: lists, cursors, repeats under one key, settings, and the shapes of refusals."""

import json
import threading
from typing import Any

import pytest

from tests.contract.independent_client import Answer, Server
from tests.contract.independent_shop import Shop, Tenant, fresh, make_tenant, new_id


def location_body() -> dict[str, Any]:
    return {"name": "Shop", "code": fresh("L")[:14], "timezone": "UTC"}


@pytest.fixture
def key() -> str:
    return fresh("key")


# Things


def listed(tenant: Tenant, **query: Any) -> list[dict[str, Any]]:
    """All locations, page by page."""
    found, cursor = [], None
    while True:
        page = tenant.owner.get("/v1/locations", limit=1000, cursor=cursor, **query).ok()
        found += page["locations"]
        cursor = page["next_cursor"]
        if cursor is None:
            return found


def test_a_location_bears_every_field_and_can_be_read_listed_changed_and_deleted(tenant: Tenant) -> None:
    body = {
        **location_body(),
        "address": "1 Street\n1010 Town",
        "tax_number": "ATU123",
        "receipt_header": "Welcome",
        "receipt_footer": "Thank you",
        "locale": "de-AT",
    }
    owner = tenant.owner
    made = owner.post("/v1/locations", body).ok(201)
    path = f"/v1/locations/{made['location_id']}"

    assert {name: made[name] for name in body} == body
    assert "revision" in made
    assert owner.get(path).ok() == made
    assert made in listed(tenant)
    changed = owner.patch(path, {"receipt_footer": None, "name": "Other"}).ok()
    assert (changed["receipt_footer"], changed["name"], changed["locale"]) == (None, "Other", "de-AT")
    assert owner.delete(path).status == 204
    assert owner.delete(path).refusal == (404, "not-found")
    assert made["location_id"] not in [one["location_id"] for one in listed(tenant)]


@pytest.mark.parametrize("left_out", ["name", "code", "timezone"])
def test_the_first_three_of_a_location_are_required(tenant: Tenant, left_out: str) -> None:
    body = location_body()
    del body[left_out]

    answer = tenant.owner.post("/v1/locations", body)

    assert answer.refusal == (422, "invalid")
    assert answer.json["field"] == left_out


@pytest.mark.parametrize("zone", ["Europe/Atlantis", "", "../etc/passwd", "europe/vienna\u0000"])
def test_an_unknown_time_zone_is_invalid(tenant: Tenant, zone: str) -> None:
    answer = tenant.owner.post("/v1/locations", {**location_body(), "timezone": zone})

    assert answer.refusal == (422, "invalid")
    assert answer.json["field"] == "timezone"


def test_a_terminal_shows_what_the_back_office_must_see(shop: Shop) -> None:
    made = shop.tenant.terminal(shop.location_id, "Till 1")
    new = shop.tenant.owner.get(f"/v1/terminals/{made['terminal_id']}").ok()
    till = shop.tenant.enrol(made["enrolment_code"])
    till.journal.logs(1)
    till.push()
    active = shop.shown(till)

    assert (new["label"], new["status"], new["location_id"]) == ("Till 1", "new", shop.location_id)
    assert (active["status"], active["epoch"], active["applied_through"]) == ("active", 1, 1)
    assert set(active) >= {"queued", "missing", "last_seen_at", "lag_seconds"}
    changed = shop.tenant.owner.patch(f"/v1/terminals/{till.terminal_id}", {"label": "Till 9"}).ok()
    assert changed["label"] == "Till 9"


# Lists


def test_a_list_is_paged_by_its_cursor(shop: Shop) -> None:
    made = [shop.tenant.terminal(shop.location_id)["terminal_id"] for _ in range(5)]
    pages, cursor = [], None
    while True:
        page = shop.tenant.owner.get("/v1/terminals", limit=2, cursor=cursor, location_id=shop.location_id).ok()
        pages.append([one["terminal_id"] for one in page["terminals"]])
        cursor = page["next_cursor"]
        if cursor is None:
            break

    assert [len(page) for page in pages] == [2, 2, 1]
    assert sorted(id_ for page in pages for id_ in page) == sorted(made)


@pytest.mark.parametrize("limit", ["0", "1001", "-1", "x", "1.0", ""])
def test_a_limit_is_from_1_to_1000(tenant: Tenant, limit: str) -> None:
    answer = tenant.owner.get("/v1/locations", limit=limit)

    assert answer.refusal == (422, "invalid")
    assert answer.json["field"] == "limit"


def test_a_cursor_is_bound_to_its_caller_route_and_filters_and_cannot_be_changed(
    shop: Shop, stranger: Tenant, server: Server
) -> None:
    location_id = shop.location_id
    shop.tenant.location()
    for _ in range(2):
        shop.tenant.terminal(location_id)
    owner = shop.tenant.owner
    cursor = owner.get("/v1/locations", limit=1).ok()["next_cursor"]
    filtered = owner.get("/v1/terminals", limit=1, location_id=location_id).ok()["next_cursor"]
    another_key = server.client(shop.tenant.key_of("owner"))
    middle = len(cursor) // 2
    changed = cursor[:middle] + ("A" if cursor[middle] != "A" else "B") + cursor[middle + 1 :]

    assert owner.get("/v1/locations", limit=1, cursor=cursor).status == 200
    assert owner.get("/v1/terminals", limit=1, location_id=location_id, cursor=filtered).status == 200
    for answer in (
        owner.get("/v1/terminals", cursor=cursor),
        owner.get("/v1/terminals", cursor=filtered),
        another_key.get("/v1/locations", cursor=cursor),
        stranger.owner.get("/v1/locations", cursor=cursor),
        *(owner.get("/v1/locations", cursor=bad) for bad in (changed, cursor[:-2], cursor + "AA", "x", "")),
    ):
        assert answer.refusal == (400, "bad-cursor")


# Repeats


def repeat(tenant: Tenant, key: str, body: Any, path: str = "/v1/locations") -> Answer:
    return tenant.owner.post(path, body, {"Idempotency-Key": key})


def test_the_same_key_and_body_answers_the_first_result_again(tenant: Tenant, key: str) -> None:
    body = location_body()

    first, again = repeat(tenant, key, body), repeat(tenant, key, body)

    assert first.ok(201) == again.ok(201)
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert len([one for one in listed(tenant) if one["code"] == body["code"]]) == 1


def test_another_body_under_the_same_key_is_a_mismatch(tenant: Tenant, key: str) -> None:
    repeat(tenant, key, location_body()).ok(201)

    assert repeat(tenant, key, location_body()).refusal == (422, "idempotency-mismatch")


def test_a_key_is_of_a_caller_and_a_route(tenant: Tenant, server: Server, key: str) -> None:
    body = location_body()
    made = repeat(tenant, key, body).ok(201)
    other_route = repeat(tenant, key, {"location_id": made["location_id"], "label": "x"}, "/v1/terminals")
    other_caller = server.client(tenant.key_of("owner")).post(
        "/v1/locations", location_body(), {"Idempotency-Key": key}
    )

    assert other_route.status == other_caller.status == 201
    assert "idempotent-replayed" not in other_route.headers
    assert "idempotent-replayed" not in other_caller.headers


def test_only_a_success_is_remembered(tenant: Tenant, key: str) -> None:
    bad = {**location_body(), "timezone": "Nowhere"}

    assert repeat(tenant, key, bad).status == 422
    assert repeat(tenant, key, location_body()).status == 201


def test_a_repeat_bears_secrets_as_null(tenant: Tenant, key: str) -> None:
    location_id = tenant.location()["location_id"]
    terminal = {"location_id": location_id, "label": "x"}
    first, again = (repeat(tenant, key, terminal, "/v1/terminals").ok(201) for _ in range(2))
    made, made_again = (repeat(tenant, key, {"label": "x", "role": "viewer"}, "/v1/api-keys").ok(201) for _ in range(2))

    assert again == {**first, "enrolment_code": None}
    assert made_again == {**made, "api_key": None}
    assert set(made) >= {"api_key_id", "api_key", "label", "role", "expires_at"}


@pytest.mark.parametrize("key", ["", " ", "a" * 256, "a b", "\u00e9"])
def test_a_key_is_1_to_255_visible_ascii_characters(tenant: Tenant, key: str) -> None:
    assert repeat(tenant, key, location_body()).status in {400, 422}


def test_a_key_of_255_characters_is_taken(tenant: Tenant) -> None:
    assert repeat(tenant, fresh("k").ljust(255, "~"), location_body()).status == 201


def test_two_creates_at_once_under_one_key_make_one_thing(tenant: Tenant, key: str) -> None:
    body, answers = location_body(), []
    threads = [threading.Thread(target=lambda: answers.append(repeat(tenant, key, body))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert {answer.status for answer in answers} <= {201, 409}
    assert all(answer.refusal == (409, "idempotency-in-progress") for answer in answers if answer.status == 409)
    assert len([one for one in listed(tenant) if one["code"] == body["code"]]) == 1


# Settings


settings_fields = {
    *("price_mode", "tax_rounding", "cash_rounding_minor", "refund_window_days", "receipt_days_on_till"),
    *("refund_needs_supervisor", "offline_refund_limit_minor", "refund_without_receipt_max_minor", "discount_max_ppm"),
    *("voucher_offline_max_minor", "original_wait_hours", "clock_skew_seconds_max", "books_closed_through"),
    *("refund_to_original_tender", "tender_types", "reasons", "quick_keys", "in_store_barcodes"),
}


def test_settings_bear_every_field_and_a_location_may_override_any(own_tenant: Tenant) -> None:
    location_id = own_tenant.location()["location_id"]
    owner, there = own_tenant.owner, f"/v1/locations/{location_id}/settings"
    assert set(owner.get("/v1/settings").ok()) >= settings_fields
    assert set(owner.get(there).ok()) >= settings_fields

    owner.patch("/v1/settings", {"refund_window_days": 14, "cash_rounding_minor": 5}).ok()
    owner.patch(there, {"refund_window_days": 60}).ok()
    overridden = owner.get(there).ok()
    owner.patch(there, {"refund_window_days": None}).ok()
    cleared = owner.get(there).ok()

    assert (overridden["refund_window_days"], overridden["cash_rounding_minor"]) == (60, 5)
    assert (cleared["refund_window_days"], cleared["cash_rounding_minor"]) == (14, 5)


def test_a_new_tenant_rounds_by_the_receipt_in_whole_units(stranger: Tenant) -> None:
    found = stranger.owner.get("/v1/settings").ok()

    assert (found["tax_rounding"], found["cash_rounding_minor"], found["books_closed_through"]) == ("receipt", 1, None)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("price_mode", "free"),
        ("tax_rounding", "never"),
        ("cash_rounding_minor", 0),
        ("cash_rounding_minor", "5"),
        ("discount_max_ppm", -1),
        ("refund_needs_supervisor", "sometimes"),
        ("books_closed_through", "2026-02-30"),
        ("clock_skew_seconds_max", 1.5),
        ("tender_types", {}),
    ],
)
def test_a_setting_that_cannot_be_is_invalid(tenant: Tenant, field: str, value: Any) -> None:
    answer = tenant.owner.patch("/v1/settings", {field: value})

    assert answer.refusal == (422, "invalid")
    assert answer.json["field"].startswith(field)


# Audit


def test_a_change_is_kept_with_who_when_before_and_after(own_tenant: Tenant) -> None:
    made = own_tenant.location(name="Before")
    own_tenant.owner.patch(f"/v1/locations/{made['location_id']}", {"name": "After"}).ok()

    text = json.dumps(own_tenant.owner.get("/v1/audit", limit=100).ok())

    assert "Before" in text
    assert "After" in text
    assert made["location_id"] in text
    assert own_tenant.key not in text


# Refusals


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff", b'{"name": "a", "name": "b"}', b"17"])
def test_a_body_that_is_no_object_is_invalid(tenant: Tenant, body: bytes) -> None:
    answer = tenant.owner.post("/v1/locations", body)

    assert answer.refusal == (422, "invalid")
    assert {"type", "title", "status", "detail"} <= set(answer.json)


def test_a_type_is_a_relative_uri_that_ends_in_the_code(tenant: Tenant) -> None:
    answer = tenant.owner.get(f"/v1/locations/{new_id()}")

    assert answer.headers["content-type"] == "application/problem+json"
    assert "://" not in answer.json["type"]
    assert answer.json["type"].endswith("/not-found")
    assert answer.json["status"] == 404


def test_a_body_of_another_type_is_unsupported(tenant: Tenant) -> None:
    answer = tenant.owner.call("POST", "/v1/locations", b"<x/>", {"Content-Type": "application/xml"})

    assert answer.refusal == (415, "unsupported-media-type")


@pytest.mark.parametrize("path", ["/v1/nothing", "/v1/locations/x", "/v1/locations/", "/nothing"])
def test_what_is_not_there_is_not_found(tenant: Tenant, path: str) -> None:
    assert tenant.owner.get(path).refusal == (404, "not-found")


def test_a_body_beyond_any_bound_is_too_large(tenant: Tenant) -> None:
    answer = tenant.owner.post("/v1/locations", b'{"name": "' + b"a" * 20_000_000 + b'"}')

    assert answer.refusal == (413, "too-large")


def test_authenticated_answers_bear_server_timing_and_health_needs_no_key(tenant: Tenant, server: Server) -> None:
    assert "server-timing" in tenant.owner.get("/v1/locations").headers
    assert server.client().get("/healthz").status == 200
    assert server.client().get("/readyz").status == 200


def test_a_tenant_is_made_with_an_owners_key_that_is_shown_once(server: Server) -> None:
    made = make_tenant(server, "JPY", "Tokio")
    found = made.owner.get("/v1/ledger/balances").ok()

    assert made.name == "Tokio"
    assert (found["currency"], found["balances"]) == ("JPY", [])


def test_a_tenants_code_may_be_left_out_and_is_unique(server: Server) -> None:
    done = server.command("tenant", "create", "Nameless", "--currency", "EUR", "--json")
    made = json.loads(done.stdout)
    again = server.command("tenant", "create", "Other", "--code", made["tenant_code"], "--currency", "EUR", "--json")

    assert set(made) == {"tenant_id", "tenant_code", "name", "api_key"}
    assert made["tenant_code"]
    assert again.returncode == 1
    assert len(again.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("arguments", [("tenant", "create"), ("nothing",), ("serve", "--port", "x")], ids=" ".join)
def test_wrong_usage_exits_2(server: Server, arguments: tuple[str, ...]) -> None:
    assert server.command(*arguments).returncode == 2
