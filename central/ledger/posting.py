"""Event → ledger entries: the table of the contract, section 7, as pure functions.

Debits are positive. An event books the figures of its own payload whatever is wrong with them, and `suspense` takes
exactly what is missing to 0; so the balances are a function of the set of events and never of their order. A zero
makes no entry.
"""

from collections.abc import Iterable
from datetime import date
from typing import TypeAlias
from uuid import UUID

from msgspec import Struct

from central.ledger import accounts
from protocol.events import CashMovement, Payload, Refund, Sale, ShiftClose, ShiftOpen

EventKey: TypeAlias = tuple[UUID, int, int, int]
"""Whose event: terminal, epoch, branch (0 = the chain itself), sequence."""

Entries: TypeAlias = tuple[tuple[str, int], ...]
"""Accounts and amounts in minor units, debits positive; the amounts sum to 0, none is 0."""


class Posting(Struct, frozen=True, gc=False):
    """What an event books: its entries, all at one location on one business date."""

    key: EventKey
    location_id: UUID
    business_date: date
    entries: Entries


def entries_of(payload: Payload) -> Entries:
    """The entries of an event by itself. A VOID's are `negated` ones of what it voids; what books nothing has none."""
    if isinstance(payload, Sale):
        return _sale(payload)
    if isinstance(payload, Refund):
        return _refund(payload)
    if isinstance(payload, ShiftOpen):
        return _balanced(((accounts.cash, payload.float_minor), (accounts.cash_transfer, -payload.float_minor)))
    if isinstance(payload, CashMovement):
        amount = payload.amount_minor if payload.direction == "IN" else -payload.amount_minor
        return _balanced(((accounts.cash, amount), (accounts.cash_transfer, -amount)))
    if isinstance(payload, ShiftClose):
        return _shift_close(payload)
    return ()


def negated(entries: Entries) -> Entries:
    """Each entry negated, in full: what a VOID books."""
    return tuple([(account, -amount) for account, amount in entries])


def cash_of(entries: Entries) -> int:
    """What entries put into the drawer."""
    return sum([amount for account, amount in entries if account == accounts.cash])


def _sale(sale: Sale) -> Entries:
    entries: list[tuple[str, int]] = []
    for tender in sale.tenders:
        entries.append((accounts.tender_account(tender.method, tender.tender_type), tender.tendered))
        if tender.change_minor:
            entries.append((accounts.cash, -tender.change_minor))
    revenue = vouchers = 0
    for line in sale.lines:
        if line.kind == "voucher":
            vouchers += line.net_minor
        else:
            revenue += line.net_minor
    entries.append((accounts.sales_revenue, -revenue))
    entries.append((accounts.voucher_liability, -vouchers))
    entries.extend([(accounts.tax_account(row.code), -row.amount_minor) for row in sale.taxes])
    entries.append((accounts.cash_rounding, -sale.rounding_minor))
    return _balanced(entries)


def _refund(refund: Refund) -> Entries:
    """The mirror of a sale, with `sales_returns` in place of `sales_revenue`."""
    entries: list[tuple[str, int]] = []
    for tender in refund.tenders:
        entries.append((accounts.tender_account(tender.method, tender.tender_type), -tender.tendered))
        entries.append((accounts.cash, tender.change))
    returns = sum(line.net_minor for line in refund.lines if line.kind == "product")
    vouchers = sum(line.net_minor for line in refund.lines if line.kind == "voucher")
    entries.append((accounts.sales_returns, returns))
    entries.append((accounts.voucher_liability, vouchers))
    entries.extend((accounts.tax_account(row.code), row.amount_minor) for row in refund.taxes)
    entries.append((accounts.cash_rounding, refund.rounding_minor))
    return _balanced(entries)


def _shift_close(close: ShiftClose) -> Entries:
    """The difference goes over or short, then the counted cash leaves: a till without an open shift holds none."""
    difference = close.counted_minor - close.expected_minor
    return _balanced(
        (
            (accounts.cash, difference),
            (accounts.cash_over_short, -difference),
            (accounts.cash, -close.counted_minor),
            (accounts.cash_transfer, close.counted_minor),
        )
    )


def _balanced(entries: Iterable[tuple[str, int]]) -> Entries:
    kept = [entry for entry in entries if entry[1]]
    missing = -sum([amount for _, amount in kept])
    if missing:
        kept.append((accounts.suspense, missing))
    return tuple(kept)
