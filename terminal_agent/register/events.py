"""What a decision says has happened, and `evolve`, the only thing that changes a register's state.

An `Entry` goes into the journal; the rest is of the open sale alone, which lives outside the sequence.
"""

from datetime import date, datetime
from functools import singledispatch
from typing import TypeAlias

import msgspec
from msgspec import Struct

from protocol.events import CashMovement, NoSale, Payload, Refund, Sale, ShiftClose, ShiftOpen, Void
from terminal_agent.register.state import (
    Cart,
    Money,
    ParkedSale,
    Person,
    RegisterState,
    Shift,
)


class Entry(Struct, frozen=True):
    """An event for the journal. `voided` is the sale or refund that a VOID names."""

    payload: Payload
    at: datetime
    business_date: date
    voided: Sale | Refund | None = None


class SignedIn(Struct, frozen=True):
    person: Person


class SignedOut(Struct, frozen=True):
    pass


class CartChanged(Struct, frozen=True):
    """The open sale as it stands now; None where there is none any more."""

    cart: Cart | None


class ParkedChanged(Struct, frozen=True):
    parked: tuple[ParkedSale, ...]


RegisterEvent: TypeAlias = Entry | SignedIn | SignedOut | CartChanged | ParkedChanged


@singledispatch
def evolve(event: object, state: RegisterState) -> RegisterState:
    """The state after an event."""
    raise TypeError(f"{type(event).__name__} is no event of the register")


@evolve.register
def _(event: SignedIn, state: RegisterState) -> RegisterState:
    return msgspec.structs.replace(state, cashier=event.person)


@evolve.register
def _(event: SignedOut, state: RegisterState) -> RegisterState:
    return msgspec.structs.replace(state, cashier=None)


@evolve.register
def _(event: CartChanged, state: RegisterState) -> RegisterState:
    return msgspec.structs.replace(state, cart=event.cart)


@evolve.register
def _(event: ParkedChanged, state: RegisterState) -> RegisterState:
    return msgspec.structs.replace(state, parked=event.parked)


@evolve.register
def _(event: Entry, state: RegisterState) -> RegisterState:
    state = msgspec.structs.replace(state, last_business_date=event.business_date)
    return _book(event.payload, event, state)


def with_payload(entry: Entry, payload: Payload) -> Entry:
    """The entry as the journal committed it, with its receipt number."""
    return Entry(payload, entry.at, entry.business_date, entry.voided)


@singledispatch
def _book(payload: object, event: Entry, state: RegisterState) -> RegisterState:
    return state  # TILL_LOG leaves a trace and changes nothing


@_book.register
def _(payload: Sale, event: Entry, state: RegisterState) -> RegisterState:
    totals = state.perpetual
    state = msgspec.structs.replace(
        state,
        last_receipt_number=payload.receipt_number,
        perpetual=msgspec.structs.replace(
            totals,
            total_sales_minor=totals.total_sales_minor + payload.gross_minor,
            total_receipts=totals.total_receipts + 1,
        ),
    )
    if state.shift is None:
        return state
    shift = _with_tenders(state.shift, payload, 1)
    shift = msgspec.structs.replace(
        shift, sales_count=shift.sales_count + 1, sales_minor=shift.sales_minor + payload.gross_minor
    )
    return msgspec.structs.replace(state, shift=shift)


@_book.register
def _(payload: Refund, event: Entry, state: RegisterState) -> RegisterState:
    totals = state.perpetual
    state = msgspec.structs.replace(
        state,
        last_receipt_number=payload.receipt_number,
        perpetual=msgspec.structs.replace(
            totals,
            total_refunds_minor=totals.total_refunds_minor + payload.gross_minor,
            total_receipts=totals.total_receipts + 1,
        ),
    )
    if state.shift is None:
        return state
    shift = _with_tenders(state.shift, payload, -1)
    shift = msgspec.structs.replace(
        shift, refunds_count=shift.refunds_count + 1, refunds_minor=shift.refunds_minor + payload.gross_minor
    )
    return msgspec.structs.replace(state, shift=shift)


@_book.register
def _(payload: Void, event: Entry, state: RegisterState) -> RegisterState:
    if state.shift is None or event.voided is None:
        return state
    sign = -1 if isinstance(event.voided, Sale) else 1
    shift = _with_tenders(state.shift, event.voided, sign)
    return msgspec.structs.replace(state, shift=msgspec.structs.replace(shift, voids_count=shift.voids_count + 1))


@_book.register
def _(payload: ShiftOpen, event: Entry, state: RegisterState) -> RegisterState:
    shift = Shift(
        shift_id=payload.shift_id,
        cashier_id=payload.cashier_id,
        business_date=event.business_date,
        opened_at=event.at,
        float_minor=payload.float_minor,
        cash_minor=payload.float_minor,
    )
    return msgspec.structs.replace(state, shift=shift)


@_book.register
def _(payload: ShiftClose, event: Entry, state: RegisterState) -> RegisterState:
    perpetual = msgspec.structs.replace(state.perpetual, z_number=state.perpetual.z_number + 1)
    return msgspec.structs.replace(state, shift=None, perpetual=perpetual)


@_book.register
def _(payload: CashMovement, event: Entry, state: RegisterState) -> RegisterState:
    if state.shift is None:
        return state
    amount = payload.amount_minor if payload.direction == "IN" else -payload.amount_minor
    return msgspec.structs.replace(
        state, shift=msgspec.structs.replace(state.shift, cash_minor=state.shift.cash_minor + amount)
    )


@_book.register
def _(payload: NoSale, event: Entry, state: RegisterState) -> RegisterState:
    if state.shift is None:
        return state
    return msgspec.structs.replace(
        state, shift=msgspec.structs.replace(state.shift, no_sales_count=state.shift.no_sales_count + 1)
    )


def _with_tenders(shift: Shift, document: Sale | Refund, sign: int) -> Shift:
    """The shift's methods and drawer after a receipt's tenders; a refund or void takes them back (`sign` −1)."""
    methods = dict(shift.methods)
    cash_minor = shift.cash_minor
    for tender in document.tenders:
        money = methods.get(tender.method, Money())
        if sign > 0:
            money = Money(money.in_minor + tender.amount_minor, money.out_minor)
        else:
            money = Money(money.in_minor, money.out_minor + tender.amount_minor)
        methods[tender.method] = money
        if tender.method == "CASH":
            cash_minor += sign * tender.tendered
        cash_minor -= sign * tender.change
    return msgspec.structs.replace(shift, methods=methods, cash_minor=cash_minor)
