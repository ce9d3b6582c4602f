"""Section 9: each code is raised for the event that the page names, and for no honest one."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.contract.independent_arithmetic import Item, Tax
from tests.contract.independent_books import books_of
from tests.contract.independent_journal import today
from tests.contract.independent_shop import Register, Shop, Tenant, cash, new_id, tender

Story = Callable[[Shop, Register], Any]
visa = "4111 1111 1111 1111"


def at(**ago: float) -> dict[str, str]:
    time = datetime.now(UTC) - timedelta(**ago)
    return {"created_at": time.isoformat(timespec="milliseconds").replace("+00:00", "Z")}


def honest(shop: Shop, book: Register) -> None:
    book.open_shift(5000)
    sale = book.sell(shop.wine(999, 3000), shop.bread(), tenders=[cash(3347, 4000)])
    book.refund(sale, {1: 1000})
    book.void(book.sell(shop.wine()))
    book.sell(shop.wine(price_rule_id=new_id(), discount_minor=99, approved_by=new_id(), list_price_minor=1200))
    book.move_cash("OUT", 100)
    book.commit("NO_SALE", {"shift_id": book.shift_id, "cashier_id": book.cashier_id, "reason": "change"})
    expected = 5000 + 3347 - 999 + 900 - 100
    book.close_shift(expected, expected)


def test_honest_events_raise_nothing(shop: Shop, register: Register) -> None:
    honest(shop, register)

    assert register.till.push()["exceptions"] == []
    assert shop.exceptions(register.till) == []


def refund_of_more_pieces(shop: Shop, book: Register) -> None:
    sale = book.sell(shop.wine())
    book.refund(sale, {1: 1000})
    book.refund(sale, {1: 1000})


def refund_of_more_money(shop: Shop, book: Register) -> None:
    sale = book.sell(shop.wine(999, 2000))
    dearer = {**sale, "lines": [{**sale["lines"][0], "gross_minor": 6000, "net_minor": 5667}]}
    book.refund(sale, {1: 500})
    book.refund(dearer, {1: 1000})


def refund_of_a_line_that_is_not_there(shop: Shop, book: Register) -> None:
    sale = book.sell(shop.wine())
    book.sell(shop.wine())
    payload = book.refund_payload(sale, [{**sale["lines"][0], "original_line": 2}])
    book.commit("REFUND", payload)


def void_after_refund(shop: Shop, book: Register) -> None:
    sale = book.sell(shop.wine())
    book.refund(sale, {1: 1000})
    book.void(sale)


def void_twice(shop: Shop, book: Register) -> None:
    sale = book.sell(shop.wine())
    book.void(sale)
    book.void(sale)


def sale_id_twice(shop: Shop, book: Register) -> None:
    sale = book.sell(shop.wine())
    book.sell(shop.wine())
    book.sell(shop.wine(), sale_id=sale["sale_id"])


def receipt_number_twice(shop: Shop, book: Register) -> None:
    sale = book.sell(shop.wine())
    book.sell(shop.wine())
    book.receipts -= 1
    book.sell(shop.wine(), receipt_number=sale["receipt_number"])


def third(type_: str, make: Callable[[Shop, Register], dict[str, Any]]) -> Story:
    """Two honest sales, then the event that breaks a rule, on sequence 3."""

    def tell(shop: Shop, book: Register) -> None:
        book.sell(shop.wine())
        book.sell(shop.wine())
        book.commit(type_, make(shop, book))

    return tell


def sale_with(**changed: Any) -> Story:
    return third("SALE", lambda shop, book: book.sale_payload([shop.wine()], **changed))


def line_with(**changed: Any) -> Story:
    def make(shop: Shop, book: Register) -> dict[str, Any]:
        payload = book.sale_payload([shop.wine()])
        return {**payload, "lines": [{**payload["lines"][0], **changed}]}

    return third("SALE", make)


def header_unlike_its_lines(shop: Shop, book: Register) -> dict[str, Any]:
    return book.sale_payload([shop.wine(), shop.bread()], net_minor=1000, gross_minor=1349, tax_minor=349)


def tax_by_another_rounding(shop: Shop, book: Register) -> dict[str, Any]:
    """A receipt of 3 × 0.03 whose tax is rounded by the line where its header says by the receipt."""
    book.tax_rounding = "line"
    payload = book.sale_payload([shop.wine(3), shop.wine(3), shop.wine(3)])
    book.tax_rounding = "receipt"
    other = book.sale_payload([shop.wine(3), shop.wine(3), shop.wine(3)])
    assert payload["taxes"] != other["taxes"]
    book.receipts -= 1
    return {**payload, "tax_rounding": "receipt"}


def shift_expected_wrongly(shop: Shop, book: Register) -> None:
    book.open_shift(1000)
    book.sell(shop.wine())
    book.close_shift(1000, 1000)


def shift_never_opened(shop: Shop, book: Register) -> None:
    book.sell(shop.wine())
    book.sell(shop.wine())
    book.shift_id = new_id()
    book.close_shift(0, 0)


def shift_opened_twice(shop: Shop, book: Register) -> None:
    book.sell(shop.wine())
    opened = book.open_shift(1000)
    book.commit("SHIFT_OPEN", {**opened})


def receipt_number_passed_over(shop: Shop, book: Register) -> None:
    book.sell(shop.wine())
    book.sell(shop.wine())
    book.receipts += 1
    book.sell(shop.wine())


def voucher_overdrawn(shop: Shop, book: Register) -> None:
    code = new_id()
    book.sell(Item(None, 1000, (), kind="voucher", barcode=code, sku=None, name="Gift card"))
    book.sell(shop.wine(600), tenders=[tender("VOUCHER", 600, voucher_code=code)])
    book.sell(shop.wine(600), tenders=[tender("VOUCHER", 600, voucher_code=code)])


def redeemed_voucher_refunded(shop: Shop, book: Register) -> None:
    code = new_id()
    sale = book.sell(Item(None, 1000, (), kind="voucher", barcode=code, sku=None, name="Gift card"))
    book.sell(shop.wine(600), tenders=[tender("VOUCHER", 600, voucher_code=code)])
    book.refund(sale, {1: 1000})


def an_exchange_that_loses_money(shop: Shop, book: Register) -> None:
    sale = book.sell(shop.wine(1000))
    exchange_id = new_id()
    book.refund(sale, {1: 1000}, tenders=[tender("EXCHANGE", 1000)], exchange_id=exchange_id)
    book.sell(shop.wine(900), tenders=[tender("EXCHANGE", 900)], exchange_id=exchange_id)


stories: dict[str, tuple[str, Story]] = {
    "a refund of more pieces": ("refund-exceeds-sale", refund_of_more_pieces),
    "a refund of more money": ("refund-exceeds-sale", refund_of_more_money),
    "a refund of a line that is not there": ("refund-exceeds-sale", refund_of_a_line_that_is_not_there),
    "a void after a refund": ("void-after-refund", void_after_refund),
    "a second void": ("already-voided", void_twice),
    "a second sale of one id": ("duplicate-sale-id", sale_id_twice),
    "a second receipt of one number": ("duplicate-receipt-number", receipt_number_twice),
    "a header unlike its lines": ("totals-mismatch", third("SALE", header_unlike_its_lines)),
    "a header whose net and tax are not its gross": ("totals-mismatch", sale_with(tax_minor=1)),
    "another currency": ("totals-mismatch", sale_with(currency="USD")),
    "a line against its own price": ("totals-mismatch", line_with(unit_price_minor=998)),
    "a line against its own discount": ("totals-mismatch", line_with(discount_minor=1)),
    "a line whose net and tax are not its gross": ("totals-mismatch", line_with(net_minor=1)),
    "a shift expected wrongly": ("totals-mismatch", shift_expected_wrongly),
    "a shift never opened": ("totals-mismatch", shift_never_opened),
    "a shift opened twice": ("totals-mismatch", shift_opened_twice),
    "tax at another rate": (
        "tax-mismatch",
        line_with(taxes=[{"code": "VAT", "rate_ppm": 190_000, "compound": False, "amount_minor": 167}]),
    ),
    "tax by another rounding": ("tax-mismatch", third("SALE", tax_by_another_rounding)),
    "tenders that fall short": ("tender-mismatch", sale_with(tenders=[tender("CARD", 900)])),
    "a tender that is not tendered less change": (
        "tender-mismatch",
        sale_with(tenders=[tender("CASH", 999, tendered_minor=2000, change_minor=1000)]),
    ),
    "an unknown product": (
        "unknown-product",
        third("SALE", lambda shop, book: book.sale_payload([Item(new_id(), 5, shop.wine().taxes)])),
    ),
    "a number of another prefix": ("foreign-receipt-number", sale_with(receipt_number="ELSEWHERE-3")),
    "a number passed over": ("receipt-number-gap", receipt_number_passed_over),
    "a voucher overdrawn": ("voucher-exceeds-balance", voucher_overdrawn),
    "a redeemed voucher refunded": ("voucher-exceeds-balance", redeemed_voucher_refunded),
    "an exchange that loses money": ("exchange-unbalanced", an_exchange_that_loses_money),
    "a card number in a reference": (
        "card-number-found",
        sale_with(tenders=[tender("CARD", 999, reference=visa)]),
    ),
    "a card number in a reason": (
        "card-number-found",
        third("NO_SALE", lambda _, book: {"shift_id": None, "cashier_id": book.cashier_id, "reason": f"card {visa}"}),
    ),
}


@pytest.mark.parametrize(("code", "story"), stories.values(), ids=stories)
def test_each_code_is_raised_for_its_event_and_the_event_is_booked(
    shop: Shop, register: Register, code: str, story: Story
) -> None:
    story(shop, register)

    answer = register.till.push()

    raised = [(one["sequence"], one["code"]) for one in answer["exceptions"]]
    assert (3, code) in raised
    assert {sequence for sequence, _ in raised} == {3}
    assert set(raised) == set(shop.codes(register.till))
    assert shop.balances() == books_of(register.events)


def test_an_exception_bears_what_the_back_office_needs(shop: Shop, register: Register) -> None:
    receipt_number_passed_over(shop, register)
    register.till.push()

    (found,) = shop.exceptions(register.till, "open")

    assert set(found) >= {
        *("exception_id", "terminal_id", "epoch", "sequence", "code", "detail", "created_at", "status"),
    }
    assert (found["terminal_id"], found["epoch"], found["sequence"]) == (register.till.terminal_id, 1, 3)
    assert (found["status"], found["branch"]) == ("open", None)
    assert shop.exceptions(register.till, "resolved") == []


def test_the_arithmetic_of_the_sale_is_not_asked_of_a_refund_that_names_it(shop: Shop, register: Register) -> None:
    """Shares of lines and taxes obey the cumulative share, not the line formula."""
    sale = register.sell(shop.wine(100, 3000, discount_minor=1), shop.bread(7, 3000))
    parts: list[dict[str, Any]] = []
    for _ in range(3):
        parts.append(register.refund(sale, {1: 1000, 2: 1000}, earlier=parts))

    assert register.till.push()["exceptions"] == []


def test_a_header_that_is_wrong_reaches_neither_ledger_nor_report(shop: Shop, register: Register) -> None:
    register.sell(shop.wine(), net_minor=1, tax_minor=2, gross_minor=3)
    register.till.push()

    assert shop.balances()["sales_revenue"] == -832
    rows = shop.tenant.owner.get("/v1/reports/sales", group_by="location").ok()["rows"]
    assert [row["gross_minor"] for row in rows if row["location_id"] == shop.location_id] == [999]


def test_a_line_without_a_product_raises_nothing(shop: Shop, register: Register) -> None:
    register.sell(Item(None, 500, (Tax("VAT", 200_000),)))

    assert register.till.push()["exceptions"] == []


def test_a_withdrawn_product_is_not_unknown(shop: Shop, register: Register) -> None:
    product = shop.tenant.product()
    shop.tenant.owner.delete(f"/v1/products/{product['product_id']}").ok(204)
    register.sell(Item(product["product_id"], 500, (Tax("VAT", 200_000),)))

    assert register.till.push()["exceptions"] == []


def test_the_product_of_another_tenant_is_unknown(shop: Shop, register: Register, stranger: Tenant) -> None:
    register.sell(Item(stranger.product()["product_id"], 500, (Tax("VAT", 200_000),)))

    assert [one["code"] for one in register.till.push()["exceptions"]] == ["unknown-product"]


@pytest.mark.parametrize("envelope", [{"days": -1}, {"days": 1}, {"days": 3650}], ids=str)
def test_a_clock_that_is_off_is_a_clock_skew(shop: Shop, register: Register, envelope: dict[str, float]) -> None:
    register.sell(shop.wine(), envelope=at(**envelope))

    assert [one["code"] for one in register.till.push()["exceptions"]] == ["clock-skew"]


def test_a_line_older_than_the_one_before_is_a_clock_skew(shop: Shop, register: Register) -> None:
    shop.tenant.set(shop.location_id, clock_skew_seconds_max=3600)
    register.sell(shop.wine(), envelope=at(hours=-0.9))
    register.sell(shop.wine(), envelope=at(hours=0.9))

    assert [(one["sequence"], one["code"]) for one in register.till.push()["exceptions"]] == [(2, "clock-skew")]


def test_a_bound_of_0_turns_the_check_of_the_clock_off(shop: Shop, register: Register) -> None:
    shop.tenant.set(shop.location_id, clock_skew_seconds_max=0)
    register.sell(shop.wine(), envelope=at(days=1000))
    register.sell(shop.wine(), envelope=at(days=-1000))

    assert register.till.push()["exceptions"] == []


def test_a_sale_on_closed_books_is_booked_on_its_date_all_the_same(shop: Shop, register: Register) -> None:
    yesterday = (datetime.now(UTC) - timedelta(days=1)).date().isoformat()
    shop.tenant.set(shop.location_id, books_closed_through=yesterday)
    register.sell(shop.wine(), envelope={"business_date": yesterday})
    register.sell(shop.wine(5), envelope={"business_date": today()})

    answer = register.till.push()

    assert [(one["sequence"], one["code"]) for one in answer["exceptions"]] == [(1, "late-for-closed-books")]
    assert shop.balances(to=yesterday)["cash"] == 999


def test_what_waits_for_another_till_is_no_exception_yet(shop: Shop, register: Register) -> None:
    unsent = shop.register()
    sale = unsent.sell(shop.wine())
    register.refund(sale, {1: 1000})
    register.void(sale)
    register.sell(shop.wine(5), tenders=[tender("VOUCHER", 5, voucher_code=new_id())])

    assert register.till.push()["exceptions"] == []
    assert shop.exceptions(register.till) == []


def test_a_voucher_tender_without_a_code_raises_nothing(shop: Shop, register: Register) -> None:
    register.sell(shop.wine(), tenders=[tender("VOUCHER", 999)])

    assert register.till.push()["exceptions"] == []


def test_an_exchange_that_comes_to_0_raises_nothing_and_half_of_it_voided_does(shop: Shop, register: Register) -> None:
    sale = register.sell(shop.wine(1000))
    exchange_id = new_id()
    register.refund(sale, {1: 1000}, tenders=[tender("EXCHANGE", 1000)], exchange_id=exchange_id)
    bought = register.sell(shop.wine(1200), tenders=[tender("EXCHANGE", 1000), cash(200)], exchange_id=exchange_id)
    whole = register.till.push()
    register.void(bought)
    half = register.till.push(4)

    assert whole["exceptions"] == []
    assert [one["code"] for one in half["exceptions"]] == ["exchange-unbalanced"]


def test_both_halves_of_an_exchange_voided_withdraw_its_exception(shop: Shop, register: Register) -> None:
    sale = register.sell(shop.wine(1000))
    exchange_id = new_id()
    back = register.refund(sale, {1: 1000}, tenders=[tender("EXCHANGE", 1000)], exchange_id=exchange_id)
    bought = register.sell(shop.wine(1000), tenders=[tender("EXCHANGE", 1000)], exchange_id=exchange_id)
    register.void(bought)
    register.till.push()
    register.void(back)
    register.till.push(5)

    assert shop.exceptions(register.till, "open") == []
    assert [one["status"] for one in shop.exceptions(register.till)] == ["withdrawn"]


def test_no_detail_bears_an_id_of_another_tenant_or_a_person(shop: Shop, stranger: Tenant) -> None:
    foreign_shop = Shop(stranger, stranger.location()["location_id"], new_id(), new_id())
    foreign = foreign_shop.register().sell(Item(None, 5, ()))
    register = shop.register()
    register.refund(foreign, {1: 1000})
    register.void(foreign)
    register.sell(Item(foreign_shop.wine_id, 5, ()), currency="USD", sale_id=foreign["sale_id"])
    register.till.push()

    details = " ".join(one["detail"] for one in shop.exceptions(register.till))

    assert stranger.tenant_id not in details
    assert stranger.name not in details
    assert register.cashier_id not in details
