"""Giving back, voiding, drawers and dates."""

from datetime import date

import msgspec
import pytest
from hypothesis import given as generated
from hypothesis import settings as effort
from hypothesis import strategies as st

from protocol.events import CashMovement, Sale, ShiftClose, ShiftOpen, TillLog, Void
from protocol.refund import GivenBack, add_given
from terminal_agent.register.commands import (
    ChangeQuantity,
    CloseShift,
    CountedMethod,
    DiscountLine,
    GiveBack,
    MoveCash,
    OpenDrawer,
    OpenShift,
    PrintX,
    RefundPart,
    RefundTender,
    TakeTender,
    VoidReceipt,
)
from terminal_agent.register.terms import Settings
from tests.terminal_agent.register_trade import (
    BREAD,
    COFFEE,
    SUE,
    TODAY,
    Counter,
    closed,
    idle,
    known,
    parts_given,
    product,
    selling,
)


def part(line: int, milli: int) -> tuple[RefundPart, ...]:
    return (RefundPart(original_line=line, quantity_milli=milli),)


def sold(*products: object) -> tuple[Counter, Sale]:
    till = selling(*products).when(TakeTender(method="CASH"))  # type: ignore[arg-type]
    return till, till.sale


def test_a_refund_gives_back_the_line_in_cash() -> None:
    till, sale = sold(COFFEE, BREAD)

    refund = till.knowing(receipt=known(sale)).when(GiveBack(receipt_number="T1-1", lines=part(2, 1_000))).refund

    assert refund.original is not None
    assert refund.original.sale_id == sale.sale_id
    assert refund.gross_minor == 199
    assert [(tender.method, tender.amount_minor) for tender in refund.tenders] == [("CASH", 199)]


@effort(max_examples=80, deadline=None)
@generated(st.integers(1, 99_999), st.integers(0, 1_000_000), st.lists(st.integers(1, 4_000), min_size=1, max_size=8))
def test_refunding_a_line_in_any_parts_gives_back_what_it_cost(price: int, off_ppm: int, parts: list[int]) -> None:
    till = idle().selling_by(settings=Settings(discount_max_ppm=1_000_000)).scanned(product("CHEESE", price))
    till = till.when(ChangeQuantity(line=1, quantity_milli=sum(parts))).when(DiscountLine(line=1, percent_ppm=off_ppm))
    till = till.when(TakeTender(method="CARD"))
    sale = till.sale
    given: dict[int, GivenBack] = {}
    gross = tax = 0
    for milli in parts:
        asked = GiveBack(receipt_number="T1-1", lines=part(1, milli))
        till = till.knowing(receipt=known(sale, given=given)).when(asked)
        given = {1: add_given(given.get(1, GivenBack()), parts_given(till.refund)[1])}
        gross += till.refund.gross_minor
        tax += till.refund.tax_minor

    assert (gross, tax) == (sale.gross_minor, sale.tax_minor)
    till.knowing(receipt=known(sale, given=given)).refuses(
        GiveBack(receipt_number="T1-1", lines=part(1, 1)), "refund-exceeds-sale"
    )


def test_one_line_twice_in_a_refund_cannot_give_back_more_than_it_was() -> None:
    till, sale = sold(COFFEE)

    till.knowing(receipt=known(sale)).refuses(
        GiveBack(receipt_number="T1-1", lines=part(1, 600) + part(1, 600)), "refund-exceeds-sale"
    )


def test_a_refunds_tenders_come_to_exactly_what_is_given_back() -> None:
    till, sale = sold(COFFEE)
    till = till.knowing(receipt=known(sale))

    def asked(*tenders: RefundTender) -> GiveBack:
        return GiveBack(receipt_number="T1-1", lines=part(1, 1_000), tenders=tenders)

    till.refuses(asked(RefundTender(method="CASH", amount_minor=349)), "underpaid")
    till.refuses(asked(RefundTender(method="CARD", amount_minor=351)), "overpaid")
    both = asked(RefundTender(method="CASH", amount_minor=100), RefundTender(method="CARD", amount_minor=250))
    assert [tender.amount_minor for tender in till.when(both).refund.tenders] == [100, 250]


@pytest.mark.parametrize(
    ("settings", "online", "own", "needed"),
    [
        (Settings(refund_needs_supervisor="always"), True, True, True),
        (Settings(refund_needs_supervisor="never"), False, False, False),
        (Settings(refund_needs_supervisor="offline"), True, True, False),
        (Settings(refund_needs_supervisor="offline"), False, True, True),
        (Settings(refund_needs_supervisor="other_till"), True, True, False),
        (Settings(refund_needs_supervisor="other_till"), True, False, True),
        (Settings(offline_refund_limit_minor=100), False, True, True),
        (Settings(offline_refund_limit_minor=100), True, True, False),
        (Settings(refund_window_days=30), True, True, True),
        (Settings(refund_window_days=60), True, True, False),
    ],
)
def test_a_refund_needs_a_supervisor_where_the_settings_say_so(
    settings: Settings, online: bool, own: bool, needed: bool
) -> None:
    till, sale = sold(COFFEE)
    receipt = known(sale, own=own, business_date=date(2026, 10, 1))
    till = till.selling_by(settings=settings).knowing(receipt=receipt, online=online)
    asked = GiveBack(receipt_number="T1-1", lines=part(1, 1_000))

    if needed:
        till.refuses(asked, "approval-required")
        assert till.knowing(supervisor=SUE).when(asked).refund.approved_by == SUE.cashier_id
    else:
        assert till.when(asked).refund.approved_by is None


def test_a_receipt_that_nobody_knows_is_not_refunded() -> None:
    idle().refuses(GiveBack(receipt_number="X-1", lines=part(1, 1_000)), "unknown-receipt")


def test_a_void_takes_a_receipt_of_the_open_shift_back_with_a_supervisors_word() -> None:
    till, sale = sold(COFFEE)
    till = till.knowing(receipt=known(sale))

    till.refuses(VoidReceipt(receipt_number="T1-1"), "approval-required")
    voided = till.knowing(supervisor=SUE).when(VoidReceipt(receipt_number="T1-1", reason="wrong goods"))
    [void] = voided.payloads
    assert isinstance(void, Void)
    assert (void.sale_id, void.approved_by, void.reason) == (sale.sale_id, SUE.cashier_id, "wrong goods")
    assert voided.state.shift is not None
    assert voided.state.shift.cash_minor == 10_000


def test_what_cannot_be_voided() -> None:
    till, sale = sold(COFFEE)
    asked = VoidReceipt(receipt_number="T1-1")
    till = till.knowing(supervisor=SUE)
    other = msgspec.structs.replace(sale, shift_id=None)

    till.refuses(asked, "unknown-receipt")
    till.knowing(receipt=known(sale, voided=True)).refuses(asked, "already-voided")
    till.knowing(receipt=known(sale, refunded=True)).refuses(asked, "already-refunded")
    till.knowing(receipt=known(sale, own=False)).refuses(asked, "other-shift")
    till.knowing(receipt=known(other)).refuses(asked, "other-shift")


def test_a_shift_expects_what_the_ledger_will_say_lies_in_the_drawer() -> None:
    till, sale = sold(COFFEE)
    till = till.scanned(BREAD).when(TakeTender(method="CARD"))
    till = till.when(MoveCash(direction="OUT", amount_minor=5_000, reason="bank"))
    till = till.knowing(receipt=known(sale)).when(GiveBack(receipt_number="T1-1", lines=part(1, 1_000)))

    closing = till.when(CloseShift(counted_minor=4_990, tenders=(CountedMethod("CARD", 199),)))

    [close] = closing.payloads
    assert isinstance(close, ShiftClose)
    assert (close.expected_minor, close.counted_minor, close.z_number) == (5_000, 4_990, 1)
    assert (close.total_sales_minor, close.total_refunds_minor, close.total_receipts) == (549, 350, 3)
    assert [(of.method, of.counted_minor, of.expected_minor) for of in close.tenders] == [
        ("CASH", 4_990, 5_000),
        ("CARD", 199, 199),
    ]
    assert closing.state.shift is None


def test_cash_is_counted_by_coins_and_notes() -> None:
    [close] = idle().when(CloseShift(denominations={"5": 3, "2000": 2})).payloads

    assert isinstance(close, ShiftClose)
    assert close.counted_minor == 4_015
    idle().refuses(CloseShift(), "bad-amount")
    idle().refuses(CloseShift(counted_minor=1, denominations={"5": 1}), "bad-amount")
    idle().refuses(CloseShift(denominations={"five": 1}), "bad-amount")


def test_a_drawer_gives_no_more_than_it_holds() -> None:
    till = idle(float_minor=100)

    till.refuses(MoveCash(direction="OUT", amount_minor=101), "bad-amount")
    [moved] = till.when(MoveCash(direction="OUT", amount_minor=100)).payloads
    assert isinstance(moved, CashMovement)


def test_opening_the_drawer_and_looking_at_the_figures_leave_a_trace() -> None:
    till = idle().when(OpenDrawer(reason="change"))

    assert till.state.shift is not None
    assert till.state.shift.no_sales_count == 1
    assert till.when(PrintX()).logs == ["x_report"]


def test_a_shift_is_dated_today_and_stays_so_past_midnight() -> None:
    till = closed().when(OpenShift())
    [entry] = till.happened

    assert entry.business_date == TODAY  # type: ignore[union-attr]
    later = till.knowing(today=date(2026, 11, 25), sellable=COFFEE)
    assert later.scanned(COFFEE).when(TakeTender(method="CARD")).happened[0].business_date == TODAY  # type: ignore[union-attr]


@pytest.mark.parametrize("day", [date(2026, 11, 20), date(2026, 11, 27)])
def test_a_date_that_cannot_be_right_needs_a_supervisor_and_leaves_a_trace(day: date) -> None:
    till = idle().when(CloseShift(counted_minor=10_000)).knowing(server_date=TODAY)
    asked = OpenShift(business_date=day)

    till.refuses(asked, "date-unlikely")
    log, opened = till.knowing(supervisor=SUE).when(asked).payloads
    assert isinstance(log, TillLog)
    assert log.kind == "clock_changed"
    assert isinstance(opened, ShiftOpen)
