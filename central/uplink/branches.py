"""Forked lines: which branch they belong to, how they are kept there, and their application once it is adopted.

A branch hangs on the last line that it shares with the chain or with another branch, where that line is known. Forked
lines go to the branch that has them or the line before or behind them; lines that touch none go to the newest open
branch that they do not contradict, since one clone explains them best; else they begin a new one. No line of a branch
is booked unless somebody adopts the branch.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct

from central import terminals
from central.tenant_session import TenantSession
from central.terminals import EpochPosition
from central.terminals.epoch_position import read_ranges, write_ranges
from central.uplink.application import Application
from central.uplink.lines import APPLIED_STATES, Line, chain, row_of
from central.uplink.problems import BranchFull
from central.uplink.ranges import Range, Ranges, size, union, within
from central.uplink.repository import QUERIES, insert_events, move_states, move_to_branch, stored_lines
from protocol.events import read_line
from protocol.uplink import branch_lines_max


class Branch(Struct, frozen=True, kw_only=True):
    """A branch as it is kept; `hang_branch` 0 is the chain, None where nobody knows what it hangs on."""

    branch: int
    hang_branch: int | None
    hang_sequence: int | None
    kept: Ranges
    state: str
    waiting: bool

    @property
    def first(self) -> int:
        return self.kept[0][0]

    @property
    def kept_through(self) -> int:
        """Its last line without a hole."""
        return self.kept[0][1]


class Neighbour(Struct, frozen=True):
    """A line of some branch right before, at, or right behind a forked run."""

    branch: int
    sequence: int
    hash: str
    prev: str


class ForkedRun(Struct, frozen=True, kw_only=True):
    """Consecutive lines that do not belong on the chain; `hangs_on_chain`: the line before them does."""

    first: int
    prev: str
    hashes: Sequence[str]
    hangs_on_chain: bool

    @property
    def last(self) -> int:
        return self.first + len(self.hashes) - 1


def choose(run: ForkedRun, branches: Sequence[Branch], neighbours: Sequence[Neighbour]) -> Branch | None:
    """The branch that a run's first lines belong to; None for a new one. Pure."""
    by_number = {branch.branch: branch for branch in branches}
    contradicted = {n.branch for n in neighbours if n.sequence == run.first and n.hash != run.hashes[0]}
    for sequence, hash_, is_prev in (
        (run.first, run.hashes[0], False),
        (run.first - 1, run.prev, False),
        (run.last + 1, run.hashes[-1], True),
    ):
        for n in neighbours:
            fits = (n.prev if is_prev else n.hash) == hash_
            if n.sequence == sequence and fits and n.branch in by_number and n.branch not in contradicted:
                if is_prev and within(by_number[n.branch].kept, run.first, run.last):
                    continue
                return by_number[n.branch]
    for branch in sorted(branches, key=lambda b: b.branch, reverse=True):
        if branch.state == "open" and not within(branch.kept, run.first - 1, run.last + 1):
            if run.hangs_on_chain and (branch.hang_branch is not None or branch.first < run.first):
                continue
            if branch.hang_sequence is not None and branch.hang_sequence >= run.first - 1:
                continue
            return branch
    return None


async def branches_of(session: TenantSession, position: EpochPosition) -> list[Branch]:
    """An epoch's branches, by number."""
    rows = await session.driver.fetch(
        QUERIES.branches_of_epoch, session.tenant_id, position.terminal_id, position.epoch
    )
    return [_branch(row) for row in rows]


def _branch(row: Any) -> Branch:
    return Branch(
        branch=row["branch"],
        hang_branch=row["hang_branch"],
        hang_sequence=row["hang_sequence"],
        kept=read_ranges(row["kept"]),
        state=row["state"],
        waiting=row["waiting"],
    )


async def keep_lines(
    session: TenantSession, position: EpochPosition, lines: Sequence[Line], *, hangs_on_chain: bool, now: datetime
) -> Branch:
    """Keep a body's forked lines on the branch, or branches, that they belong to; the one that has the last of them.

    A line that the branch already has with the same bytes changes nothing. Raises `BranchFull`.
    """
    hang: tuple[int, int] | None = (chain, lines[0].sequence - 1) if hangs_on_chain else None
    while True:
        run = ForkedRun(
            first=lines[0].sequence,
            prev=lines[0].envelope.prev,
            hashes=[line.hash for line in lines],
            hangs_on_chain=hang is not None,
        )
        branch = await _branch_for(session, position, run, hang, now)
        has = await _hashes(session, position, branch.branch, run)
        fitting = next(
            (i for i, line in enumerate(lines) if has.get(line.sequence, line.hash) != line.hash), len(lines)
        )
        new = [line for line in lines[:fitting] if line.sequence not in has]
        branch = await _extend(session, position, branch, new, hang)
        if fitting == len(lines):
            return branch
        hang = (branch.branch, lines[fitting].sequence - 1)
        lines = lines[fitting:]


async def keep_unqueued(session: TenantSession, position: EpochPosition, ranges: Ranges, now: datetime) -> Branch:
    """Make a branch of lines that waited on the chain and do not fit it."""
    number = await terminals.next_branch(session, position.terminal_id)
    await _insert(session, position, number, None, ranges, now)
    await move_to_branch(session, position, number, ranges)
    return Branch(branch=number, hang_branch=None, hang_sequence=None, kept=ranges, state="open", waiting=False)


async def take_held(session: TenantSession, position: EpochPosition, branch: Branch, ranges: Ranges) -> Branch:
    """Move held lines, which a forked run goes on from, to its branch."""
    await move_to_branch(session, position, branch.branch, ranges)
    return await _update(session, position, branch, union(branch.kept, ranges), None)


async def _branch_for(
    session: TenantSession, position: EpochPosition, run: ForkedRun, hang: tuple[int, int] | None, now: datetime
) -> Branch:
    branches = await branches_of(session, position)
    neighbours: list[Neighbour] = []
    if branches:
        rows = await session.driver.fetch(
            QUERIES.branch_lines_at,
            session.tenant_id,
            position.terminal_id,
            position.epoch,
            [run.first - 1, run.first, run.last + 1],
        )
        neighbours = [
            Neighbour(row["branch"], row["sequence"], row["line_hash"].hex(), read_line(row["line"]).prev)
            for row in rows
        ]
    chosen = choose(run, branches, neighbours)
    if chosen is not None:
        return chosen
    if hang is None:
        below = next((n for n in neighbours if n.sequence == run.first - 1 and n.hash == run.prev), None)
        hang = None if below is None else (below.branch, below.sequence)
    number = await terminals.next_branch(session, position.terminal_id)
    await _insert(session, position, number, hang, (), now)
    hang_branch, hang_sequence = hang or (None, None)
    return Branch(
        branch=number, hang_branch=hang_branch, hang_sequence=hang_sequence, kept=(), state="open", waiting=False
    )


async def _hashes(session: TenantSession, position: EpochPosition, branch: int, run: ForkedRun) -> dict[int, str]:
    rows = await session.driver.fetch(
        QUERIES.branch_hashes_between,
        session.tenant_id,
        position.terminal_id,
        position.epoch,
        branch,
        run.first,
        run.last,
    )
    return {row["sequence"]: row["line_hash"].hex() for row in rows}


async def _extend(
    session: TenantSession,
    position: EpochPosition,
    branch: Branch,
    new: Sequence[Line],
    hang: tuple[int, int] | None,
) -> Branch:
    if not new:
        return branch
    if size(branch.kept) + len(new) > branch_lines_max:
        raise BranchFull(branch.branch)
    await insert_events(session, [row_of(_on_branch(line, branch.branch), "kept") for line in new])
    added = union((line.sequence, line.sequence) for line in new)
    begins_earlier = not branch.kept or new[0].sequence < branch.first
    return await _update(session, position, branch, union(branch.kept, added), hang if begins_earlier else None)


async def _update(
    session: TenantSession, position: EpochPosition, branch: Branch, kept: Ranges, hang: tuple[int, int] | None
) -> Branch:
    hang_branch, hang_sequence = hang or (branch.hang_branch, branch.hang_sequence)
    waiting = branch.state == "adopted"
    await session.driver.execute(
        QUERIES.extend_branch,
        session.tenant_id,
        position.terminal_id,
        branch.branch,
        write_ranges(kept),
        hang_branch,
        hang_sequence,
        waiting,
    )
    return Branch(
        branch=branch.branch,
        hang_branch=hang_branch,
        hang_sequence=hang_sequence,
        kept=kept,
        state=branch.state,
        waiting=waiting,
    )


async def _insert(
    session: TenantSession,
    position: EpochPosition,
    number: int,
    hang: tuple[int, int] | None,
    kept: Ranges,
    now: datetime,
) -> None:
    hang_branch, hang_sequence = hang or (None, None)
    await session.driver.execute(
        QUERIES.insert_branch,
        session.tenant_id,
        position.terminal_id,
        number,
        position.epoch,
        hang_branch,
        hang_sequence,
        write_ranges(kept),
        now,
    )


def _on_branch(line: Line, branch: int) -> Line:
    return Line(
        line.terminal_id,
        line.epoch,
        branch,
        line.sequence,
        line.location_id,
        line.received_at,
        line.bytes,
        line.hash,
        line.envelope,
        line.reading,
        line.signature,
    )


async def apply_adopted(
    session: TenantSession, position: EpochPosition, application: Application, *, applied_through: int, limit: int
) -> bool:
    """Add lines of adopted branches whose turn has come to an application, `limit` at most; whether there are more.

    A branch's turn comes when the line that it hangs on is applied; holes are passed over (contract, section 4), and
    so is a discarded branch that it hangs on: its lines never apply, and what was adopted must not wait for them.
    """
    branches = await branches_of(session, position)
    discarded = {branch.branch for branch in branches if branch.state == "discarded"}
    more = False
    open_left = False
    room = limit
    for branch in branches:
        if branch.state == "open" or (
            branch.waiting
            and branch.hang_branch not in discarded
            and not await _hang_applied(session, position, branch, applied_through)
        ):
            open_left = True
            continue
        if not branch.waiting:
            continue
        everything: Range = (branch.first, branch.kept[-1][1])
        lines = await stored_lines(session, position, everything, branch=branch.branch, states=["kept"], limit=room + 1)
        if len(lines) > room:
            more = open_left = True
            lines = lines[:room]
        else:
            await session.driver.execute(QUERIES.finish_branch, session.tenant_id, position.terminal_id, branch.branch)
        room -= len(lines)
        await move_states(session, [(line, line.applied_state) for line in lines])
        application.add(lines, position, previous=None)
    if not open_left:
        await terminals.mark_forked(session, position.terminal_id, position.epoch, forked=False)
    return more


async def _hang_applied(session: TenantSession, position: EpochPosition, branch: Branch, applied_through: int) -> bool:
    if branch.hang_branch is None or branch.hang_sequence is None:
        return True
    if branch.hang_branch == chain:
        return branch.hang_sequence <= applied_through
    state = await session.driver.fetchval(
        QUERIES.state_at,
        session.tenant_id,
        position.terminal_id,
        position.epoch,
        branch.hang_branch,
        branch.hang_sequence,
    )
    return state in APPLIED_STATES


async def settle(session: TenantSession, position: EpochPosition) -> None:
    """Say of an epoch that it is not forked any more, once no branch of it is open or has lines to apply."""
    if all(branch.state != "open" and not branch.waiting for branch in await branches_of(session, position)):
        await terminals.mark_forked(session, position.terminal_id, position.epoch, forked=False)
