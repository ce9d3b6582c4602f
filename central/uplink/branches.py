"""Forked lines: which branch they belong to, and how they are kept there; `adoption` applies them.

A branch hangs on the last line that it shares with the chain or with another branch, where that line is known. Forked
lines go to the branch that has them or the line before or behind them; lines that touch none go to the newest open
branch that they do not contradict, since one clone explains them best; else they begin a new one. Lines that wait on
the chain and turn out to be a fork's are moved, so that none stands in two places; the same bytes do so only where they
were sent again after the chain had become theirs.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct, structs

from central import terminals
from central.tenant_session import TenantSession
from central.terminals import EpochPosition
from central.terminals.epoch_position import read_ranges, write_ranges
from central.uplink.lines import Line, chain, row_of
from central.uplink.problems import BranchFull
from central.uplink.ranges import Ranges, runs, size, union, within
from central.uplink.repository import QUERIES, check_count, insert_events
from protocol.lines import read_line
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

    @property
    def hang(self) -> tuple[int, int] | None:
        """Branch and sequence of the last line that it shares, where that is known."""
        if self.hang_branch is None or self.hang_sequence is None:
            return None
        return self.hang_branch, self.hang_sequence


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


async def keep_fork(
    session: TenantSession,
    position: EpochPosition,
    lines: Sequence[Line],
    leaving: Ranges,
    *,
    hangs_on_chain: bool,
    now: datetime,
) -> Branch:
    """Keep a body's forked lines, and the stored ones that leave the chain with them, on the branches that they belong
    to; answers the one that has the body's last.

    A line that the branch already has with the same bytes changes nothing. Raises `BranchFull`.
    """
    first, last = lines[0].sequence, lines[-1].sequence
    stored = await _leaving(session, position, leaving)
    new = {line.sequence: line for line in lines if stored.get(line.sequence) != line.hash}
    hashes = {line.sequence: line.hash for line in lines}
    while first - 1 in stored:  # held lines before the body: it goes on from them
        first -= 1
        hashes[first] = stored[first]
    end = last
    while end + 1 in stored and stored.get(end, hashes[end]) == hashes[end]:
        end += 1
        hashes[end] = stored[end]
    hang: tuple[int, int] | None = (chain, first - 1) if hangs_on_chain else None
    prev = lines[0].envelope.prev
    if first < lines[0].sequence:
        prev, hang = await _stored_beginning(session, position, first)
    run = ForkedRun(
        first=first, prev=prev, hashes=[hashes[s] for s in range(first, end + 1)], hangs_on_chain=hang is not None
    )
    branch = await _keep_run(session, position, run, new, hang, now, answer_for=last)
    # What is left goes on from the body's lines and contradicts its later ones: a clone of the clone.
    for start, stop in runs(s for s in stored if hashes.get(s) != stored[s]):
        prev, hang = await _stored_beginning(session, position, start)
        run = ForkedRun(
            first=start, prev=prev, hashes=[stored[s] for s in range(start, stop + 1)], hangs_on_chain=hang is not None
        )
        await _keep_run(session, position, run, {}, hang, now, answer_for=stop)
    return branch


async def keep_unqueued(session: TenantSession, position: EpochPosition, ranges: Ranges, now: datetime) -> Branch:
    """Make a branch of lines that waited on the chain and do not fit it."""
    branch = await _new_branch(session, position, None, now)
    await _take_from_chain(session, position, branch.branch, ranges)
    return await _update(session, position, branch, ranges, None)


async def _leaving(session: TenantSession, position: EpochPosition, ranges: Ranges) -> dict[int, str]:
    """The hashes of lines that wait on the chain and are to leave it, by sequence."""
    if not ranges:
        return {}
    rows = await session.driver.fetch(
        QUERIES.waiting_hashes,
        session.tenant_id,
        position.terminal_id,
        position.epoch,
        ranges[0][0],
        ranges[-1][1],
        write_ranges(ranges),
    )
    if len(rows) != size(ranges):
        raise RuntimeError(f"{size(ranges)} lines were to leave the chain, {len(rows)} wait there")
    return {row["sequence"]: row["line_hash"].hex() for row in rows}


async def _stored_beginning(
    session: TenantSession, position: EpochPosition, first: int
) -> tuple[str, tuple[int, int] | None]:
    """The `prev` of a stored line of the chain, and the line before it where the chain has that one."""
    rows = await session.driver.fetch(
        QUERIES.lines_at, session.tenant_id, position.terminal_id, position.epoch, [first - 1, first]
    )
    by_sequence = {row["sequence"]: row for row in rows}
    prev = read_line(by_sequence[first]["line"]).prev
    before = by_sequence.get(first - 1)
    fits = before is not None and before["line_hash"].hex() == prev
    return prev, (chain, first - 1) if fits else None


async def _keep_run(
    session: TenantSession,
    position: EpochPosition,
    run: ForkedRun,
    new: Mapping[int, Line],
    hang: tuple[int, int] | None,
    now: datetime,
    *,
    answer_for: int,
) -> Branch:
    """Keep a run: its new lines are stored, the others taken off the chain. Where a branch has another line, or another
    branch has the next one already, what follows goes there. Answers the branch that has the line at `answer_for`."""
    answer: Branch | None = None
    while run.hashes:
        branch, hang = await _branch_for(session, position, run, hang, now)
        has = await _hashes(session, position, run)
        fitting = _fitting(run, new, has, branch.branch)
        if not fitting:
            branch = await _new_branch(session, position, hang, now)
            fitting = _fitting(run, new, has, branch.branch)
        mine = has.get(branch.branch, {})
        stretch = range(run.first, run.first + fitting)
        fresh = [new[s] for s in stretch if s in new and s not in mine]
        branch = await _extend(
            session, position, branch, run.first, fresh, runs(s for s in stretch if s not in new), hang
        )
        if answer_for in stretch:
            answer = branch
        hang = (branch.branch, stretch[-1])
        run = ForkedRun(
            first=stretch.stop,
            prev=run.hashes[fitting - 1],
            hashes=run.hashes[fitting:],
            hangs_on_chain=False,
        )
    assert answer is not None
    return answer


def _fitting(run: ForkedRun, new: Mapping[int, Line], has: Mapping[int, Mapping[int, str]], number: int) -> int:
    """How many lines of a run, from its first on, one branch can keep."""
    mine = has.get(number, {})
    elsewhere = {line for branch, lines in has.items() if branch != number for line in lines.items()}
    for index, line in enumerate(enumerate(run.hashes, run.first)):
        sequence, hash_ = line
        if sequence in mine:
            # One that the chain has too cannot be moved to where it is already.
            if mine[sequence] != hash_ or sequence not in new:
                return index
        elif index and sequence in new and line in elsewhere:
            return index
    return len(run.hashes)


async def _branch_for(
    session: TenantSession, position: EpochPosition, run: ForkedRun, hang: tuple[int, int] | None, now: datetime
) -> tuple[Branch, tuple[int, int] | None]:
    """The branch that a run's first lines belong to, and the line that they hang on where it is known."""
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
    if hang is None:
        below = next((n for n in neighbours if n.sequence == run.first - 1 and n.hash == run.prev), None)
        hang = None if below is None else (below.branch, below.sequence)
    return choose(run, branches, neighbours) or await _new_branch(session, position, hang, now), hang


async def _hashes(session: TenantSession, position: EpochPosition, run: ForkedRun) -> dict[int, dict[int, str]]:
    """What every branch has of a run's sequences."""
    rows = await session.driver.fetch(
        QUERIES.branch_hashes_between,
        session.tenant_id,
        position.terminal_id,
        position.epoch,
        run.first,
        run.last,
    )
    found: dict[int, dict[int, str]] = {}
    for row in rows:
        found.setdefault(row["branch"], {})[row["sequence"]] = row["line_hash"].hex()
    return found


async def _extend(
    session: TenantSession,
    position: EpochPosition,
    branch: Branch,
    first: int,
    new: Sequence[Line],
    moved: Ranges,
    hang: tuple[int, int] | None,
) -> Branch:
    """Add lines to a branch, from the sequence `first` on; what is moved there waits on the chain until now."""
    known = branch.hang
    if not branch.kept or first < branch.first or (first == branch.first and known is None):
        known = hang
    if not new and not moved and known == branch.hang:
        return branch
    if new and size(branch.kept) + len(new) > branch_lines_max:
        raise BranchFull(branch.branch)
    await insert_events(session, [row_of(_on_branch(line, branch.branch), "kept") for line in new])
    await _take_from_chain(session, position, branch.branch, moved)
    added = runs(line.sequence for line in new)
    return await _update(session, position, branch, union(branch.kept, added, moved), known)


async def _take_from_chain(session: TenantSession, position: EpochPosition, branch: int, ranges: Ranges) -> None:
    """Move lines that wait on the chain to a branch, and let branches that hang on them hang on them there."""
    if not ranges:
        return
    of = (session.tenant_id, position.terminal_id, position.epoch, branch)
    span = (ranges[0][0], ranges[-1][1], write_ranges(ranges))
    check_count(await session.driver.execute(QUERIES.move_to_branch, *of, *span), size(ranges))
    await session.driver.execute(QUERIES.rehang_branches, *of, *span)


async def _update(
    session: TenantSession, position: EpochPosition, branch: Branch, kept: Ranges, hang: tuple[int, int] | None
) -> Branch:
    hang_branch, hang_sequence = hang or (None, None)
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
    return structs.replace(branch, hang_branch=hang_branch, hang_sequence=hang_sequence, kept=kept, waiting=waiting)


async def _new_branch(
    session: TenantSession, position: EpochPosition, hang: tuple[int, int] | None, now: datetime
) -> Branch:
    """An open branch without any line yet."""
    number = await terminals.next_branch(session, position.terminal_id)
    hang_branch, hang_sequence = hang or (None, None)
    await session.driver.execute(
        QUERIES.insert_branch,
        session.tenant_id,
        position.terminal_id,
        number,
        position.epoch,
        hang_branch,
        hang_sequence,
        write_ranges(()),
        now,
    )
    return Branch(
        branch=number, hang_branch=hang_branch, hang_sequence=hang_sequence, kept=(), state="open", waiting=False
    )


def _on_branch(line: Line, branch: int) -> Line:
    return structs.replace(line, branch=branch)
