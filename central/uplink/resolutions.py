"""What an owner decides: a branch adopted or discarded, missing sequences declared lost."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from msgspec import Struct

from central import sales, terminals
from central.http import Invalid, NotFound, Request
from central.http.paging import read_cursor, write_cursor
from central.sales.booked import NewException
from central.tenancy import audit
from central.tenant_session import TenantSession, tenant_session
from central.terminals.epoch_position import read_ranges
from central.terminals.repository import terminal
from central.uplink import adoption
from central.uplink.lines import chain
from central.uplink.ordering import is_missing
from central.uplink.problems import AlreadyResolved
from central.uplink.ranges import Range, Ranges, size, union
from central.uplink.repository import QUERIES, insert_lost
from central.uplink.turns import known, locked_position
from central.uplink.uplink import Uplink


class ForkPoint(Struct, frozen=True):
    """The last line that a branch shares; `branch` null is the chain itself."""

    branch: int | None
    sequence: int


class BranchView(Struct, frozen=True, kw_only=True):
    """A branch as it is listed; `kept` are inclusive ranges of its sequences."""

    branch: int
    epoch: int
    status: Literal["open", "adopted", "discarded"]
    hangs_on: ForkPoint | None
    sequence: int
    kept_through: int
    kept: Ranges
    lines: int
    applying: bool
    created_at: datetime
    resolved_at: datetime | None
    resolved_by: str | None
    note: str | None


class BranchList(Struct, frozen=True):
    branches: list[BranchView]
    next_cursor: str | None


async def list_branches(request: Request, session: TenantSession, terminal_id: UUID) -> BranchList:
    """A page of a terminal's branches. Raises `NotFound`, `BadCursor`."""
    await terminal(session, terminal_id, request.services.clock())
    query = request.query
    after = 0 if query.cursor is None else read_cursor(query.cursor, request, 1)[0]
    rows = await session.driver.fetch(QUERIES.list_branches, session.tenant_id, terminal_id, after, query.limit + 1)
    shown = rows[: query.limit]
    cursor = write_cursor([shown[-1]["branch"]], request) if len(rows) > query.limit else None
    return BranchList([_view(row) for row in shown], cursor)


def _view(row: Any) -> BranchView:
    kept = read_ranges(row["kept"])
    hangs_on = None
    if row["hang_sequence"] is not None:
        hangs_on = ForkPoint(row["hang_branch"] or None, row["hang_sequence"])
    return BranchView(
        branch=row["branch"],
        epoch=row["epoch"],
        status=row["state"],
        hangs_on=hangs_on,
        sequence=kept[0][0],
        kept_through=kept[0][1],
        kept=kept,
        lines=size(kept),
        applying=row["waiting"],
        created_at=row["created_at"],
        resolved_at=row["resolved_at"],
        resolved_by=row["resolved_by"],
        note=row["note"],
    )


async def resolve(
    request: Request, terminal_id: UUID, branch: int, action: Literal["adopt", "discard"], note: str | None
) -> None:
    """Decide on an open branch, and apply what was adopted: it, or others that waited for a decision on it.

    Raises `NotFound`, `AlreadyResolved`.
    """
    services = request.services
    now = services.clock()
    async with tenant_session(services.database, request.caller) as session:
        row = await session.driver.fetchrow(QUERIES.branch, session.tenant_id, terminal_id, branch)
        if row is None:
            raise NotFound
        epoch: int = row["epoch"]
        position = await locked_position(session, terminal_id, epoch)
        adopted = action == "adopt"
        resolved = await session.driver.execute(
            QUERIES.resolve_branch,
            session.tenant_id,
            terminal_id,
            branch,
            "adopted" if adopted else "discarded",
            adopted,
            now,
            request.caller.id,
            note,
        )
        if resolved != "UPDATE 1":
            raise AlreadyResolved
        await audit.record(
            session, f"{action}_branch", "terminal", str(terminal_id), None, {"branch": branch, "note": note}
        )
        if not adopted:
            await adoption.settle(session, position)
    await services.of(Uplink).go_on(request.tenant_id, terminal_id, epoch)


async def declare_lost(request: Request, terminal_id: UUID, epoch: int, lost: Range, note: str | None) -> None:
    """Declare missing sequences lost, and apply what waited behind them.

    Raises `NotFound`, and `Invalid` where any of them is not missing.
    """
    services = request.services
    first, last = lost
    if last < first:
        raise Invalid("the range ends before it begins", field="to")
    async with tenant_session(services.database, request.caller) as session:
        position = await locked_position(session, terminal_id, epoch)
        if not is_missing(known(position), first, last):
            raise Invalid("only what is missing before a queued line can be declared lost", field="from")
        now = services.clock()
        await insert_lost(session, position, lost, now=now, by=request.caller.id, note=note)
        await terminals.mark_lost(session, terminal_id, epoch, union(position.lost, (lost,)))
        await audit.record(
            session,
            "declare_lost",
            "terminal",
            str(terminal_id),
            None,
            {"epoch": epoch, "from": first, "to": last, "note": note},
        )
        which = f"sequence {first} was" if first == last else f"sequences {first} to {last} were"
        lost_key = (terminal_id, epoch, chain, first)
        found = NewException(lost_key, "sequence-lost", f"{which} declared lost")
        await sales.raise_exceptions(session, [found], now, services.ids)
    await services.of(Uplink).go_on(request.tenant_id, terminal_id, epoch)
