"""Section 5: snapshot and deltas without a seam, the long poll, and cursors that are gone."""

import gzip
import json
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
import zstandard

from tests.contract.independent_client import Answer, Client, Server
from tests.contract.independent_journal import Till
from tests.contract.independent_shop import Register, Shop, Tenant, fresh, make_tenant, new_id

order_of_a_snapshot = ["setting", "cashier", "tax_group", "price_rule", "product", "receipt"]


class Replica:
    """What a till holds after following the cursor."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.cursor: str | None = None
        self.held: dict[tuple[str, str], Any] = {}
        self.entities: list[str] = []

    def ask(self, **query: Any) -> Answer:
        return self.client.get("/v1/sync/changes", cursor=self.cursor, **query)

    def take(self, answer: dict[str, Any]) -> dict[str, Any]:
        for change in answer["changes"]:
            self.entities.append(change["entity"])
            key = (change["entity"], change["id"])
            if change["op"] == "put":
                self.held[key] = change["data"]
            else:
                assert change["op"] == "delete"
                self.held.pop(key, None)
        self.cursor = answer["cursor"]
        return answer

    def follow(self, limit: int = 1000, between: Callable[[], None] = lambda: None) -> "Replica":
        while self.take(self.ask(limit=limit).ok())["more"]:
            between()
        return self


def replica(till: Till) -> Replica:
    return Replica(till.client)


@pytest.fixture(scope="module")
def house(server: Server) -> Tenant:
    """A tenant whose catalogue is small enough to be read page by page."""
    return make_tenant(server)


@pytest.fixture
def small(house: Tenant) -> Shop:
    """A location of the test's own with a cashier and a price rule, and two products."""
    location_id = house.location()["location_id"]
    wine, bread = (house.product(category=name)["product_id"] for name in ("drinks", "food"))
    add_cashier(house, [location_id])
    rule = {"name": "Ten off", "kind": "percent_off", "value": 100_000, "category": "drinks"}
    house.owner.post("/v1/price-rules", {**rule, "location_ids": [location_id]}).ok(201)
    return Shop(house, location_id, wine, bread)


def add_cashier(house: Tenant, location_ids: list[str] | None) -> str:
    number = str(int(new_id()[:8], 16))[:8]
    body = {"name": "Ann", "number": number, "pin": "4831", "role": "cashier", "location_ids": location_ids}
    return str(house.owner.post("/v1/cashiers", body).ok(201)["cashier_id"])


def test_a_snapshot_comes_in_its_order_and_is_whole(small: Shop) -> None:
    book = small.register()
    sale = book.sell(small.wine())
    book.till.push()

    taken = replica(book.till).follow()

    firsts = list(dict.fromkeys(taken.entities))
    assert firsts == order_of_a_snapshot
    assert taken.entities == sorted(taken.entities, key=order_of_a_snapshot.index)
    assert {key[1] for key in taken.held if key[0] == "product"} >= {small.wine_id, small.bread_id}
    assert [key[1] for key in taken.held if key[0] == "setting"] == ["settings"]
    assert ("receipt", sale["sale_id"]) in taken.held


def test_the_data_of_a_product_a_tax_group_and_a_rule_is_what_the_api_answers(small: Shop) -> None:
    taken = replica(small.register().till).follow()
    owner = small.tenant.owner
    paths = {"product": "products", "tax_group": "tax-groups", "price_rule": "price-rules"}
    for (entity, id_), data in taken.held.items():
        if entity in paths:
            read = owner.get(f"/v1/{paths[entity]}/{id_}").ok()
            assert {name: value for name, value in data.items() if name != "prices"} == {
                name: value for name, value in read.items() if name != "prices"
            }


@pytest.mark.parametrize("limit", [1, 3])
def test_a_snapshot_page_by_page_ends_with_what_one_page_gives(small: Shop, limit: int) -> None:
    till = small.register().till

    assert replica(till).follow(limit).held == replica(till).follow().held


def test_changes_while_a_snapshot_is_read_leave_no_seam(small: Shop) -> None:
    tenant, steps = small.tenant, iter(range(100))

    def change() -> None:
        step = next(steps)
        if step < 4:
            tenant.owner.patch(f"/v1/products/{small.wine_id}", {"price_minor": 2000 + step}).ok()
            tenant.product()
        if step == 2:
            tenant.owner.delete(f"/v1/products/{small.bread_id}").ok(204)

    till = small.register().till
    taken = replica(till).follow(1, change).follow()

    assert taken.held == replica(till).follow().held
    assert ("product", small.bread_id) not in taken.held
    assert taken.held["product", small.wine_id]["price_minor"] == 2003


def test_deltas_follow_each_kind_of_change(small: Shop) -> None:
    book = small.register()
    taken = replica(book.till).follow()
    owner = small.tenant.owner
    owner.patch(f"/v1/products/{small.wine_id}", {"name": "Red wine"}).ok()
    owner.delete(f"/v1/products/{small.bread_id}").ok(204)
    owner.patch("/v1/settings", {"refund_window_days": 17}).ok()
    cashier_id = add_cashier(small.tenant, None)
    owner.post("/v1/prices", {"product_id": small.wine_id, "price_minor": 900}).ok(201)
    sale = book.sell(small.wine())
    book.till.push()

    answer = taken.take(taken.ask().ok())

    changed = {(change["entity"], change["id"], change["op"]) for change in answer["changes"]}
    assert changed >= {
        ("product", small.wine_id, "put"),
        ("product", small.bread_id, "delete"),
        ("setting", "settings", "put"),
        ("cashier", cashier_id, "put"),
        ("receipt", sale["sale_id"], "put"),
    }
    assert taken.held["setting", "settings"]["refund_window_days"] == 17
    assert [price["price_minor"] for price in taken.held["product", small.wine_id]["prices"]] == [900]
    assert taken.held == replica(book.till).follow().held


def test_an_answer_says_up_to_when_the_catalogue_is_complete(small: Shop) -> None:
    taken = replica(small.register().till).follow()

    answer = taken.ask().ok()

    assert set(answer) >= {"changes", "cursor", "more", "catalogue_through"}
    assert (answer["changes"], answer["more"]) == ([], False)
    assert answer["catalogue_through"].endswith("Z")


def test_a_location_sees_its_own_prices_cashiers_and_receipts_alone(small: Shop) -> None:
    tenant = small.tenant
    other = Shop(tenant, tenant.location()["location_id"], small.wine_id, small.bread_id)
    tenant.owner.post(
        "/v1/prices", {"product_id": small.wine_id, "price_minor": 1, "location_ids": [other.location_id]}
    ).ok(201)
    cashier_id = add_cashier(tenant, [other.location_id])
    book = other.register()
    sale = book.sell(small.wine())
    book.till.push()

    here, there = replica(small.register().till).follow().held, replica(book.till).follow().held

    assert here["product", small.wine_id]["prices"] == []
    assert [price["price_minor"] for price in there["product", small.wine_id]["prices"]] == [1]
    assert ("cashier", cashier_id) in there
    assert ("cashier", cashier_id) not in here
    assert ("receipt", sale["sale_id"]) in there
    assert ("receipt", sale["sale_id"]) not in here


def test_a_cashier_comes_with_a_pin_for_this_terminal_alone(small: Shop) -> None:
    pins = []
    for till in (small.register().till, small.register().till):
        held = replica(till).follow().held
        (cashier,) = [
            data for key, data in held.items() if key[0] == "cashier" and data["location_ids"] == [small.location_id]
        ]
        assert "4831" not in json.dumps(cashier["pin"])
        pins.append(cashier["pin"])

    assert pins[0]["salt"] == pins[1]["salt"]
    assert pins[0]["hmac"] != pins[1]["hmac"]


def test_a_receipt_comes_in_the_form_that_a_refund_needs_and_again_when_it_is_refunded(small: Shop) -> None:
    book = small.register()
    taken = replica(book.till).follow()
    sale = book.sell(small.wine(999, 2000))
    book.till.push()
    taken.follow()
    first = taken.held["receipt", sale["sale_id"]]
    refund = book.refund(sale, {1: 1000})
    book.till.push(2)
    taken.follow()

    assert (first["kind"], first["payload"]["receipt_number"]) == ("SALE", sale["receipt_number"])
    assert [line["refundable_quantity_milli"] for line in first["lines"]] == [2000]
    assert [line["refundable_quantity_milli"] for line in taken.held["receipt", sale["sale_id"]]["lines"]] == [1000]
    assert ("receipt", refund["refund_id"]) in taken.held


# Long polls


def wait_for(poll: Callable[[], Answer]) -> tuple[threading.Thread, list[tuple[Answer, float]]]:
    answers: list[tuple[Answer, float]] = []
    began = time.monotonic()
    thread = threading.Thread(target=lambda: answers.append((poll(), time.monotonic() - began)))
    thread.start()
    return thread, answers


def test_a_poll_is_held_until_there_is_a_change(small: Shop) -> None:
    taken = replica(small.register().till).follow()
    thread, answers = wait_for(lambda: taken.ask(wait=20))
    thread.join(0.4)
    assert thread.is_alive()
    small.tenant.owner.patch(f"/v1/products/{small.wine_id}", {"name": "New"}).ok()
    thread.join(20)

    answer, seconds = answers[0]
    assert [change["id"] for change in answer.ok()["changes"]] == [small.wine_id]
    assert 0.4 <= seconds < 10


def test_a_poll_ends_empty_when_its_seconds_are_over_and_another_locations_price_does_not_wake_it(small: Shop) -> None:
    other = small.tenant.location()["location_id"]
    taken = replica(small.register().till).follow()
    thread, answers = wait_for(lambda: taken.ask(wait=2))
    thread.join(0.3)
    row = {"product_id": small.wine_id, "price_minor": 5, "location_ids": [other]}
    small.tenant.owner.post("/v1/prices", row).ok(201)
    thread.join(20)

    answer, seconds = answers[0]
    assert answer.ok()["changes"] == []
    assert 1.9 <= seconds < 6


def test_a_second_poll_of_a_terminal_ends_the_first_with_an_empty_answer(small: Shop) -> None:
    taken = replica(small.register().till).follow()
    first, answers = wait_for(lambda: taken.ask(wait=30))
    first.join(0.5)
    second, later = wait_for(lambda: taken.ask(wait=1))
    first.join(10)
    second.join(10)

    answer, seconds = answers[0]
    assert (answer.ok()["changes"], later[0][0].ok()["changes"]) == ([], [])
    assert seconds < 10


@pytest.mark.parametrize(("name", "value"), [("wait", 61), ("wait", -1), ("limit", 0), ("limit", 1001), ("limit", "x")])
def test_a_wait_over_60_and_a_limit_over_1000_are_invalid(register: Register, name: str, value: Any) -> None:
    answer = register.till.client.get("/v1/sync/changes", **{name: value})

    assert answer.refusal == (422, "invalid")
    assert answer.json["field"] == name


# Cursors


def test_a_cursor_of_another_place_epoch_or_tenant_and_a_forged_one_are_gone(small: Shop, stranger: Tenant) -> None:
    till = small.register().till
    good = replica(till).follow().cursor
    assert good is not None
    elsewhere = small.tenant.till(small.tenant.location()["location_id"])
    foreign = stranger.till(stranger.location()["location_id"])
    made = small.tenant.terminal(small.location_id)
    small.tenant.enrol(made["enrolment_code"])
    second_epoch = small.tenant.enrol(small.tenant.new_code(made["terminal_id"]))
    gone = [
        elsewhere.client.get("/v1/sync/changes", cursor=good),
        foreign.client.get("/v1/sync/changes", cursor=good),
        second_epoch.client.get("/v1/sync/changes", cursor=good),
        *(
            till.client.get("/v1/sync/changes", cursor=forged)
            for forged in ("x", "", good[:-1], good + "A", ("B" if good[0] != "B" else "C") + good[1:], "AAAA" * 20)
        ),
    ]

    assert {answer.refusal for answer in gone} == {(410, "cursor-gone")}


def test_the_old_cursor_answers_the_same_again(small: Shop) -> None:
    """An answer may be lost on the way: asking again with the same cursor skips nothing."""
    till = small.register().till
    taken = replica(till).follow()
    small.tenant.owner.patch(f"/v1/products/{small.wine_id}", {"name": "New"}).ok()

    first, again = taken.ask().ok(), taken.ask().ok()

    assert first["changes"] == again["changes"] != []


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_an_answer_is_packed_as_the_terminal_asks(small: Shop, encoding: str) -> None:
    small.tenant.product(attributes={"text": "long enough to be worth packing " * 50})
    answer = small.register().till.client.get("/v1/sync/changes", headers={"Accept-Encoding": encoding})

    assert answer.headers["content-encoding"] == encoding
    unpack = (
        gzip.decompress
        if encoding == "gzip"
        else (lambda raw: zstandard.ZstdDecompressor().decompressobj().decompress(raw))
    )
    assert json.loads(unpack(answer.body))["changes"]


# Status


def test_a_status_shows_in_the_back_office(shop: Shop, register: Register) -> None:
    status: dict[str, Any] = {
        "agent_version": fresh("9.9"),
        "pending": 3,
        "oldest_pending_at": "2026-11-24T10:00:00Z",
        "catalogue_through": "2026-11-24T10:00:00Z",
        "clock_offset_ms": -12,
        "disk_free_bytes": 123_456_789,
        "open_shift": None,
        "devices": [{"id": "printer", "kind": "printer", "state": "ready"}],
    }

    assert register.till.client.post("/v1/sync/status", status).status == 204
    shown = shop.shown(register.till)
    assert shown["last_seen_at"].endswith("Z")
    assert status["agent_version"] in json.dumps(shown)
