"""Section 7: each row of the posting table, suspense, and balances that no order of arrival changes."""

import random
from collections.abc import Callable
from typing import Any

import pytest

from tests.contract.independent_arithmetic import Item
from tests.contract.independent_books import books_of
from tests.contract.independent_journal import today
from tests.contract.independent_shop import Register, Shop, cash, new_id, tender

Story = Callable[[Shop, Register], Any]


def a_sale_in_cash(shop: Shop, book: Register) -> None:
    book.sell(shop.wine(999, 2000), shop.bread(350), tenders=[cash(2348, 2500)])


def a_sale_by_card(shop: Shop, book: Register) -> None:
    book.sell(shop.wine(), tenders=[tender("CARD", 999)])


def a_sale_with_tender_types(shop: Shop, book: Register) -> None:
    book.sell(
        shop.wine(10_000),
        tenders=[
            tender("CARD", 4000, tender_type="VISA"),
            tender("OTHER", 3000, tender_type="LUNCH"),
            tender("CASH", 3000, tender_type="CHF", tendered_minor=3500, change_minor=500),
        ],
    )


def a_sale_with_every_method(shop: Shop, book: Register) -> None:
    book.sell(
        shop.wine(5000),
        tenders=[tender(method, 1000) for method in ("CARD", "VOUCHER", "EXCHANGE", "OTHER")] + [cash(1000)],
    )


def a_sale_of_a_voucher(shop: Shop, book: Register) -> None:
    book.sell(shop.wine(), Item(None, 5000, (), kind="voucher", barcode=new_id(), sku=None, name="Gift card"))


def a_sale_rounded_to_five_cents(shop: Shop, book: Register) -> None:
    book.cash_unit = 5
    book.sell(shop.wine(998))
    book.sell(shop.wine(1), tenders=[cash(0)])


def a_sale_for_nothing(shop: Shop, book: Register) -> None:
    book.sell(shop.wine(discount_minor=999))


def a_sale_without_tax(shop: Shop, book: Register) -> None:
    book.sell(Item(shop.wine_id, 777, ()))


def a_refund_in_part(shop: Shop, book: Register) -> None:
    sale = book.sell(shop.wine(999, 3000, discount_minor=100), shop.bread(350, 1234))
    book.refund(sale, {1: 1000, 2: 500})


def a_refund_rounded_by_its_own_cash_part(shop: Shop, book: Register) -> None:
    book.cash_unit = 10
    sale = book.sell(shop.wine(333, 3000))
    book.refund(sale, {1: 1000})


def a_refund_without_a_receipt(shop: Shop, book: Register) -> None:
    paid = book.sale_payload([shop.wine(444)])
    lines = [{**line, "original_line": None} for line in paid["lines"]]
    book.commit("REFUND", book.refund_payload(None, lines, receipt_number=paid["receipt_number"]))


def a_void_of_a_sale(shop: Shop, book: Register) -> None:
    book.void(book.sell(shop.wine(), shop.bread(), tenders=[cash(1349, 2000)]))


def a_void_of_a_refund(shop: Shop, book: Register) -> None:
    sale = book.sell(shop.wine(999, 2000))
    book.void(book.refund(sale, {1: 1000}))


def a_void_after_a_refund(shop: Shop, book: Register) -> None:
    sale = book.sell(shop.wine(999, 2000))
    book.refund(sale, {1: 1000})
    book.void(sale)


def two_voids_of_one_sale(shop: Shop, book: Register) -> None:
    sale = book.sell(shop.wine())
    book.void(sale)
    book.void(sale)


def a_refund_of_a_voided_sale(shop: Shop, book: Register) -> None:
    sale = book.sell(shop.wine())
    book.void(sale)
    book.refund(sale, {1: 1000})


def a_refund_of_more_than_was_sold(shop: Shop, book: Register) -> None:
    sale = book.sell(shop.wine())
    book.refund(sale, {1: 1000})
    book.refund(sale, {1: 1000})


def a_sale_of_an_unknown_product(shop: Shop, book: Register) -> None:
    book.sell(Item(new_id(), 500, shop.wine().taxes))


def a_sale_id_used_twice(shop: Shop, book: Register) -> None:
    first = book.sell(shop.wine())
    book.sell(shop.wine(), sale_id=first["sale_id"])


def a_shift_to_the_cent(shop: Shop, book: Register) -> None:
    book.open_shift(10_000)
    book.sell(shop.wine())
    book.move_cash("OUT", 5000)
    book.move_cash("IN", 250)
    book.close_shift(6249, 6249)


def a_shift_that_is_short(shop: Shop, book: Register) -> None:
    book.open_shift(10_000)
    book.sell(shop.wine())
    book.close_shift(10_900, 10_999)


def a_shift_that_is_over(shop: Shop, book: Register) -> None:
    book.open_shift(0)
    book.close_shift(7, 0)


def logs_and_no_sales(shop: Shop, book: Register) -> None:
    book.commit("NO_SALE", {"shift_id": None, "cashier_id": book.cashier_id, "reason": "change"})
    book.till.journal.logs(1)


def tenders_that_fall_short(shop: Shop, book: Register) -> None:
    book.sell(shop.wine(), tenders=[tender("CARD", 900)])


def change_that_does_not_add_up(shop: Shop, book: Register) -> None:
    book.sell(shop.wine(), tenders=[tender("CASH", 999, tendered_minor=2000, change_minor=0)])


def a_header_that_contradicts_its_lines(shop: Shop, book: Register) -> None:
    book.sell(shop.wine(), net_minor=1, tax_minor=2, gross_minor=3)


def tax_rows_that_contradict_the_lines(shop: Shop, book: Register) -> None:
    book.sell(shop.wine(), taxes=[{"code": "VAT", "rate_ppm": 200_000, "base_minor": 832, "amount_minor": 190}])


stories: list[Story] = [
    a_sale_in_cash,
    a_sale_by_card,
    a_sale_with_tender_types,
    a_sale_with_every_method,
    a_sale_of_a_voucher,
    a_sale_rounded_to_five_cents,
    a_sale_for_nothing,
    a_sale_without_tax,
    a_refund_in_part,
    a_refund_rounded_by_its_own_cash_part,
    a_refund_without_a_receipt,
    a_void_of_a_sale,
    a_void_of_a_refund,
    a_void_after_a_refund,
    two_voids_of_one_sale,
    a_refund_of_a_voided_sale,
    a_refund_of_more_than_was_sold,
    a_sale_of_an_unknown_product,
    a_sale_id_used_twice,
    a_shift_to_the_cent,
    a_shift_that_is_short,
    a_shift_that_is_over,
    logs_and_no_sales,
    tenders_that_fall_short,
    change_that_does_not_add_up,
    a_header_that_contradicts_its_lines,
    tax_rows_that_contradict_the_lines,
]
in_suspense = {
    tenders_that_fall_short,
    change_that_does_not_add_up,
    tax_rows_that_contradict_the_lines,
}


@pytest.mark.parametrize("story", stories, ids=lambda story: story.__name__)
def test_an_event_books_the_figures_of_its_own_payload_and_its_entries_sum_to_0(
    shop: Shop, register: Register, story: Story
) -> None:
    event_date = today()
    story(shop, register)

    answer = register.till.push()

    assert answer["applied_through"] == answer["received"]
    assert shop.balances() == books_of(register.events)
    assert ("suspense" in shop.balances()) == (story in in_suspense)
    sums: dict[int, int] = {}
    for entry in shop.entries():
        assert entry["amount_minor"] != 0
        assert entry["business_date"] in {event_date, today()}
        sums[entry["sequence"]] = sums.get(entry["sequence"], 0) + entry["amount_minor"]
    assert set(sums.values()) <= {0}


@pytest.mark.parametrize("price_mode", ["tax_inclusive", "tax_exclusive"])
@pytest.mark.parametrize("tax_rounding", ["receipt", "line"])
def test_both_modes_and_both_roundings_are_booked_without_an_exception(
    shop: Shop, price_mode: str, tax_rounding: str
) -> None:
    book = shop.register(price_mode=price_mode, tax_rounding=tax_rounding)
    sale = book.sell(shop.wine(333, 3000), shop.wine(1), shop.bread(149, 1337), shop.bread(7, 333, discount_minor=1))
    first = book.refund(sale, {1: 1000, 3: 337})
    book.refund(sale, {1: 2000, 2: 1000, 3: 1000, 4: 333}, earlier=[first])

    answer = book.till.push()

    assert answer["exceptions"] == []
    left = shop.balances()
    assert left == books_of(book.events)
    assert left["sales_revenue"] + left["sales_returns"] == 0
    assert "cash" not in left
    assert not [account for account in left if account.startswith("tax:")]


def test_a_void_before_its_sale_waits_without_entries_and_is_dated_as_the_void(shop: Shop) -> None:
    seller, other = shop.register(), shop.register()
    sale = seller.sell(shop.wine(), envelope={"business_date": "2026-11-01"})
    other.void(sale, envelope={"business_date": "2026-11-03"})

    waiting = other.till.push()
    before = shop.balances()
    seller.till.push()

    assert (waiting["applied_through"], before) == (1, {})
    assert shop.balances(to="2026-11-02")["cash"] == 999
    assert shop.balances(from_="2026-11-02", to="2026-11-03")["cash"] == -999
    assert shop.balances() == {}


def test_a_refund_before_its_sale_books_at_once_and_is_checked_when_the_sale_comes(shop: Shop) -> None:
    seller, other = shop.register(), shop.register()
    sale = seller.sell(shop.wine())
    first = other.refund(sale, {1: 1000})
    other.refund(sale, {1: 1000})

    at_once = other.till.push()
    before = shop.balances()
    seller.till.push()

    assert at_once["exceptions"] == []
    assert before == books_of(other.events)
    assert shop.codes(other.till) == [(2, "refund-exceeds-sale")]
    assert shop.balances() == books_of(seller.events + other.events)
    assert first["gross_minor"] == 999


def test_a_void_from_another_location_is_dated_at_the_sales_location(shop: Shop) -> None:
    elsewhere = Shop(shop.tenant, shop.tenant.location()["location_id"], shop.wine_id, shop.bread_id)
    seller, other = shop.register(), elsewhere.register()
    sale = seller.sell(shop.wine())
    seller.till.push()
    other.void(sale)

    answer = other.till.push()

    assert [one["code"] for one in answer["exceptions"]] == ["foreign-void"]
    assert shop.balances() == {}
    assert elsewhere.balances() == {}


def test_a_refund_at_another_location_books_there(shop: Shop) -> None:
    elsewhere = Shop(shop.tenant, shop.tenant.location()["location_id"], shop.wine_id, shop.bread_id)
    seller, other = shop.register(), elsewhere.register()
    sale = seller.sell(shop.wine())
    seller.till.push()
    other.refund(sale, {1: 1000})

    assert other.till.push()["exceptions"] == []
    assert shop.balances() == books_of(seller.events)
    assert elsewhere.balances() == books_of(other.events)


@pytest.mark.parametrize("seed", range(6))
def test_balances_are_a_function_of_the_set_of_events_never_of_their_order(shop: Shop, seed: int) -> None:
    """Three tills, refunds and voids across them, bodies of one line in a shuffled order."""
    chance = random.Random(seed)
    books = [shop.register(label) for label in ("one", "two", "three")]
    sales: list[dict[str, Any]] = []
    for _ in range(14):
        book = chance.choice(books)
        kind = chance.choice(["sell", "sell", "refund", "void"])
        if kind == "sell" or not sales:
            sales.append(book.sell(shop.wine(chance.randint(1, 5000), 2000), shop.bread(chance.randint(1, 900))))
        elif kind == "refund":
            book.refund(chance.choice(sales), {1: 1000})
        else:
            book.void(chance.choice(sales))
    bodies = [(book, sequence) for book in books for sequence in range(1, len(book.events) + 1)]
    chance.shuffle(bodies)
    for book, sequence in bodies:
        book.till.push(sequence, sequence)

    assert {book.till.position()["applied_through"] - len(book.events) for book in books} == {0}
    assert shop.balances() == books_of([event for book in books for event in book.events])


def test_entry_numbers_rise_in_the_tenant(shop: Shop, register: Register) -> None:
    register.sell(shop.wine())
    register.till.push()
    before = max(entry["entry_number"] for entry in shop.entries())
    register.sell(shop.wine())
    register.till.push(2)

    numbers = [entry["entry_number"] for entry in shop.entries()]

    assert numbers == sorted(set(numbers))
    assert min(number for number in numbers if number > before) > before
