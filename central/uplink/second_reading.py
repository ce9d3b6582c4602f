"""Another try at lines that were `unreadable` or of an `unknown-type`, after a fix or with a newer release.

What can be read now is booked late, in the order of its key; its exception is withdrawn.
"""

from typing import Any, Final
from uuid import UUID

from msgspec import Struct

from central import terminals
from central.http import Services
from central.sales.exception_records import withdraw
from central.tenant_session import TenantSession, operator, tenant_session
from central.terminals import EpochPosition, PositionMove
from central.uplink.application import (
    Application,
    ReceiptCounters,
    book,
    exception_codes,
    is_fault_of_values,
    subject_of,
)
from central.uplink.lines import Line, row_of, stored_line
from central.uplink.repository import QUERIES, check_count, move_states
from protocol.events import Event

lines_per_transaction_max: Final = 500
_start: Final = (UUID(int=0), 0, 0, 0)


class SecondReading(Struct):
    """How many lines were tried, and how many of them are applied now."""

    tried: int = 0
    applied: int = 0


async def read_again(services: Services, tenant_id: UUID) -> SecondReading:
    """Try every line of a tenant again that could not be read or booked."""
    found = SecondReading()
    after: tuple[UUID, int, int, int] = _start
    while True:
        try:
            last = await _some(services, tenant_id, after, found, carefully=False)
        except Exception as error:
            if not is_fault_of_values(error):
                raise
            last = await _some(services, tenant_id, after, found, carefully=True)
        if last is None:
            return found
        after = last


async def _some(
    services: Services,
    tenant_id: UUID,
    after: tuple[UUID, int, int, int],
    found: SecondReading,
    *,
    carefully: bool,
) -> tuple[UUID, int, int, int] | None:
    now = services.clock()
    async with tenant_session(services.database, operator(tenant_id)) as session:
        rows = await session.driver.fetch(QUERIES.unread, tenant_id, *after, lines_per_transaction_max)
        if not rows:
            return None
        epochs = sorted({(row["terminal_id"], row["epoch"]) for row in rows})
        positions = await terminals.lock_positions(session, epochs)
        application = Application()
        readable = [line for line in (_line(row, positions) for row in rows) if isinstance(line.reading, Event)]
        await move_states(session, [(line, "applied") for line in readable])
        await _keep_readings(session, readable)
        for line in readable:
            application.add([line], positions[line.terminal_id, line.epoch], previous=None)
        await withdraw(session, [(code, subject_of(line.key)) for line in readable for code in exception_codes], now)

        async def move(counters: ReceiptCounters) -> None:
            moves = [_counted(positions[key], counter) for key, counter in sorted(counters.items())]
            await terminals.move_positions(session, moves, None)

        booking = await book(session, application, now, services.ids, move=move, carefully=carefully)
    unreadable = sum(record.code == "unreadable" for record in booking.raised)
    found.tried += len(rows)
    found.applied += len(readable) - unreadable
    last = rows[-1]
    return last["terminal_id"], last["epoch"], last["branch"], last["sequence"]


def _line(row: Any, positions: dict[tuple[UUID, int], EpochPosition]) -> Line:
    terminal_id, epoch = row["terminal_id"], row["epoch"]
    return stored_line(
        row,
        terminal_id=terminal_id,
        epoch=epoch,
        branch=row["branch"],
        location_id=positions[terminal_id, epoch].location_id,
    )


async def _keep_readings(session: TenantSession, lines: list[Line]) -> None:
    """Keep what lists filter by, now that it can be read."""
    if lines:
        rows = [row_of(line, "applied") for line in lines]
        columns = zip(
            *((*line.key, row[6], row[7], row[9]) for line, row in zip(lines, rows, strict=True)), strict=True
        )
        check_count(await session.driver.execute(QUERIES.keep_readings, session.tenant_id, *columns), len(lines))


def _counted(position: EpochPosition, receipt_counter: int) -> PositionMove:
    return PositionMove(
        terminal_id=position.terminal_id,
        epoch=position.epoch,
        applied_through=position.applied_through,
        applied_hash=position.applied_hash,
        queued=position.queued,
        stored_lines=position.stored_lines,
        last_created_at=position.last_created_at,
        receipt_counter=receipt_counter,
    )
