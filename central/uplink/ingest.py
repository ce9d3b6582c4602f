"""One transaction of the uplink: the bodies of several terminals of one tenant stored, ordered, booked, acknowledged.

Storing, applying and moving the positions are one transaction: no crash leaves an event half applied or applied twice.
What refuses one body (a revocation, a fork, too far ahead) is its outcome, never an error of the others.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Final, TypeAlias
from uuid import UUID

from msgspec import Struct, field

from central import sales, terminals
from central.http import Problem
from central.tenant_session import TenantSession
from central.terminals import EpochPosition, PositionMove, Revoked
from central.uplink import adoption, branches
from central.uplink.application import Application, ReceiptCounters, book
from central.uplink.body import Body
from central.uplink.kept_through import kept_through
from central.uplink.lines import Line, Row, State, chain, lines_of, row_of
from central.uplink.ordering import (
    Kept,
    Placement,
    Span,
    TooFarAhead,
    continued,
    cut_placement,
    extends_chain,
    place,
    unknown_hash,
)
from central.uplink.problems import BranchFull, ChainFork
from central.uplink.problems import TooFarAhead as TooFarAheadProblem
from central.uplink.ranges import Range, Ranges, contains, within, without
from central.uplink.repository import insert_events, kept, move_states, stored_lines
from protocol.uplink import RaisedException, UplinkAnswer

turn_lines_max: Final = 2_000
"""Lines of one chain in order, as many that were lost and come late, and as many of the adopted branches of one epoch,
that one transaction applies; the next ones take the rest."""


class Delivery(Struct, frozen=True, kw_only=True):
    """A body that passed every check but the order's, and when it arrived.

    `by_courier`: it came in a file by an operator's hand, so that a revoked epoch's lines are taken too.
    """

    terminal_id: UUID
    epoch: int
    body: Body
    received_at: datetime
    by_courier: bool = False

    @property
    def key(self) -> tuple[UUID, int]:
        return self.terminal_id, self.epoch


Outcome: TypeAlias = UplinkAnswer | Problem


class Ingested(Struct, frozen=True):
    """An outcome for each delivery, in their order, and the epochs that have more lines to apply at once."""

    outcomes: list[Outcome]
    unfinished: list[tuple[UUID, int]]


class _Work(Struct):
    """A delivery on its way through the transaction."""

    delivery: Delivery
    position: EpochPosition
    kept: Kept
    placement: Placement
    fork: branches.Branch | None = None
    last_applied: Line | None = None
    unfinished: bool = False


class Transaction(Struct):
    """What a transaction gathers before it writes: rows to store, lines to move, lines to book."""

    rows: list[Row] = field(default_factory=list)
    moves: list[tuple[Line, State]] = field(default_factory=list)
    application: Application = field(default_factory=Application)


async def ingest(
    session: TenantSession,
    deliveries: Sequence[Delivery],
    now: datetime,
    ids: Callable[[], UUID],
    *,
    carefully: bool = False,
) -> Ingested:
    """Store, order and book the bodies of one tenant, of different epochs each.

    `carefully` books each event by itself, after a transaction in which PostgreSQL refused some event's values.
    """
    positions = await terminals.lock_positions(session, [delivery.key for delivery in deliveries])
    outcomes: dict[tuple[UUID, int], Outcome] = {}
    works: list[_Work] = []
    gathered = Transaction()
    for delivery in sorted(deliveries, key=lambda d: (d.terminal_id.int, d.epoch)):
        position = positions.get(delivery.key)
        if position is None or (position.revoked_at is not None and not delivery.by_courier):
            outcomes[delivery.key] = Revoked()
            continue
        known, placement = await _place(session, position, delivery.body.span)
        if isinstance(placement, TooFarAhead):
            outcomes[delivery.key] = TooFarAheadProblem(terminals.shown(placement.missing))
            continue
        whole = placement
        placement = cut_placement(known, placement, turn_lines_max)
        work = _Work(delivery, position, known, placement, unfinished=placement is not whole)
        if placement.forked:
            try:
                async with session.savepoint():
                    await _keep_fork(session, work, now)
            except BranchFull as full:
                outcomes[delivery.key] = full
                continue
        works.append(work)
        await _take_turns(session, work, gathered)
    await insert_events(session, gathered.rows)
    await move_states(session, gathered.moves)
    for work in works:
        if work.position.forked or work.fork is not None:
            work.unfinished |= await _apply_adopted(session, work, gathered.application)

    async def move(counters: ReceiptCounters) -> None:
        await terminals.move_positions(session, [_moved(work, counters) for work in works], now)

    booking = await book(session, gathered.application, now, ids, move=move, carefully=carefully)
    for work in works:
        outcomes[work.delivery.key] = await _outcome(session, work, booking.raised)
    return Ingested(
        [outcomes[delivery.key] for delivery in deliveries], [work.delivery.key for work in works if work.unfinished]
    )


async def _place(session: TenantSession, position: EpochPosition, span: Span) -> tuple[Kept, Placement | TooFarAhead]:
    known = Kept(applied_through=position.applied_through, applied_hash=position.applied_hash, queued=position.queued)
    if extends_chain(known, span):
        return known, continued(known, span)
    known = await kept(session, position, span)
    return known, place(known, span)


async def _keep_fork(session: TenantSession, work: _Work, now: datetime) -> None:
    """Keep the lines that leave the chain, or never came to it, on branches."""
    delivery, position, placement = work.delivery, work.position, work.placement
    span = delivery.body.span
    if placement.fork_at is not None:
        lines = _lines(work, placement.fork_at, span.last)
        hangs = placement.fork_at > span.first or work.kept.hash_at(span.first - 1) == span.prev
        work.fork = await branches.keep_fork(session, position, lines, placement.leaving, hangs_on_chain=hangs, now=now)
    if placement.unqueued_from is not None:
        gone = within(position.queued, placement.unqueued_from, position.queued[-1][1])
        unqueued = await branches.keep_unqueued(session, position, gone, now)
        work.fork = work.fork or unqueued
    await terminals.mark_forked(session, position.terminal_id, position.epoch)


async def _take_turns(session: TenantSession, work: _Work, gathered: Transaction) -> None:
    """Gather the body's lines to store, and every line of the chain whose turn has come."""
    position, placement = work.position, work.placement
    new = [line for start, end in placement.store for line in _lines(work, start, end)]
    stored_now = {line.sequence: line for line in new}
    passed_over: set[int] = set()
    for start, end in placement.late:
        run, waited = await _run(session, position, stored_now, (start, end))
        passed_over |= await _apply(session, position, run, waited, None, gathered)
    for start, end in without(placement.apply, placement.late):
        run, waited = await _run(session, position, stored_now, (start, end))
        follows = start == position.applied_through + 1
        previous = position.last_created_at if follows else None
        passed_over |= await _apply(session, position, run, waited, previous, gathered)
        work.last_applied = run[-1]
    for line in new:
        state: State = "kept" if line.sequence in passed_over else _state(line, placement)
        gathered.rows.append(row_of(line, state))


async def _apply(
    session: TenantSession,
    position: EpochPosition,
    run: Sequence[Line],
    waited: Sequence[Line],
    previous: datetime | None,
    gathered: Transaction,
) -> frozenset[int]:
    """Gather a run whose turn has come; answers what of it is passed over, since an adopted branch booked it."""
    passed_over = await adoption.booked_on_branches(session, position, run) if position.branched else frozenset()
    gathered.moves += [(line, "kept" if line.sequence in passed_over else line.applied_state) for line in waited]
    booked = [line for line in run if line.sequence not in passed_over] if passed_over else run
    gathered.application.add(booked, position, previous=previous)
    return passed_over


async def _run(
    session: TenantSession,
    position: EpochPosition,
    stored_now: dict[int, Line],
    span: Range,
) -> tuple[list[Line], Sequence[Line]]:
    """The lines of a run to apply, from the body or, where they waited, from the table; and those that waited."""
    start, end = span
    if all(sequence in stored_now for sequence in range(start, end + 1)):
        return [stored_now[sequence] for sequence in range(start, end + 1)], ()
    waited = await stored_lines(session, position, span, states=["queued", "held"])
    by_sequence = stored_now | {line.sequence: line for line in waited}
    return [by_sequence[sequence] for sequence in range(start, end + 1)], waited


def _state(line: Line, placement: Placement) -> State:
    if contains(placement.apply, line.sequence):
        return line.applied_state
    return "queued" if line.sequence > placement.applied_through else "held"


def _lines(work: _Work, first: int, last: int) -> Sequence[Line]:
    delivery = work.delivery
    return lines_of(
        delivery.body,
        first,
        last,
        terminal_id=delivery.terminal_id,
        epoch=delivery.epoch,
        branch=chain,
        location_id=work.position.location_id,
        at=delivery.received_at,
    )


async def _apply_adopted(session: TenantSession, work: _Work, application: Application) -> bool:
    """What an adopted branch got, or what hangs on lines that are applied only now; whether there is more."""
    return await adoption.apply_adopted(
        session,
        work.position,
        application,
        applied_through=work.placement.applied_through,
        limit=turn_lines_max,
    )


def _moved(work: _Work, counters: ReceiptCounters) -> PositionMove:
    position, placement, last = work.position, work.placement, work.last_applied
    applied_hash = position.applied_hash
    if placement.applied_through != position.applied_through:
        is_last = last is not None and last.sequence == placement.applied_through
        applied_hash = last.hash if last is not None and is_last else unknown_hash
    return PositionMove(
        terminal_id=position.terminal_id,
        epoch=position.epoch,
        applied_through=placement.applied_through,
        applied_hash=applied_hash,
        queued=placement.queued,
        stored_lines=position.stored_lines + sum(end - start + 1 for start, end in placement.store),
        last_created_at=(last.created_at if last is not None else None) or position.last_created_at,
        receipt_counter=counters.get(work.delivery.key, position.receipt_counter),
    )


async def _outcome(session: TenantSession, work: _Work, raised: Sequence[sales.ExceptionRecord]) -> Outcome:
    delivery, placement, body = work.delivery, work.placement, work.delivery.body
    if placement.fork_at is not None and work.fork is not None:
        through = await kept_through(session, work.position, work.fork)
        return ChainFork(sequence=placement.fork_at, branch=work.fork.branch, kept_through=through)
    records = list(raised)
    if placement.duplicates:
        known = {record.exception_id for record in records}
        span = body.span
        records += [
            record
            for record in await sales.open_exceptions(session, *delivery.key, chain, span.first, span.last)
            if record.exception_id not in known
        ]
    queued: Ranges = placement.queued
    return UplinkAnswer(
        received=len(body.lines),
        stored=len(body.lines) - placement.duplicates,
        duplicates=placement.duplicates,
        last_hash=body.hashes[-1],
        applied_through=placement.applied_through,
        queued=terminals.shown(queued),
        missing=terminals.shown(terminals.missing_ranges(placement.applied_through, queued, work.position.lost)),
        forked=work.position.forked or placement.forked,
        exceptions=raised_for(delivery.key, records),
    )


def raised_for(key: tuple[UUID, int], records: Iterable[sales.ExceptionRecord]) -> tuple[RaisedException, ...]:
    """Those exceptions that an answer to this terminal and epoch names."""
    return tuple(
        [
            RaisedException(record.sequence, record.code, record.detail, record.branch or None)
            for record in records
            if (record.terminal_id, record.epoch) == key
        ]
    )
