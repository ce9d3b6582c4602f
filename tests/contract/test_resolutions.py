"""Section 9: exceptions accepted, moved, raised when a wait is over, withdrawn when what was missing comes."""

import threading
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.contract.independent_arithmetic import Item
from tests.contract.independent_client import Answer
from tests.contract.independent_shop import Register, Shop, Tenant, new_id, tender

overdue_seconds_max = 90


def resolve(shop: Shop, exception_id: str, **body: Any) -> Answer:
    return shop.tenant.owner.post(f"/v1/exceptions/{exception_id}/resolution", {"note": "seen", **body})


@pytest.fixture
def short(shop: Shop, register: Register) -> Register:
    """A till whose one sale lacks 99 cents of tenders."""
    register.sell(shop.wine(), tenders=[tender("CARD", 900)])
    register.till.push()
    return register


def only(shop: Shop, register: Register) -> dict[str, Any]:
    (found,) = shop.exceptions(register.till)
    return found


def test_accepting_resolves_an_exception_and_moves_nothing(shop: Shop, short: Register) -> None:
    before = shop.balances()
    assert resolve(shop, only(shop, short)["exception_id"], action="accept").status == 204

    assert only(shop, short)["status"] == "resolved"
    assert shop.exceptions(short.till, "open") == []
    assert shop.balances() == before


def test_moving_takes_the_events_amount_out_of_suspense(shop: Shop, short: Register) -> None:
    assert shop.balances()["suspense"] == 99
    assert resolve(shop, only(shop, short)["exception_id"], action="move", account="cash_over_short").status == 204

    balances = shop.balances()
    assert ("suspense" in balances, balances["cash_over_short"]) == (False, 99)
    assert only(shop, short)["status"] == "resolved"


def test_a_move_is_dated_today_where_the_event_was(shop: Shop, register: Register) -> None:
    register.sell(shop.wine(), tenders=[tender("CARD", 900)], envelope={"business_date": "2026-11-01"})
    register.till.push()
    today_there = datetime.now(ZoneInfo("Europe/Vienna")).date().isoformat()
    resolve(shop, only(shop, register)["exception_id"], action="move", account="cash_over_short").ok(204)

    assert shop.balances(to="2026-11-01")["suspense"] == 99
    assert shop.balances(from_=today_there) == {"cash_over_short": 99, "suspense": -99}


def test_an_exception_is_resolved_once(shop: Shop, short: Register) -> None:
    exception_id = only(shop, short)["exception_id"]
    resolve(shop, exception_id, action="accept").ok(204)

    for body in ({"action": "accept"}, {"action": "move", "account": "cash_over_short"}):
        assert resolve(shop, exception_id, **body).refusal == (409, "already-resolved")
    assert shop.balances()["suspense"] == 99


def test_nothing_is_moved_where_nothing_is_in_suspense(shop: Shop, register: Register) -> None:
    register.sell(Item(new_id(), 5, ()))
    register.till.push()
    exception_id = only(shop, register)["exception_id"]

    assert resolve(shop, exception_id, action="move", account="cash_over_short").refusal == (409, "nothing-in-suspense")
    assert only(shop, register)["status"] == "open"


@pytest.mark.parametrize("body", [{}, {"action": "forget"}, {"action": "move"}, {"action": 1}], ids=str)
def test_a_resolution_that_is_none_is_invalid(shop: Shop, short: Register, body: dict[str, Any]) -> None:
    answer = resolve(shop, only(shop, short)["exception_id"], **body)

    assert answer.refusal == (422, "invalid")
    assert answer.json["field"] in {"action", "account"}


def test_a_manager_resolves_and_a_viewer_does_not(shop: Shop, short: Register) -> None:
    exception_id = only(shop, short)["exception_id"]
    path = f"/v1/exceptions/{exception_id}/resolution"
    server = shop.tenant.server

    viewer = server.client(shop.tenant.key_of("viewer")).post(path, {"action": "accept", "note": "x"})
    manager = server.client(shop.tenant.key_of("manager")).post(path, {"action": "accept", "note": "x"})

    assert viewer.refusal == (403, "forbidden")
    assert manager.status == 204


def test_another_tenants_exception_is_not_found(shop: Shop, short: Register, stranger: Tenant) -> None:
    path = f"/v1/exceptions/{only(shop, short)['exception_id']}"

    assert stranger.owner.get(path).refusal == (404, "not-found")
    assert stranger.owner.post(f"{path}/resolution", {"action": "accept", "note": "x"}).refusal == (404, "not-found")
    assert only(shop, short)["status"] == "open"


# What waits


def eventually(happened: Callable[[], bool]) -> bool:
    """Whether something comes to pass within the bound: overdue waits are looked at from time to time."""
    pause, end = threading.Event(), time.monotonic() + overdue_seconds_max
    while time.monotonic() < end:
        if happened():
            return True
        pause.wait(0.25)
    return happened()


def a_refund_of_nobodys_sale(shop: Shop, book: Register, sale: dict[str, Any]) -> None:
    book.refund(sale, {1: 1000})


def a_void_of_nobodys_sale(shop: Shop, book: Register, sale: dict[str, Any]) -> None:
    book.void(sale)


def a_redemption(shop: Shop, book: Register, sale: dict[str, Any]) -> None:
    book.sell(shop.wine(500), tenders=[tender("VOUCHER", 500, voucher_code=sale["lines"][0]["barcode"])])


@pytest.mark.long
def test_what_waited_too_long_is_an_exception_that_is_withdrawn_when_its_sale_comes(shop: Shop) -> None:
    shop.tenant.set(shop.location_id, original_wait_hours=0)
    seller, other = shop.register(), shop.register()
    sale = seller.sell(Item(None, 1000, (), kind="voucher", barcode=new_id(), sku=None, name="Gift card"), shop.wine())
    gone = seller.sell(shop.wine())
    other.refund(sale, {2: 1000})
    other.void(gone)
    other.sell(shop.wine(500), tenders=[tender("VOUCHER", 500, voucher_code=sale["lines"][0]["barcode"])])
    other.till.push()
    expected = [(1, "original-not-found"), (2, "void-unknown-sale"), (3, "voucher-unknown")]

    assert eventually(lambda: shop.codes(other.till, "open") == expected)
    seller.till.push()
    assert shop.codes(other.till, "open") == []
    assert [one["status"] for one in shop.exceptions(other.till)] == ["withdrawn"] * 3


# Vouchers


def test_a_voucher_is_worth_what_was_sold_and_refunded_to_it_less_what_was_redeemed(
    shop: Shop, register: Register
) -> None:
    code = new_id()

    def worth() -> int:
        register.till.push()
        answer = shop.tenant.owner.get(f"/v1/vouchers/{code}").ok()
        assert answer["voucher_code"] == code
        return int(answer["balance_minor"])

    bought = register.sell(Item(None, 5000, (), kind="voucher", barcode=code, sku=None, name="Gift card"))
    seen = [worth()]
    sale = register.sell(shop.wine(2000), tenders=[tender("VOUCHER", 2000, voucher_code=code)])
    seen.append(worth())
    refund = register.refund(sale, {1: 1000}, tenders=[tender("VOUCHER", 2000, voucher_code=code)])
    seen.append(worth())
    register.void(refund)
    seen.append(worth())
    register.void(sale)
    seen.append(worth())
    register.refund(bought, {1: 1000})
    seen.append(worth())

    assert seen == [5000, 3000, 5000, 3000, 5000, 0]


def test_a_till_reads_a_voucher_and_an_unknown_one_is_not_found(
    shop: Shop, register: Register, stranger: Tenant
) -> None:
    code = new_id()
    register.sell(Item(None, 5000, (), kind="voucher", barcode=code, sku=None, name="Gift card"))
    register.till.push()

    assert register.till.client.get(f"/v1/vouchers/{code}").ok()["balance_minor"] == 5000
    assert register.till.client.get(f"/v1/vouchers/{new_id()}").refusal == (404, "not-found")
    assert stranger.owner.get(f"/v1/vouchers/{code}").refusal == (404, "not-found")
