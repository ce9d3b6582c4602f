"""Section 8: receipts with what is left of them, balances, and the feed of entries."""

import threading
import time
from fractions import Fraction
from typing import Any
from uuid import UUID

import pytest

from tests.contract.independent_arithmetic import line_amount, round_half_up
from tests.contract.independent_client import Answer, Client
from tests.contract.independent_shop import Register, Shop, Tenant


def receipts(shop: Shop, number: str, client: Client | None = None) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (client or shop.tenant.owner).get(f"/v1/receipts/{number}").ok()["receipts"]
    return found


def left_of(sale: dict[str, Any], refunds: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What may still be given back of each line, after these refunds."""
    left = []
    for line in sale["lines"]:
        given = [one for refund in refunds for one in refund["lines"] if one["original_line"] == line["line"]]
        left.append(
            {
                "line": line["line"],
                "refundable_quantity_milli": line["quantity_milli"] - sum(one["quantity_milli"] for one in given),
                "refundable_amount_minor": line_amount(line, sale["price_mode"])
                - sum(line_amount(one, sale["price_mode"]) for one in given),
                "refundable_discount_minor": line["discount_minor"] - sum(one["discount_minor"] for one in given),
                "refundable_taxes": [
                    {
                        "code": tax["code"],
                        "rate_ppm": tax["rate_ppm"],
                        "amount_minor": tax["amount_minor"] - sum(one["taxes"][place]["amount_minor"] for one in given),
                    }
                    for place, tax in enumerate(line["taxes"])
                ],
            }
        )
    return left


def refundable(element: dict[str, Any]) -> list[dict[str, Any]]:
    names = ("line", "refundable_quantity_milli", "refundable_amount_minor", "refundable_discount_minor")
    taxes = ("code", "rate_ppm", "amount_minor")
    return [
        {
            **{name: line[name] for name in names},
            "refundable_taxes": [{name: tax[name] for name in taxes} for tax in line["refundable_taxes"]],
        }
        for line in element["lines"]
    ]


def test_a_receipt_answers_the_sale_as_it_was_written(shop: Shop, register: Register) -> None:
    sale = register.sell(shop.wine(999, 2000), customer_id=None, fiscal={"signature": "abc"}, of_tomorrow=[1, 2.5])
    register.till.push()

    (element,) = receipts(shop, sale["receipt_number"])

    assert (element["kind"], element["terminal_id"], element["epoch"]) == ("SALE", register.till.terminal_id, 1)
    assert (element["sequence"], element["location_id"]) == (1, shop.location_id)
    assert element["payload"] == sale
    assert (element["refunds"], element["void"]) == ([], None)
    assert refundable(element) == left_of(sale, [])


@pytest.mark.parametrize("price_mode", ["tax_inclusive", "tax_exclusive"])
def test_what_is_left_of_a_line_shrinks_by_what_each_refund_gave(shop: Shop, price_mode: str) -> None:
    book = shop.register(price_mode=price_mode)
    sale = book.sell(shop.wine(333, 3000, discount_minor=10), shop.bread(1999, 777))
    refunds: list[dict[str, Any]] = []
    for quantities in ({1: 1000}, {1: 1000, 2: 333}, {1: 1000, 2: 444}):
        refunds.append(book.refund(sale, quantities, earlier=refunds))
        book.till.push()
        (element,) = receipts(shop, sale["receipt_number"])

        assert refundable(element) == left_of(sale, refunds)
        assert [one["refund_id"] for one in element["refunds"]] == [one["refund_id"] for one in refunds]

    assert {line["refundable_amount_minor"] for line in element["lines"]} == {0}


def test_what_is_left_is_never_below_0(shop: Shop, register: Register) -> None:
    sale = register.sell(shop.wine())
    register.refund(sale, {1: 1000})
    register.refund(sale, {1: 1000})
    register.till.push()

    (element,) = receipts(shop, sale["receipt_number"])

    (line,) = element["lines"]
    assert (line["refundable_quantity_milli"], line["refundable_amount_minor"]) == (0, 0)
    assert [tax["amount_minor"] for tax in line["refundable_taxes"]] == [0]


def test_a_voided_refund_gives_its_quantity_back_and_is_listed_as_voided(shop: Shop, register: Register) -> None:
    sale = register.sell(shop.wine(999, 2000))
    refund = register.refund(sale, {1: 1000})
    register.void(refund)
    register.till.push()

    (element,) = receipts(shop, sale["receipt_number"])

    assert element["refunds"] == [
        {"refund_id": refund["refund_id"], "receipt_number": refund["receipt_number"], "voided": True}
    ]
    assert refundable(element) == left_of(sale, [])


def test_a_refunds_number_answers_the_refund(shop: Shop, register: Register) -> None:
    sale = register.sell(shop.wine())
    refund = register.refund(sale, {1: 1000})
    register.till.push()

    (element,) = receipts(shop, refund["receipt_number"])

    assert (element["kind"], element["payload"]) == ("REFUND", refund)


def test_a_voided_sale_shows_its_void(shop: Shop, register: Register) -> None:
    sale = register.sell(shop.wine())
    register.void(sale)
    register.till.push()

    (element,) = receipts(shop, sale["receipt_number"])

    assert element["void"] is not None


def test_two_receipts_of_one_number_are_both_answered(shop: Shop, register: Register) -> None:
    first = register.sell(shop.wine())
    register.sell(shop.wine(5), receipt_number=first["receipt_number"])
    register.till.push()

    assert sorted(one["payload"]["gross_minor"] for one in receipts(shop, first["receipt_number"])) == [5, 999]


def test_any_till_of_the_tenant_reads_a_receipt_and_no_other_tenants_does(
    shop: Shop, register: Register, stranger: Tenant
) -> None:
    sale = register.sell(shop.wine())
    register.till.push()
    elsewhere = shop.tenant.till(shop.tenant.location()["location_id"])
    foreign = stranger.till(stranger.location()["location_id"])

    assert receipts(shop, sale["receipt_number"], elsewhere.client) == receipts(shop, sale["receipt_number"])
    for client in (stranger.owner, foreign.client):
        assert client.get(f"/v1/receipts/{sale['receipt_number']}").refusal == (404, "not-found")


def test_a_receipt_that_does_not_exist_is_not_found(shop: Shop) -> None:
    assert shop.tenant.owner.get("/v1/receipts/NEVER-1").refusal == (404, "not-found")


def test_a_queued_sale_is_no_receipt_yet(shop: Shop, register: Register) -> None:
    register.till.journal.logs(1)
    sale = register.sell(shop.wine())
    register.till.push(2)

    assert shop.tenant.owner.get(f"/v1/receipts/{sale['receipt_number']}").status == 404


# Balances


def test_balances_are_movements_in_a_span_with_both_ends_in_it(shop: Shop, register: Register) -> None:
    for day, price in ((1, 1), (2, 10), (3, 100)):
        register.sell(shop.wine(price), envelope={"business_date": f"2026-11-0{day}"})
    register.till.push()

    assert shop.balances()["cash"] == 111
    assert shop.balances(from_="2026-11-02")["cash"] == 110
    assert shop.balances(to="2026-11-02")["cash"] == 11
    assert shop.balances(from_="2026-11-02", to="2026-11-02")["cash"] == 10
    assert shop.balances(from_="2026-11-04") == {}


def test_balances_name_the_currency_and_each_row_its_place(shop: Shop, register: Register) -> None:
    register.sell(shop.wine())
    register.till.push()

    answer = shop.tenant.owner.get("/v1/ledger/balances", location_id=shop.location_id).ok()

    assert answer["currency"] == "EUR"
    assert {frozenset(row) for row in answer["balances"]} >= {frozenset({"account", "location_id", "amount_minor"})}
    assert sum(row["amount_minor"] for row in answer["balances"]) == 0


@pytest.mark.parametrize("path", ["/v1/ledger/balances", "/v1/ledger/entries", "/v1/reports/sales"])
def test_a_span_that_ends_before_it_begins_is_invalid(shop: Shop, path: str) -> None:
    answer = shop.tenant.owner.get(path, from_="2026-11-02", to="2026-11-01")

    assert answer.refusal == (422, "invalid")
    assert answer.json["field"] in {"from", "to"}


@pytest.mark.parametrize("path", ["/v1/ledger/balances", "/v1/ledger/entries", "/v1/reports/sales"])
def test_a_date_that_is_none_is_invalid(shop: Shop, path: str) -> None:
    answer = shop.tenant.owner.get(path, from_="yesterday")

    assert answer.refusal == (422, "invalid")
    assert answer.json["field"] == "from"


@pytest.mark.parametrize("path", ["/v1/ledger/balances", "/v1/ledger/entries"])
def test_a_location_of_another_tenant_in_a_filter_is_as_one_that_does_not_exist(
    shop: Shop, stranger: Tenant, path: str
) -> None:
    foreign = shop.tenant.owner.get(path, location_id=stranger.location()["location_id"])
    unknown = shop.tenant.owner.get(path, location_id="01900000-0000-7000-8000-000000000000")

    assert foreign.refusal == unknown.refusal == (404, "not-found")
    assert foreign.body == unknown.body


# Entries


def test_an_entry_names_its_event(shop: Shop, register: Register) -> None:
    register.sell(shop.wine(), tenders=[{"method": "CARD", "tender_type": "VISA", "amount_minor": 999}])
    register.till.push()

    found = shop.entries()

    assert {(entry["account"], entry["amount_minor"]) for entry in found} == {
        ("card_clearing:VISA", 999),
        ("sales_revenue", -832),
        ("tax:VAT", -167),
    }
    for entry in found:
        assert (entry["terminal_id"], entry["epoch"], entry["sequence"]) == (register.till.terminal_id, 1, 1)
        assert (entry["location_id"], entry["branch"]) == (shop.location_id, None)
        assert entry["posted_at"].endswith("Z")


def test_entries_are_filtered_by_account_and_dates(shop: Shop, register: Register) -> None:
    register.sell(shop.wine(), envelope={"business_date": "2026-11-01"})
    register.sell(shop.wine(5), envelope={"business_date": "2026-11-03"})
    register.till.push()

    assert [entry["amount_minor"] for entry in shop.entries(account="cash")] == [999, 5]
    assert [entry["amount_minor"] for entry in shop.entries(account="cash", from_="2026-11-02")] == [5]


def feed(shop: Shop, after: int, **query: Any) -> Answer:
    return shop.tenant.owner.get("/v1/ledger/entries", after=after, **query)


def newest(shop: Shop, register: Register) -> int:
    """The number of the entry that the tenant made last."""
    register.sell(shop.wine())
    register.till.push(len(register.events))
    return max(int(entry["entry_number"]) for entry in shop.entries())


def test_the_feed_gives_each_later_entry_once_and_in_order(shop: Shop, register: Register) -> None:
    after = newest(shop, register)
    books = [shop.register(), shop.register()]
    seen: list[int] = []
    for round_ in range(3):
        for book in books:
            book.sell(shop.wine())
            book.till.push(round_ + 1)
        while True:
            answer = feed(shop, after, limit=5).ok()
            numbers = [entry["entry_number"] for entry in answer["entries"]]
            if not numbers:
                break
            seen += numbers
            after = numbers[-1]

    assert len(seen) == 2 * 3 * 3
    assert seen == sorted(set(seen))
    assert str(UUID(answer["incarnation"])) == answer["incarnation"]


def test_the_feed_holds_its_answer_until_an_entry_comes(shop: Shop, register: Register) -> None:
    after = newest(shop, register)
    register.sell(shop.wine())
    answers: list[tuple[Answer, float]] = []
    began = time.monotonic()
    waiting = threading.Thread(target=lambda: answers.append((feed(shop, after, wait=20), time.monotonic() - began)))
    waiting.start()
    waiting.join(0.4)
    assert waiting.is_alive()
    register.till.push(2)
    waiting.join(20)

    answer, seconds = answers[0]
    assert {entry["sequence"] for entry in answer.ok()["entries"]} == {2}
    assert 0.4 <= seconds < 15


def test_the_feed_answers_empty_when_its_wait_is_over(shop: Shop, register: Register) -> None:
    after = newest(shop, register)
    began = time.monotonic()

    answer = feed(shop, after, wait=1).ok()

    assert answer["entries"] == []
    assert 0.9 <= time.monotonic() - began < 10


def test_shares_of_a_line_add_up_whatever_the_parts(shop: Shop, register: Register) -> None:
    """A line refunded gram by gram gives back exactly its gross: by central's own word."""
    sale = register.sell(shop.bread(1999, 997))
    parts: list[dict[str, Any]] = []
    for quantity in (1, 2, 331, 333, 330):
        parts.append(register.refund(sale, {1: quantity}, earlier=parts))
    register.till.push()
    (element,) = receipts(shop, sale["receipt_number"])

    assert sum(part["gross_minor"] for part in parts) == round_half_up(Fraction(1999 * 997, 1000))
    assert refundable(element) == left_of(sale, parts)
