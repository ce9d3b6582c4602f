"""Each code of the contract, section 9, that the books raise: what raises it, and what does not."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from msgspec import structs

from central.sales.overdue import raise_overdue
from central.tenancy import settings
from central.tenant_session import operator, tenant_session
from protocol.events import Line, Refund, Sale, Tender
from tests.central.books import ARRIVAL, Books, Till
from tests.trade import (
    DAY,
    MORNING,
    card,
    cart,
    cash,
    cash_in,
    exchange,
    id_of,
    refund,
    refund_without_receipt,
    sale,
    shift_close,
    shift_open,
    till_log,
    void,
    voucher,
)

COFFEE = cart("2 x COFFEE @ 3.60")


def changed(receipt: Any, **fields: Any) -> Any:
    """The same thing but for some fields."""
    values = {name: getattr(receipt, name) for name in receipt.__struct_fields__}
    return type(receipt)(**{**values, **fields})


def with_line(sold: Sale, **fields: Any) -> Sale:
    line: Line = changed(sold.lines[0], **fields)
    return changed(sold, lines=(line, *sold.lines[1:]))  # type: ignore[no-any-return]


async def set_(books: Books, **overrides: Any) -> None:
    async with tenant_session(books.database, operator(books.tenant_id)) as session:
        await settings.change(session, None, overrides)


async def wait_over(books: Books, hours: int = 73) -> list[str]:
    """The codes that are raised when so many hours are over."""
    async with tenant_session(books.database, operator(books.tenant_id)) as session:
        raised = await raise_overdue(session, ARRIVAL + timedelta(hours=hours), books.next_id)
    return [record.code for record in raised]


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({"net_minor": 599, "tax_minor": 121}, {}),
        ({"gross_minor": 721, "tenders": (cash(721),)}, {}),
        ({"currency": "USD"}, {}),
        ({}, {"unit_price_minor": 361}),
        ({}, {"quantity_milli": 2100}),
        ({}, {"quantity_milli": -2000, "unit_price_minor": -360}),
        ({}, {"discount_minor": -1, "unit_price_minor": 359}),
        ({}, {"price_quantity_milli": 0}),
        ({}, {"net_minor": 601}),
    ],
)
async def test_totals_mismatch(books: Books, fields: Mapping[str, Any], line: Mapping[str, Any]) -> None:
    """Header against lines, net + tax against gross, the line formula, figures below 0, another currency."""
    await books.take(Till("K1").rings(with_line(changed(sale(COFFEE), **fields), **line)))

    assert "totals-mismatch" in await books.codes()


async def test_totals_mismatch_is_not_raised_by_a_derived_figure_of_a_refund(books: Books) -> None:
    """The third of gross, net and tax may come out at -1 where a line is refunded in parts."""
    till = Till("K1")
    sold = sale(COFFEE)
    back = refund(sold, {1: 1000})
    line = changed(back.lines[0], net_minor=-1, gross_minor=0, taxes=(changed(back.lines[0].taxes[0], amount_minor=1),))
    row = changed(back.taxes[0], base_minor=-1, amount_minor=1)
    odd: Refund = changed(
        back, lines=(line,), taxes=(row,), net_minor=-1, tax_minor=1, gross_minor=0, tenders=(), rounding_minor=0
    )
    await books.take(till.rings(sold, odd))

    assert await books.codes() == []


@pytest.mark.parametrize(
    ("taxes", "rows"),
    [
        ({"amount_minor": 119}, {}),
        ({}, {"amount_minor": 119}),
        ({}, {"base_minor": 599}),
        ({"rate_ppm": 190_000}, {}),
        ({"rate_ppm": -1}, {}),
    ],
)
async def test_tax_mismatch(books: Books, taxes: Mapping[str, Any], rows: Mapping[str, Any]) -> None:
    """Recomputed from the payload's own rates, mode and rounding."""
    sold = sale(COFFEE)
    of_line = (changed(sold.lines[0].taxes[0], **taxes),)
    wrong = changed(with_line(sold, taxes=of_line), taxes=(changed(sold.taxes[0], **rows),))
    await books.take(Till("K1").rings(wrong))

    assert "tax-mismatch" in await books.codes()


@pytest.mark.parametrize(
    "tenders",
    [
        (cash(719),),
        (cash(720), card(1)),
        (Tender(method="CASH", amount_minor=720, tendered_minor=1000, change_minor=200),),
        (),
    ],
)
async def test_tender_mismatch(books: Books, tenders: tuple[Tender, ...]) -> None:
    """Tenders against what is due, each against what was handed over and given back."""
    await books.take(Till("K1").rings(changed(sale(COFFEE), tenders=tenders)))

    assert await books.codes() == ["tender-mismatch"]


async def test_unknown_product(books: Books) -> None:
    """A product that was never in the catalogue; a line that names none raises nothing."""
    till = Till("K1")
    await books.take(till.rings(sale(COFFEE, product_ids={"COFFEE": id_of("COFFEE")}), sale(COFFEE, number="K1-2")))

    assert await books.exceptions() == [("unknown-product", "not in the catalogue: line 1")]


async def test_clock_skew(books: Books) -> None:
    """Ahead of arrival, before the enrolment or before the line before it, by more than the bound; late is normal."""
    till = Till("K1")
    till.rings(till_log(), at=ARRIVAL + timedelta(minutes=16))
    till.rings(till_log(), at=MORNING)
    till.rings(till_log(), at=MORNING - timedelta(minutes=14))
    till.rings(till_log(), at=MORNING - timedelta(days=100))
    await books.take(till)

    assert await books.codes() == ["clock-skew"] * 3


async def test_clock_skew_is_off_at_0(books: Books) -> None:
    await set_(books, clock_skew_seconds_max=0)
    await books.take(Till("K1").rings(till_log(), at=ARRIVAL + timedelta(days=1)))

    assert await books.codes() == []


async def test_late_for_closed_books(books: Books) -> None:
    """Dated on or before the day through which the books are closed; booked on its date all the same."""
    await set_(books, books_closed_through=DAY.isoformat())
    till = Till("K1").rings(sale(COFFEE))
    till.rings(sale(COFFEE, number="K1-2"), business_date=DAY + timedelta(days=1))
    await books.take(till)

    assert await books.codes() == ["late-for-closed-books"]
    assert (await books.balances())["sales_revenue"] == -1200


@pytest.mark.parametrize("number", ["K2-1", "K1-01", "K1-", "K1-0", "K1-x", "K1-1 ", "1"])
async def test_foreign_receipt_number(books: Books, number: str) -> None:
    """Outside the epoch's prefix, or no plain counter behind it."""
    await books.take(Till("K1").rings(sale(COFFEE, number=number)))

    assert await books.codes() == ["foreign-receipt-number"]


async def test_receipt_number_gap(books: Books) -> None:
    """Sales and refunds count together, from 1, over batches; what was passed over is named."""
    till = Till("K1")
    first = sale(COFFEE)
    await books.take(till.rings(first, refund(first, {1: 1000})))
    await books.take(till.rings(sale(COFFEE, number="K1-5")))
    await books.take(till.rings(sale(COFFEE, number="K1-6")))

    assert await books.exceptions() == [("receipt-number-gap", "no receipt bears 3 to 4")]


async def test_duplicate_receipt_number(books: Books) -> None:
    """Whichever comes second bears it, in one batch or in another, by whatever terminal."""
    till, other = Till("K1"), Till("K2")
    await books.take(till.rings(sale(COFFEE), sale(COFFEE, sale_id=id_of("again"))))
    await books.take(other.rings(sale(COFFEE, sale_id=id_of("and again"))))

    assert await books.codes() == ["duplicate-receipt-number"] * 2 + ["foreign-receipt-number"]


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("branch_first", [True, False])
async def test_a_number_that_an_adopted_branch_repeats_is_no_duplicate(
    books: Books, branch_first: bool, together: bool
) -> None:
    """Whichever of the two comes first: the branch's line bears `adopted-branch`, which the uplink raises."""
    (own,) = Till("K1").rings(sale(COFFEE)).pending
    (clone,) = Till("K1").rings(sale(COFFEE, sale_id=id_of("the clone's"))).pending
    branched = structs.replace(clone, branch=1)
    order = [branched, own] if branch_first else [own, branched]
    for batch in [order] if together else [[one] for one in order]:
        await books.book(batch)

    assert await books.codes() == []


async def test_duplicate_sale_id(books: Books) -> None:
    """It books in full; what goes to the id goes to the one applied first."""
    till, other = Till("K1"), Till("K2")
    first = sale(COFFEE)
    second = sale(cart("1 x TEA @ 1.20"), number="K2-1", sale_id=first.sale_id)
    await books.take(till.rings(first))
    await books.take(other.rings(second))
    await books.take(till.rings(void(first)))

    assert await books.codes() == ["duplicate-sale-id"]
    assert await books.balances() == {"cash": 120, "sales_revenue": -100, "tax:VAT-S": -20}


async def test_card_number_found(books: Books) -> None:
    """In a text that a person wrote; never in a code, and never in the detail."""
    till = Till("K1")
    told = changed(sale(COFFEE), tenders=(changed(card(720), reference="4111 1111 1111 1111"),))
    fine = with_line(sale(COFFEE, number="K1-2"), barcode="4111111111111111", sku="4111111111111111")
    await books.take(till.rings(told, fine))

    assert await books.exceptions() == [("card-number-found", "in reference")]


async def test_refund_exceeds_sale(books: Books) -> None:
    """In the order of application, by quantity and by amount; each books in full."""
    till = Till("K1")
    sold = sale(COFFEE)
    more = refund(sold, {1: 1000}, number="K1-4")
    await books.take(till.rings(sold, refund(sold, {1: 1000}), refund(sold, {1: 1000}, number="K1-3")))
    assert await books.codes() == []

    await books.take(till.rings(more))
    assert await books.exceptions() == [("refund-exceeds-sale", "line 1: 3000 refunded of 2000 sold")]
    assert (await books.balances())["sales_returns"] == 900


async def test_refund_exceeds_sale_by_a_line_that_it_has_not(books: Books) -> None:
    till = Till("K1")
    sold = sale(COFFEE)
    back = refund(sold, {1: 1000})
    await books.take(till.rings(sold, changed(back, lines=(changed(back.lines[0], original_line=9),))))

    assert await books.exceptions() == [("refund-exceeds-sale", "line 1: the sale has no such line")]


async def test_refund_exceeds_sale_when_it_is_voided(books: Books) -> None:
    till = Till("K1")
    sold = sale(COFFEE)
    await books.take(till.rings(sold, void(sold), refund(sold, {1: 1000})))

    assert await books.exceptions() == [("refund-exceeds-sale", "the sale was voided")]


async def test_refund_exceeds_sale_is_seen_when_the_sale_comes_last(books: Books) -> None:
    """Refunds that came before their sale are checked when it comes, in the order of their application."""
    here, there, third = Till("K1"), Till("K2"), Till("K3")
    sold = sale(COFFEE, number="K3-1")
    await books.take(here.rings(refund(sold, {1: 2000}, number="K1-1")))
    await books.take(there.rings(refund(sold, {1: 1000}, number="K2-1")), now=ARRIVAL + timedelta(minutes=1))
    await books.take(third.rings(sold), now=ARRIVAL + timedelta(minutes=2))

    assert await books.codes() == ["refund-exceeds-sale"]
    (row,) = await books.rows("select terminal_id from till.exceptions where tenant_id = $1")
    assert row["terminal_id"] == there.journal.terminal_id


async def test_a_refund_that_was_voided_gave_nothing_back(books: Books) -> None:
    till = Till("K1")
    sold = sale(COFFEE)
    back = refund(sold, {1: 2000})
    await books.take(till.rings(sold, back, void(back)))
    await books.take(till.rings(refund(sold, {1: 2000}, number="K1-3")))

    assert await books.codes() == []


async def test_original_not_found(books: Books) -> None:
    """Only when the hours are over, once, and withdrawn if the sale comes after all."""
    here, there = Till("K1"), Till("K2")
    sold = sale(COFFEE, number="K2-1")
    await books.take(here.rings(refund(sold, {1: 1000}, number="K1-1")))

    assert await wait_over(books, hours=71) == []
    assert await wait_over(books) == ["original-not-found"]
    assert await wait_over(books) == []

    await books.take(there.rings(sold))
    assert await books.codes("withdrawn") == ["original-not-found"]
    assert await books.codes() == []


async def test_void_unknown_sale(books: Books) -> None:
    """Of a sale and of a refund; withdrawn if it comes, and then the void applies."""
    here, there = Till("K1"), Till("K2")
    sold = sale(COFFEE, number="K2-1")
    back = refund(sold, {1: 1000}, number="K2-2")
    await books.take(here.rings(void(sold), void(back)))
    assert await wait_over(books) == ["void-unknown-sale"] * 2

    await books.take(there.rings(sold, back))
    assert await books.codes("withdrawn") == ["void-unknown-sale"] * 2
    assert await books.balances() == {}


async def test_void_after_refund(books: Books) -> None:
    """It reverses in full: the cash did leave a drawer."""
    till = Till("K1")
    sold = sale(COFFEE)
    await books.take(till.rings(sold, refund(sold, {1: 1000}), void(sold)))

    assert await books.codes() == ["void-after-refund"]
    assert await books.balances() == {"cash": -360, "sales_returns": 300, "tax:VAT-S": 60}


async def test_already_voided(books: Books) -> None:
    """A second void reverses in full, too."""
    till = Till("K1")
    sold = sale(COFFEE)
    await books.take(till.rings(sold, void(sold)))
    await books.take(till.rings(void(sold)))

    assert await books.codes() == ["already-voided"]
    assert await books.balances() == {"cash": -720, "sales_revenue": 600, "tax:VAT-S": 120}


async def test_foreign_void(books: Books) -> None:
    """A void of another location's sale is booked there."""
    here, there = Till("K1"), Till("K2", location="PORTO")
    sold = sale(COFFEE, number="K2-1")
    await books.take(there.rings(sold))
    await books.take(here.rings(void(sold)))

    assert await books.codes() == ["foreign-void"]
    rows = await books.rows("select distinct location_id from till.entries where tenant_id = $1")
    assert [row["location_id"] for row in rows] == [there.location_id]


async def test_exchange_unbalanced(books: Books) -> None:
    """Once both halves are in and do not come to 0; voided only both together."""
    till = Till("K1")
    swap = id_of("swap")
    old = sale(COFFEE)
    back = refund(old, {1: 1000}, tenders=[exchange(360)], exchange_id=swap)
    new = sale(cart("1 x TEA @ 4.80"), number="K1-3", tenders=[exchange(360), cash(120)], exchange_id=swap)
    await books.take(till.rings(old, back, new))
    assert await books.codes() == []

    await books.take(till.rings(void(new)))
    assert await books.codes() == ["exchange-unbalanced"]

    await books.take(till.rings(void(back)))
    assert await books.codes() == []
    assert await books.codes("withdrawn") == ["exchange-unbalanced"]


async def test_exchange_unbalanced_by_amount(books: Books) -> None:
    till = Till("K1")
    swap = id_of("swap")
    old = sale(COFFEE)
    back = refund(old, {1: 1000}, tenders=[exchange(360)], exchange_id=swap)
    new = sale(cart("1 x TEA @ 4.80"), number="K1-3", tenders=[exchange(300), cash(180)], exchange_id=swap)
    await books.take(till.rings(old, back))
    assert await books.codes() == []

    await books.take(till.rings(new))
    assert await books.exceptions() == [("exchange-unbalanced", "the halves come to -60 together")]


async def test_voucher_unknown(books: Books) -> None:
    """Raised when the hours are over, withdrawn when the voucher's sale comes; a tender without a code raises none."""
    here, there = Till("K1"), Till("K2")
    await books.take(here.rings(sale(COFFEE, tenders=[voucher(360, "VOUCHER-7"), voucher(360, None)])))
    assert await books.codes() == []
    assert await wait_over(books) == ["voucher-unknown"]

    await books.take(there.rings(sale(cart("1 x VOUCHER-7 @ 10.00"), number="K2-1")))
    assert await books.codes() == []
    assert await books.codes("withdrawn") == ["voucher-unknown"]


async def test_voucher_exceeds_balance(books: Books) -> None:
    """More redeemed than it holds, also where a refund of its line takes back what was spent."""
    till = Till("K1")
    sold = sale(cart("1 x VOUCHER-7 @ 10.00"))
    spent = sale(COFFEE, number="K1-2", tenders=[voucher(720, "VOUCHER-7")])
    await books.take(till.rings(sold, spent))
    assert await books.codes() == []

    await books.take(till.rings(refund(sold, {1: 1000}, number="K1-3")))
    assert await books.exceptions() == [("voucher-exceeds-balance", "the voucher is at -720 after it")]


async def test_voucher_exceeds_balance_is_seen_when_its_sale_comes_last(books: Books) -> None:
    here, there = Till("K1"), Till("K2")
    await books.take(here.rings(sale(cart("4 x COFFEE @ 3.60"), tenders=[voucher(1440, "VOUCHER-7")])))
    await books.take(there.rings(sale(cart("1 x VOUCHER-7 @ 10.00"), number="K2-1")))

    assert await books.exceptions() == [("voucher-exceeds-balance", "the voucher is at -440 after it")]


async def test_totals_mismatch_of_a_shift(books: Books) -> None:
    """The float and all cash that names the shift against what its closing expected."""
    till = Till("K1")
    paid = sale(COFFEE, tenders=[cash(720, 1000)], shift="EARLY")
    await books.take(till.rings(shift_open(), paid, cash_in(500), shift_close(11_220, 11_219)))

    assert await books.exceptions() == [
        ("totals-mismatch", "the float and all cash of the shift come to 11220, its closing expected 11219")
    ]


async def test_totals_mismatch_of_a_shift_is_withdrawn_when_its_cash_comes(books: Books) -> None:
    """Cash belongs to the shift that it names, whenever it arrives and from whatever terminal."""
    till, other = Till("K1"), Till("K2")
    await books.take(till.rings(shift_open(), shift_close(10_720)))
    assert await books.codes() == ["totals-mismatch"]

    await books.take(other.rings(sale(COFFEE, number="K2-1", shift="EARLY")))
    assert await books.codes() == []

    await books.take(other.rings(sale(COFFEE, number="K2-2", shift="EARLY")))
    assert await books.codes() == ["totals-mismatch"]


async def test_totals_mismatch_of_a_shift_opened_twice_or_never(books: Books) -> None:
    till = Till("K1")
    await books.take(till.rings(shift_open(), shift_open(), shift_close(0, 0, shift="NEVER")))

    assert [detail for _, detail in await books.exceptions()] == [
        "the shift was never opened",
        "the shift was opened before",
    ]


async def test_a_refund_without_a_receipt_is_checked_as_a_sale_is(books: Books) -> None:
    till = Till("K1")
    back = refund_without_receipt(COFFEE, number="K1-1")
    wrong = changed(back, receipt_number="K1-2", refund_id=id_of("other"), taxes=())
    await books.take(till.rings(back, wrong))

    assert await books.codes() == ["tax-mismatch", "totals-mismatch"]
