"""Shifts: the cash that names each, whenever it arrives, against what its closing expected."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from msgspec import Struct

from central.ledger.posting import EventKey
from central.sales.applied_event import AppliedEvent
from central.sales.booked import Booked, NewException
from central.sales.exception_records import withdraw
from central.sales.receipts import SQL
from central.tenant_session import TenantSession
from protocol.events import ShiftClose, ShiftOpen

code: Final = "totals-mismatch"


class _Change(Struct):
    """What a batch brings to a shift."""

    cash_minor: int = 0
    opens: int = 0
    closes: int = 0
    opened: tuple[UUID, UUID, UUID | None, datetime, date, int] | None = None
    closed: tuple[datetime, UUID, int, int, int, int, int, int | None] | None = None
    open_keys: tuple[EventKey, ...] = ()
    close_keys: tuple[EventKey, ...] = ()


class ShiftBook:
    """The shifts that a batch touches, added up before they are written."""

    def __init__(self) -> None:
        self._changes: dict[UUID, _Change] = {}

    def add_cash(self, shift_id: UUID, cash_minor: int) -> None:
        """Cash that an event put into the shift's drawer."""
        if cash_minor:
            self._of(shift_id).cash_minor += cash_minor

    def open(self, applied: AppliedEvent, shift: ShiftOpen) -> None:
        change = self._of(shift.shift_id)
        change.opens += 1
        change.open_keys += (applied.key,)
        change.cash_minor += shift.float_minor
        if change.opened is None:
            event = applied.event
            change.opened = (
                applied.terminal_id,
                applied.location_id,
                shift.cashier_id,
                event.created_at,
                event.business_date,
                shift.float_minor,
            )

    def close(self, applied: AppliedEvent, shift: ShiftClose) -> None:
        change = self._of(shift.shift_id)
        change.closes += 1
        change.close_keys += (applied.key,)
        if change.closed is None:
            change.closed = (
                applied.event.created_at,
                *applied.key,
                shift.counted_minor,
                shift.expected_minor,
                shift.z_number,
            )

    async def save(self, session: TenantSession, booked: Booked, now: datetime) -> None:
        """Write the shifts in the order of their ids, and look again at those that are closed."""
        if not self._changes:
            return
        ids = sorted(self._changes, key=lambda shift_id: shift_id.int)
        rows = [_row(shift_id, self._changes[shift_id]) for shift_id in ids]
        columns = [list(column) for column in zip(*rows, strict=True)]
        agreed = []
        for row in await session.driver.fetch(SQL.add_to_shifts, session.tenant_id, *columns):
            change = self._changes[row["shift_id"]]
            booked.exceptions.extend(_second_ones(row, change))
            if row["closes"]:
                wrong = shift_mismatch(row["opens"], int(row["cash_minor"]), row["expected_minor"])
                subject = f"shift:{row['shift_id']}"
                if wrong is None:
                    agreed.append((code, subject))
                else:
                    booked.exceptions.append(NewException(_close_key(row), code, wrong, subject))
        await withdraw(session, agreed, now)

    def _of(self, shift_id: UUID) -> _Change:
        change = self._changes.get(shift_id)
        if change is None:
            change = self._changes[shift_id] = _Change()
        return change


def shift_mismatch(opens: int, cash_minor: int, expected_minor: int) -> str | None:
    """What is wrong with a closed shift: it was never opened, or the cash that names it is not what was expected."""
    if not opens:
        return "the shift was never opened"
    if cash_minor != expected_minor:
        return f"the float and all cash of the shift come to {cash_minor}, its closing expected {expected_minor}"
    return None


def _second_ones(row: Mapping[str, Any], change: _Change) -> list[NewException]:
    """Openings and closings of a batch beside the first one of the shift."""
    found = []
    for keys, count, word in (
        (change.open_keys, row["opens"], "opened"),
        (change.close_keys, row["closes"], "closed"),
    ):
        beside_first = keys[1:] if count == len(keys) else keys
        found += [NewException(key, code, f"the shift was {word} before") for key in beside_first]
    return found


def _close_key(row: Mapping[str, Any]) -> EventKey:
    return (row["close_terminal_id"], row["close_epoch"], row["close_branch"], row["close_sequence"])


def _row(shift_id: UUID, change: _Change) -> tuple[Any, ...]:
    return (
        shift_id,
        change.cash_minor,
        change.opens,
        change.closes,
        *(change.opened or (None,) * 6),
        *(change.closed or (None,) * 8),
    )
