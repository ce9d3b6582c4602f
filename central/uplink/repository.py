"""The uplink's SQL: lines stored, read back and moved; rows always in the order of their keys."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from central.database import load_queries, packed, sparse
from central.tenant_session import TenantSession
from central.terminals import EpochPosition
from central.uplink.lines import Line, Row, State, chain, stored_line
from central.uplink.ordering import Kept, Span, StoredLine, unknown_hash
from central.uplink.ranges import Range, runs, within
from protocol.lines import read_line

QUERIES: Final = load_queries(Path(__file__).with_name("queries.sql"))
rows_max: Final = 10**9


def check_count(status: str, expected: int) -> None:
    """Raises unless PostgreSQL touched every row that it was given: a wrong tenant's it passes over in silence."""
    if int(status.rpartition(" ")[2]) != expected:
        raise RuntimeError(f"{expected} lines were to be written, PostgreSQL says {status}")


async def insert_events(session: TenantSession, rows: Sequence[Row]) -> None:
    """Store lines (`lines.row_of`), which none of these keys has yet."""
    if rows:
        columns = list(zip(*sorted(rows, key=_row_key), strict=True))
        states, types, kinds, cashiers, locations, days, received, hashes, signatures, lines = columns[4:]
        written = await session.driver.execute(
            QUERIES.insert_events,
            session.tenant_id,
            *map(packed, (*columns[:4], states, types, sparse(kinds), cashiers, locations, days, received)),
            hashes,
            packed(sparse(signatures)),
            lines,
        )
        check_count(written, len(rows))


def _row_key(row: Row) -> Any:
    return row[0].int, row[1:4]


async def move_states(session: TenantSession, moves: Sequence[tuple[Line, State]]) -> None:
    """Give stored lines another state."""
    if moves:
        columns = zip(*sorted((*line.key, state) for line, state in moves), strict=True)
        check_count(await session.driver.execute(QUERIES.move_state, session.tenant_id, *columns), len(moves))


async def kept(session: TenantSession, position: EpochPosition, span: Span) -> Kept:
    """What is stored of an epoch, as far as a body can touch it; the epoch's row is locked."""
    epoch = (session.tenant_id, position.terminal_id, position.epoch)
    rows = await session.driver.fetch(QUERIES.lines_near, *epoch, span.first, span.last)
    lines = {row["sequence"]: _stored(row) for row in rows}
    other = next((s for s, line in sorted(lines.items()) if _is_other(line, span, s)), None)
    if other is not None:
        rows = await session.driver.fetch(QUERIES.lines_at, *epoch, [other])
        lines |= {row["sequence"]: _stored(row) for row in rows}
    late = range(span.first, min(span.last, position.applied_through) + 1)
    if any(line.held for line in lines.values()) or any(sequence not in lines for sequence in late):
        lines = await _held(session, epoch, span, lines) | lines
    hashes: frozenset[str] = frozenset()
    goes_on = span.first == position.applied_through + 1 and position.applied_hash != unknown_hash
    if span.first not in lines and span.first - 1 not in lines and not goes_on:
        around = [span.first - 1, span.first]
        hashes = frozenset(
            row["line_hash"].hex() for row in await session.driver.fetch(QUERIES.branch_lines_at, *epoch, around)
        )
    return Kept(
        applied_through=position.applied_through,
        applied_hash=position.applied_hash,
        queued=position.queued,
        lost=position.lost_ahead,
        lines=lines,
        branch_hashes=hashes,
    )


def _is_other(line: StoredLine, span: Span, sequence: int) -> bool:
    """Whether a body has other bytes at a stored line's sequence."""
    return span.first <= sequence <= span.last and span.hash_at(sequence) != line.hash


async def _held(
    session: TenantSession, epoch: tuple[UUID, UUID, int], span: Span, lines: dict[int, StoredLine]
) -> dict[int, StoredLine]:
    """The held runs that touch a body, whole, with the line behind each."""
    rows = await session.driver.fetch(QUERIES.lines_held, *epoch)
    held = {row["sequence"]: StoredLine(row["line_hash"].hex(), "", held=True) for row in rows}
    new = [s for s in range(span.first, span.last + 1) if s not in lines]
    touching = [run for run in runs([*held, *new]) if run[1] >= span.first - 1 and run[0] <= span.last + 1]
    found = {s: line for s, line in held.items() if within(tuple(touching), s, s)}
    behind = [end + 1 for _, end in touching if end + 1 not in lines]
    if behind:
        found |= {row["sequence"]: _stored(row) for row in await session.driver.fetch(QUERIES.lines_at, *epoch, behind)}
    return found


def _stored(row: Any) -> StoredLine:
    raw = row["line"]
    return StoredLine(row["line_hash"].hex(), read_line(raw).prev if raw is not None else "", row["state"] == "held")


async def stored_lines(
    session: TenantSession,
    position: EpochPosition,
    span: Range,
    *,
    branch: int = chain,
    states: Iterable[State],
    limit: int = rows_max,
) -> list[Line]:
    """Stored lines of the chain or a branch in their order, read again from their bytes."""
    rows = await session.driver.fetch(
        QUERIES.lines_between,
        session.tenant_id,
        position.terminal_id,
        position.epoch,
        branch,
        *span,
        list(states),
        limit,
    )
    return [
        stored_line(
            row,
            terminal_id=position.terminal_id,
            epoch=position.epoch,
            branch=branch,
            location_id=position.location_id,
        )
        for row in rows
    ]


async def insert_lost(
    session: TenantSession, position: EpochPosition, lost: Range, *, now: datetime, by: str, note: str | None
) -> None:
    await session.driver.execute(
        QUERIES.insert_lost, session.tenant_id, position.terminal_id, position.epoch, *lost, now, by, note
    )
