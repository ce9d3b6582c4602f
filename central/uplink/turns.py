"""Turns that come without a body: the queue behind a declared loss, adopted branches, and what one transaction left."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from central import sales, terminals
from central.http import NotFound
from central.tenant_session import TenantSession
from central.terminals import EpochPosition, PositionMove
from central.uplink import branches
from central.uplink.application import Application, book
from central.uplink.ingest import turn_lines_max
from central.uplink.lines import Line
from central.uplink.ordering import Kept, cut_turn, turn_of_queue, unknown_hash
from central.uplink.repository import lost_ahead, move_states, stored_lines


class Turn:
    """What came of a turn: the exceptions that it raised, where the chain stands, and whether there is more to take."""

    def __init__(self, raised: list[sales.ExceptionRecord], move: PositionMove, more: bool) -> None:
        self.raised = raised
        self.move = move
        self.more = more


async def locked_position(session: TenantSession, terminal_id: UUID, epoch: int) -> EpochPosition:
    """An epoch's position, its row locked. Raises `NotFound`."""
    position = (await terminals.lock_positions(session, [(terminal_id, epoch)])).get((terminal_id, epoch))
    if position is None:
        raise NotFound
    return position


async def known(session: TenantSession, position: EpochPosition) -> Kept:
    """What is queued and lost of an epoch, without any of its lines."""
    return Kept(
        applied_through=position.applied_through,
        applied_hash=position.applied_hash,
        queued=position.queued,
        lost=await lost_ahead(session, position) if position.queued else (),
    )


async def take_turn(
    session: TenantSession,
    position: EpochPosition,
    now: datetime,
    ids: Callable[[], UUID],
    *,
    carefully: bool = False,
) -> Turn:
    """Apply what of an epoch's queue and adopted branches can be, `turn_lines_max` lines of each at most.

    `carefully` books each event by itself.
    """
    whole, reached = turn_of_queue(await known(session, position))
    taken, applied_through, left = cut_turn(whole, reached, turn_lines_max)
    application = Application()
    last: Line | None = None
    previous = position.last_created_at
    for span in taken:
        lines = await stored_lines(session, position, span, states=["queued"])
        await move_states(session, [(line, line.applied_state) for line in lines])
        application.add(lines, position, previous=previous)
        last = lines[-1]
        previous = last.created_at
    more = False
    if position.forked:
        more = await branches.apply_adopted(
            session, position, application, applied_through=applied_through, limit=turn_lines_max
        )
    booking = await book(session, application, now, ids, carefully=carefully)
    counter = booking.receipt_counters.get((position.terminal_id, position.epoch), position.receipt_counter)
    move = _moved(position, applied_through, last, counter)
    await terminals.move_positions(session, [move], now)
    return Turn(booking.raised, move, bool(left) or more)


def _moved(position: EpochPosition, applied_through: int, last: Line | None, receipt_counter: int) -> PositionMove:
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
        receipt_counter=receipt_counter,
    )
