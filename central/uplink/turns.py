"""Turns that come without a body: the queue behind a declared loss, found lines, adopted branches, and what one
transaction left to the next."""

from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from central import sales, terminals
from central.http import NotFound
from central.tenant_session import TenantSession
from central.terminals import EpochPosition, PositionMove
from central.uplink import adoption
from central.uplink.application import Application, ReceiptCounters, book
from central.uplink.ingest import turn_lines_max
from central.uplink.lines import Line, State
from central.uplink.ordering import Kept, cut_turn, turn_of_queue, unknown_hash
from central.uplink.ranges import Ranges, runs
from central.uplink.repository import QUERIES, move_states, stored_lines


class Turn(Struct, frozen=True):
    """What came of a turn: how many lines it applied, what exceptions it raised, where the chain stands, and whether
    there is more to take."""

    applied: int
    raised: list[sales.ExceptionRecord]
    move: PositionMove
    lost: Ranges
    more: bool


async def locked_position(session: TenantSession, terminal_id: UUID, epoch: int) -> EpochPosition:
    """An epoch's position, its row locked. Raises `NotFound`."""
    position = (await terminals.lock_positions(session, [(terminal_id, epoch)])).get((terminal_id, epoch))
    if position is None:
        raise NotFound
    return position


def known(position: EpochPosition) -> Kept:
    """What is queued and lost of an epoch, without any of its lines."""
    return Kept(
        applied_through=position.applied_through,
        applied_hash=position.applied_hash,
        queued=position.queued,
        lost=position.lost_ahead,
    )


async def take_turn(
    session: TenantSession,
    position: EpochPosition,
    now: datetime,
    ids: Callable[[], UUID],
    *,
    carefully: bool = False,
) -> Turn:
    """Apply what of an epoch's queue, found lines and adopted branches can be, `turn_lines_max` lines of each at most.

    `carefully` books each event by itself.
    """
    application = Application()
    found, _, found_left = cut_turn(await _found(session, position), position.applied_through, turn_lines_max)
    for span in found:
        lines = await stored_lines(session, position, span, states=["held"])
        await _apply(session, position, application, lines, None)
    whole, reached = turn_of_queue(known(position))
    taken, applied_through, left = cut_turn(whole, reached, turn_lines_max)
    last: Line | None = None
    previous = position.last_created_at
    for span in taken:
        lines = await stored_lines(session, position, span, states=["queued"])
        await _apply(session, position, application, lines, previous)
        last = lines[-1]
        previous = last.created_at
    more = False
    if position.forked:
        more = await adoption.apply_adopted(
            session, position, application, applied_through=applied_through, limit=turn_lines_max
        )

    async def move(counters: ReceiptCounters) -> None:
        await terminals.move_positions(session, [_moved(position, applied_through, last, counters)], None)

    booking = await book(session, application, now, ids, move=move, carefully=carefully)
    moved = _moved(position, applied_through, last, booking.receipt_counters)
    applied = len(application.lines)
    return Turn(applied, booking.raised, moved, position.lost, bool(left) or bool(found_left) or more)


async def _found(session: TenantSession, position: EpochPosition) -> Ranges:
    """Runs of lost lines that turned up and reach the next stored line, so that it is their turn."""
    epoch = (session.tenant_id, position.terminal_id, position.epoch)
    held = runs(row["sequence"] for row in await session.driver.fetch(QUERIES.lines_held, *epoch))
    if not held:
        return ()
    behind = [end + 1 for _, end in held]
    stored = {row["sequence"] for row in await session.driver.fetch(QUERIES.lines_at, *epoch, behind)}
    return tuple(run for run in held if run[1] + 1 in stored)


async def _apply(
    session: TenantSession,
    position: EpochPosition,
    application: Application,
    lines: Sequence[Line],
    previous: datetime | None,
) -> None:
    """Give lines of the chain, whose turn has come, their state, and add those that no adopted branch has booked."""
    passed_over = await adoption.booked_on_branches(session, position, lines)
    kept: State = "kept"
    states = [(line, kept if line.sequence in passed_over else line.applied_state) for line in lines]
    await move_states(session, states)
    application.add([line for line in lines if line.sequence not in passed_over], position, previous=previous)


def _moved(position: EpochPosition, applied_through: int, last: Line | None, counters: ReceiptCounters) -> PositionMove:
    applied_hash = position.applied_hash
    if applied_through != position.applied_through:
        applied_hash = last.hash if last is not None and last.sequence == applied_through else unknown_hash
    return PositionMove(
        terminal_id=position.terminal_id,
        epoch=position.epoch,
        applied_through=applied_through,
        applied_hash=applied_hash,
        queued=tuple((max(a, applied_through + 1), b) for a, b in position.queued if b > applied_through),
        stored_lines=position.stored_lines,
        last_created_at=(last.created_at if last is not None else None) or position.last_created_at,
        receipt_counter=counters.get((position.terminal_id, position.epoch), position.receipt_counter),
    )
