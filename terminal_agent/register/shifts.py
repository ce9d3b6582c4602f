"""Decisions on people and drawers: signing in and out, shifts, cash movements, opening the drawer, reports, copies."""

from collections.abc import Sequence

from protocol.events import CashMovement, CountedTender, NoSale, ShiftClose, ShiftOpen, amount_max
from terminal_agent.register.approvals import approved_by, date_is_likely
from terminal_agent.register.commands import (
    CloseShift,
    MoveCash,
    OpenDrawer,
    OpenShift,
    PrintX,
    Reprint,
    SignIn,
    SignOut,
)
from terminal_agent.register.decision import business_date, entry_of_log, masked
from terminal_agent.register.events import Entry, RegisterEvent, SignedIn, SignedOut, evolve
from terminal_agent.register.refusals import Refused
from terminal_agent.register.state import Money, RegisterState, Shift
from terminal_agent.register.terms import Given

Events = Sequence[RegisterEvent]


def sign_in(state: RegisterState, command: SignIn, given: Given) -> Events:
    """`given.person` is who the number and PIN belong to."""
    assert given.person is not None, "a wrong PIN is refused where it is checked"
    signed_in = SignedIn(given.person)
    return [signed_in, entry_of_log(evolve(signed_in, state), given, "sign_in")]


def sign_out(state: RegisterState, command: SignOut, given: Given) -> Events:
    return [entry_of_log(state, given, "sign_out"), SignedOut()]


def open_shift(state: RegisterState, command: OpenShift, given: Given) -> Events:
    """The business date is set here and stays past midnight (contract, section 4)."""
    approver = approved_by(state, given)
    events: list[RegisterEvent] = []
    day = command.business_date or given.today
    if not date_is_likely(state, given, day):
        if approver is None:
            raise Refused("date-unlikely", business_date=day.isoformat())
        trace = {
            "business_date": day.isoformat(),
            "last_business_date": state.last_business_date.isoformat() if state.last_business_date else None,
            "server_date": given.server_date.isoformat() if given.server_date else None,
            "approved_by": str(approver),
        }
        log = entry_of_log(state, given, "clock_changed", trace)
        events.append(Entry(log.payload, given.at, day))
    opened = ShiftOpen(
        shift_id=given.ids(),
        cashier_id=state.cashier.cashier_id if state.cashier else None,
        float_minor=command.float_minor,
    )
    return [*events, Entry(opened, given.at, day)]


def close_shift(state: RegisterState, command: CloseShift, given: Given) -> Events:
    shift = _shift(state)
    counted = _counted(command)
    closed = ShiftClose(
        shift_id=shift.shift_id,
        cashier_id=state.cashier.cashier_id if state.cashier else None,
        counted_minor=counted,
        expected_minor=shift.cash_minor,
        tenders=_counted_tenders(shift, command, counted),
        z_number=state.perpetual.z_number + 1,
        total_sales_minor=state.perpetual.total_sales_minor,
        total_refunds_minor=state.perpetual.total_refunds_minor,
        total_receipts=state.perpetual.total_receipts,
    )
    return [Entry(closed, given.at, shift.business_date)]


def move_cash(state: RegisterState, command: MoveCash, given: Given) -> Events:
    shift = _shift(state)
    if command.direction == "OUT" and command.amount_minor > shift.cash_minor:
        raise Refused("bad-amount", "The drawer does not hold that much", cash_minor=shift.cash_minor)
    moved = CashMovement(
        shift_id=shift.shift_id,
        direction=command.direction,
        amount_minor=command.amount_minor,
        reason=masked(command.reason),
        cashier_id=state.cashier.cashier_id if state.cashier else None,
    )
    return [Entry(moved, given.at, business_date(state, given))]


def open_drawer(state: RegisterState, command: OpenDrawer, given: Given) -> Events:
    opened = NoSale(
        shift_id=_shift(state).shift_id,
        cashier_id=state.cashier.cashier_id if state.cashier else None,
        reason=masked(command.reason),
    )
    return [Entry(opened, given.at, business_date(state, given))]


def print_x(state: RegisterState, command: PrintX, given: Given) -> Events:
    """The figures are printed from the state; that they were looked at leaves a trace."""
    return [entry_of_log(state, given, "x_report")]


def reprint(state: RegisterState, command: Reprint, given: Given) -> Events:
    """The copy itself is made of the slip that the spool keeps."""
    return [entry_of_log(state, given, "reprint", {"receipt_number": command.receipt_number})]


def _shift(state: RegisterState) -> Shift:
    assert state.shift is not None, "the table of states admits this with an open shift alone"
    return state.shift


def _counted(command: CloseShift) -> int:
    """The cash counted, as one sum or by coins and notes. Raises `Refused`."""
    if (command.counted_minor is None) == (command.denominations is None):
        raise Refused("bad-amount", "Count the cash: either one sum, or how many of each coin and note")
    if command.denominations is None:
        assert command.counted_minor is not None
        return command.counted_minor
    counted = 0
    for value, pieces in command.denominations.items():
        if not (value.isascii() and value.isdigit()):
            raise Refused("bad-amount", f"{value!r} is no coin's or note's value in minor units")
        counted += int(value[:16]) * pieces
    if counted > amount_max:
        raise Refused("bad-amount")
    return counted


def _counted_tenders(shift: Shift, command: CloseShift, counted_minor: int) -> tuple[CountedTender, ...]:
    """A row for cash, for each method that the shift saw, and for each that was counted."""
    counted = {tender.method: tender.counted_minor for tender in command.tenders}
    rows = [CountedTender(method="CASH", counted_minor=counted_minor, expected_minor=shift.cash_minor)]
    for method in ("CARD", "VOUCHER", "OTHER"):
        if method in shift.methods or method in counted:
            money = shift.methods.get(method, Money())
            rows.append(
                CountedTender(
                    method=method,
                    counted_minor=counted.get(method),
                    expected_minor=money.in_minor - money.out_minor,
                )
            )
    return tuple(rows)
