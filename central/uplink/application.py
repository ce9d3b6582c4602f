"""Lines whose turn has come, booked: sales, ledger, reports, exceptions and the change log, in one order.

This is the one place where the uplink meets the domains that books are made of. A payload that PostgreSQL cannot keep
raises for everybody in the transaction: `book_carefully` finds the event that raises alone and leaves it `unreadable`.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Final, TypeAlias
from uuid import UUID

from msgspec import Struct, field, structs

from central import downlink, ledger, reporting, sales
from central.database import sqlstate
from central.sales.applied_event import AppliedEvent
from central.sales.booked import NewException
from central.tenant_session import TenantSession
from central.terminals import EpochPosition
from central.uplink.body import Unread
from central.uplink.lines import Line, chain
from central.uplink.repository import move_states
from protocol.events import Event

_fault_classes: Final = frozenset({"22", "23"})


def is_fault_of_values(error: BaseException) -> bool:
    """Whether PostgreSQL refused what an event says (SQLSTATE classes 22 and 23); anything else is an outage."""
    state = sqlstate(error)
    return state is not None and state[:2] in _fault_classes


exception_codes: Final = ("unreadable", "unknown-type")
"""Of lines that book nothing; withdrawn where a second reading books them."""


def subject_of(key: tuple[UUID, int, int, int]) -> str:
    """What those exceptions can be withdrawn by."""
    terminal_id, epoch, branch, sequence = key
    return f"event:{terminal_id}:{epoch}:{branch}:{sequence}"


class Application(Struct):
    """What one transaction applies: lines in the order of their turn, and what is found without booking."""

    lines: list[Line] = field(default_factory=list)
    events: list[AppliedEvent] = field(default_factory=list)
    exceptions: list[NewException] = field(default_factory=list)

    def add(self, lines: Sequence[Line], position: EpochPosition, *, previous: datetime | None) -> None:
        """The next lines of one chain or branch; `previous` is `created_at` of the line before the first."""
        for line in lines:
            self.lines.append(line)
            self._find(line, position)
            if isinstance(line.reading, Event):
                self.events.append(
                    AppliedEvent(
                        terminal_id=line.terminal_id,
                        epoch=line.epoch,
                        branch=line.branch,
                        location_id=line.location_id,
                        received_at=line.received_at,
                        receipt_prefix=position.receipt_prefix,
                        enrolled_at=position.enrolled_at,
                        previous_created_at=previous,
                        receipt_counter=position.receipt_counter,
                        line=line.bytes,
                        event=line.reading,
                    )
                )
                previous = line.reading.created_at

    def _find(self, line: Line, position: EpochPosition) -> None:
        if isinstance(line.reading, Unread):
            self.exceptions.append(NewException(line.key, line.reading.code, line.reading.detail, subject_of(line.key)))
        elif position.replaced_at is not None and line.reading.created_at > position.replaced_at:
            detail = f"made after a newer enrolment took the place of epoch {line.epoch}"
            self.exceptions.append(NewException(line.key, "old-epoch-activity", detail))
        if position.revoked_at is not None and line.received_at > position.revoked_at:
            detail = f"delivered after epoch {line.epoch} was revoked"
            self.exceptions.append(NewException(line.key, "after-revocation", detail))
        if line.branch != chain:
            detail = f"came with branch {line.branch}, which was adopted"
            self.exceptions.append(NewException(line.key, "adopted-branch", detail))


ReceiptCounters: TypeAlias = Mapping[tuple[UUID, int], int]
Move: TypeAlias = Callable[[ReceiptCounters], Awaitable[None]]
"""Writes where the chains stand, by the receipt counters of the epochs where they moved."""


class Booking(Struct):
    """What booking came to: the exceptions that it raised, and the receipt counters of epochs where they moved."""

    raised: list[sales.ExceptionRecord] = field(default_factory=list)
    receipt_counters: dict[tuple[UUID, int], int] = field(default_factory=dict)


async def book(
    session: TenantSession,
    application: Application,
    now: datetime,
    ids: Callable[[], UUID],
    *,
    move: Move,
    carefully: bool,
) -> Booking:
    """Book what a transaction applies, and `move` its chains: before it takes rows that other transactions wait for.

    `carefully`: each event alone, and one that cannot be kept is `unreadable`; the chains are moved at the end.
    """
    booking = Booking()
    if not carefully:
        if application.lines or application.exceptions:
            await _book(session, booking, application.events, application.exceptions, now, ids, move)
        else:
            await move(booking.receipt_counters)
        return booking
    await _book(session, booking, [], application.exceptions, now, ids)
    by_key = {line.key: line for line in application.lines}
    for event in application.events:
        counter = booking.receipt_counters.get((event.terminal_id, event.epoch), event.receipt_counter)
        try:
            async with session.savepoint():
                await _book(session, booking, [structs.replace(event, receipt_counter=counter)], [], now, ids)
        except Exception as error:
            if not is_fault_of_values(error):
                raise
            await move_states(session, [(by_key[event.key], "unreadable")])
            unreadable = NewException(event.key, "unreadable", "a value in it cannot be kept", subject_of(event.key))
            booking.raised += await sales.raise_exceptions(session, [unreadable], now, ids)
    await move(booking.receipt_counters)
    return booking


async def _book(
    session: TenantSession,
    booking: Booking,
    events: Sequence[AppliedEvent],
    exceptions: Sequence[NewException],
    now: datetime,
    ids: Callable[[], UUID],
    move: Move | None = None,
) -> None:
    """Book events in the order of their turn; what locks the tenant's sums and counters comes last."""
    booked = await sales.book(session, events, now)
    raised = await sales.raise_exceptions(session, [*exceptions, *booked.exceptions], now, ids)
    if move is not None:
        await move(booked.receipt_counters)
    changes = [
        downlink.RecordedChange(change.location_id, "receipt", change.receipt_id, False, change.business_date)
        for change in booked.receipt_changes
    ]
    await reporting.roll_up(session, booked.movements)
    await ledger.post(session, booked.postings, now)
    if changes:
        await downlink.record(session, changes)
    booking.raised += raised
    booking.receipt_counters |= booked.receipt_counters
