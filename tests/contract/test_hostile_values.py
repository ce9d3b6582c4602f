"""Whatever stands in a field, a query or a payload: the contract's answer, never a fault of central's."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.independent_arithmetic import Item
from tests.contract.independent_client import Answer, Server
from tests.contract.independent_shop import Register, Shop, Tenant, fresh, new_id, tender
from tests.contract.test_things import bodies, collections

values: list[Any] = [
    *(None, True, -1, 0, 2**31, 2**53, 2**63, 10**12 + 1, 10**40, 1.5, 1e308, "", " ", "\u0000", "\ud800", "é"),
    *("a" * 5000, "9" * 30, "'; drop table x; --", "../..", "%00", "2026-13-45", "2026-11-24T25:00:00Z"),
    *([], {}, [[]], [None], {"a": {}}, ["\u0000"], [new_id()], new_id()),
]


@pytest.mark.parametrize("name", collections)
def test_no_value_of_a_set_up_field_is_more_than_refused(tenant: Tenant, name: str) -> None:
    _, body, _ = bodies(tenant)[name]
    for field in body:
        for value in values:
            answer = tenant.owner.post(f"/v1/{name}", {**body, **unique(tenant, name), field: value})
            assert answer.status in {201, 409, 413, 422}, (field, value, answer.status)
            if answer.status == 422:
                assert answer.code in {"invalid", "unknown-reference"}
                assert "field" in answer.json, (field, value, answer.body)


def unique(tenant: Tenant, name: str) -> dict[str, Any]:
    """Fresh values for what is unique in a tenant, so that one good value does not hinder the next."""
    number = str(int(new_id()[:8], 16))[:8]
    return {
        "locations": {"code": fresh("L")[:14]},
        "tax-groups": {"code": fresh("T")[:14]},
        "products": {"sku": fresh("S")},
        "cashiers": {"number": number},
        "users": {"email": f"{fresh('a')}@example.org"},
    }.get(name, {})


@pytest.mark.parametrize("name", collections)
def test_no_value_of_a_change_is_more_than_refused(tenant: Tenant, name: str) -> None:
    id_name, body, change = bodies(tenant)[name]
    made = tenant.owner.post(f"/v1/{name}", body).ok(201)
    for field in (*body, "revision", id_name) if change else ():
        for value in values[len(field) % 2 :: 2]:
            answer = tenant.owner.patch(f"/v1/{name}/{made[id_name]}", {field: value})
            assert answer.status in {200, 409, 413, 422}, (field, value, answer.status, answer.body[:200])


def test_no_value_of_a_setting_is_more_than_refused(tenant: Tenant) -> None:
    location_id = tenant.location()["location_id"]
    path = f"/v1/locations/{location_id}/settings"
    for number, field in enumerate(tenant.owner.get(path).ok()):
        for value in values[number % 2 :: 2]:
            answer = tenant.owner.patch(path, {field: value})
            assert answer.status in {200, 409, 422}, (field, value, answer.status)
    assert tenant.owner.get(path).status == 200


texts = [
    *(
        "",
        " ",
        "\x00",
        "é",
        "-1",
        "0",
        "1e3",
        "1.0",
        "9" * 40,
        "a" * 3000,
        "null",
        "true",
        "%",
        "../x",
        "'\"",
        "\U0001f377",
    ),
    *("2026-13-01", "2026-11-24", "0001-01-01", "9999-12-31", new_id(), new_id().upper(), "x,y", "location"),
]


def test_no_value_of_a_query_is_more_than_refused(routes: dict[str, Any], tenant: Tenant) -> None:
    for route, operation in sorted(routes.items()):
        method, path = route.split(" ")
        names = [
            one["name"] for one in operation.get("parameters", []) if one["in"] == "query" and one["name"] != "wait"
        ]
        if method == "GET" and "{" not in path and not path.startswith("/v1/sync"):
            for name in names:
                for text in texts[len(path + name) % 2 :: 2]:
                    answer = tenant.owner.get(path, None, **{name: text})
                    assert answer.status in {200, 400, 404, 422}, (route, name, text, answer.status)


def test_no_value_of_a_terminals_query_is_more_than_refused(register: Register) -> None:
    for text in texts:
        for path, name in (
            ("/v1/sync/changes", "cursor"),
            ("/v1/sync/changes", "limit"),
            ("/v1/products/lookup", "barcode"),
            ("/v1/products/lookup", "location_id"),
        ):
            answer = register.till.client.get(path, None, **{name: text})
            assert answer.status in {200, 404, 410, 422}, (path, name, text, answer.status)


def test_no_id_in_a_path_is_more_than_not_found(routes: dict[str, Any], tenant: Tenant) -> None:
    for route in sorted(routes):
        method, path = route.split(" ")
        if method != "GET" or "{" not in path:
            continue
        for written in (
            "x",
            "%00",
            "%ff",
            "-1",
            "0",
            "9" * 40,
            new_id().upper(),
            new_id() + "0",
            "a" * 2000,
            "%2e%2e",
            "%F0%9F%8D%B7",
        ):
            target = path
            while "{" in target:
                target = target[: target.index("{")] + written + target[target.index("}") + 1 :]
            answer = tenant.owner.get(target)
            assert answer.status in {400, 404}, (route, written, answer.status)


@pytest.mark.parametrize("field", ["grant_type", "client_assertion_type", "client_assertion", "scope", "client_id"])
def test_no_value_of_a_token_request_is_more_than_refused(register: Register, field: str) -> None:
    for text in (
        "",
        "\x00",
        "é",
        "a" * 9000,
        ".",
        "..",
        "e30.e30.",
        "e30.e30.e30",
        "=.=.=",
        "bnVsbA.bnVsbA.AA",
        "W10.W10.AA",
    ):
        answer = register.till.client.with_bearer(None).form("/v1/oauth/token", {field: text})
        assert answer.status in {400, 401}, (field, text, answer.status)
        assert {"error", "server_time"} <= set(answer.json)


def test_no_value_of_an_enrolment_is_more_than_refused(shop: Shop) -> None:
    client = shop.tenant.server.client().calling_from("127.77.77.7")
    good = {"enrolment_code": "0000-0000-0000-0000", "public_key": "A" * 43 + "=", "proof": "A" * 86 + "=="}
    for field in good:
        for value in values:
            answer: Answer = client.post("/v1/enrol", {**good, field: value})
            assert answer.status in {403, 422, 429}, (field, value, answer.status)


# Payloads: a fact is never refused


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every place in a document."""
    if path:
        yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in inner:
        yield from places(below, (*path, key))


def changed(payload: dict[str, Any], path: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    document: Any = copy.deepcopy(payload)
    place = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    kept: dict[str, Any] = document
    return kept


payload_values: list[Any] = [
    *(None, True, -1, 0, 1, 2**63, 10**12, 10**12 + 1, 10**40, 1.5, "", "\u0000", "\ud800", "a" * 3000),
    *([], {}, [None], [{}], new_id(), "4111111111111111"),
]


def documents(shop: Shop, register: Register) -> dict[str, dict[str, Any]]:
    voucher = Item(None, 500, (), kind="voucher", barcode=new_id(), sku=None, name="Gift card")
    sale = register.sale_payload([shop.wine(discount_minor=9), voucher], exchange_id=new_id(), customer_id=new_id())
    shift = new_id()
    return {
        "SALE": sale,
        "REFUND": register.refund_payload(sale, [{**sale["lines"][0], "original_line": 1}]),
        "VOID": {"sale_id": new_id(), "reason": "x", "approved_by": None, "cashier_id": new_id(), "shift_id": None},
        "SHIFT_OPEN": {"shift_id": shift, "cashier_id": new_id(), "float_minor": 100},
        "SHIFT_CLOSE": {
            "shift_id": shift,
            "cashier_id": new_id(),
            "counted_minor": 5,
            "expected_minor": 7,
            "tenders": [{"method": "CASH", "counted_minor": 5, "expected_minor": 7}],
            "z_number": 1,
            "total_sales_minor": 1,
            "total_refunds_minor": 1,
            "total_receipts": 1,
        },
        "CASH_MOVEMENT": {
            "shift_id": shift,
            "direction": "IN",
            "amount_minor": 5,
            "reason": "x",
            "cashier_id": new_id(),
        },
        "NO_SALE": {"shift_id": shift, "cashier_id": new_id(), "reason": "x"},
        "TILL_LOG": {"kind": "sign_in", "cashier_id": new_id(), "shift_id": shift, "data": {"a": [1]}},
    }


types = ["SALE", "REFUND", "VOID", "SHIFT_OPEN", "SHIFT_CLOSE", "CASH_MOVEMENT", "NO_SALE", "TILL_LOG"]


@pytest.mark.parametrize("type_", types)
def test_whatever_stands_in_a_payload_is_taken_passes_the_order_and_books_to_0(
    shop: Shop, register: Register, type_: str
) -> None:
    payload = documents(shop, register)[type_]
    till = register.till
    for path in places(payload):
        for value in payload_values:
            till.journal.append(type_, changed(payload, path, value))
    till.journal.append("SALE", register.sale_payload([shop.wine(123)]))
    for first in range(0, len(till.journal.lines), 400):
        answer = till.send(till.journal.lines[first : first + 400])
        assert answer.status == 200, answer.body[:500]

    count = len(till.journal.lines)
    assert (till.position()["applied_through"], till.position()["queued"]) == (count, [])
    entries = shop.entries()
    assert [
        entry["amount_minor"] for entry in entries if entry["sequence"] == count and entry["account"] == "cash"
    ] == [123]
    sums: dict[int, int] = {}
    for entry in entries:
        sums[entry["sequence"]] = sums.get(entry["sequence"], 0) + entry["amount_minor"]
    assert set(sums.values()) <= {0}
    assert sum(shop.balances().values()) == 0
    assert till.client.get("/v1/sync/changes", limit=1000).status == 200
    assert shop.tenant.owner.get("/v1/events", terminal_id=till.terminal_id, limit=1000).status == 200
    shown = json.dumps(shop.exceptions(till))
    assert "4111111111111111" not in shown


def test_a_tender_type_or_tax_code_may_be_any_text(shop: Shop, register: Register) -> None:
    for text in ("", ":", "VISA:EC", "é", "a" * 200, "sales_revenue", "\n"):
        register.sell(shop.wine(5), tenders=[tender("CARD", 5, tender_type=text)])

    answer = register.till.push()

    assert answer["applied_through"] == 7
    assert sum(shop.balances().values()) == 0


def test_the_same_ids_and_numbers_in_two_tenants_are_two_things(
    shop: Shop, register: Register, stranger: Tenant
) -> None:
    theirs = Shop(stranger, stranger.location()["location_id"], stranger.product()["product_id"], "").register()
    sale = register.sell(shop.wine())
    theirs.sell(shop.wine(5), sale_id=sale["sale_id"], receipt_number=sale["receipt_number"])
    theirs.void(sale)
    theirs.till.push()
    register.till.push()

    (mine,) = shop.tenant.owner.get(f"/v1/receipts/{sale['receipt_number']}").ok()["receipts"]
    assert (mine["payload"]["gross_minor"], mine["void"]) == (999, None)
    assert shop.exceptions(register.till) == []
    assert shop.balances()["cash"] == 999


def test_verify_finds_nothing_off_after_all_this(server: Server, shop: Shop, register: Register) -> None:
    for type_, payload in documents(shop, register).items():
        for path in places(payload):
            register.till.journal.append(type_, changed(payload, path, 10**12))
    register.till.push(1, 200)

    done = server.command("verify")

    assert done.returncode == 0, done.stderr + done.stdout
