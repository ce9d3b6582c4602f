"""Adopted branches: their lines applied in their order, and no line booked in two places.

The same bytes can stand on the chain and on a branch, or on two branches: a clone's lines that came too early made a
branch of lines that their writer then sent again. Whichever comes to its turn first is booked; the other is passed over
and stays `kept`.
"""

from collections.abc import Sequence
from typing import Any

from msgspec import structs

from central import terminals
from central.tenant_session import TenantSession
from central.terminals import EpochPosition
from central.uplink.application import Application
from central.uplink.branches import Branch, branches_of
from central.uplink.lines import APPLIED_STATES, Line, chain, stored_line
from central.uplink.ranges import within
from central.uplink.repository import QUERIES, move_states


async def apply_adopted(
    session: TenantSession, position: EpochPosition, application: Application, *, applied_through: int, limit: int
) -> bool:
    """Add lines of adopted branches whose turn has come to an application, `limit` at most; whether there are more.

    A branch's turn comes when the line that it hangs on is applied; holes are passed over (contract, section 4), and
    so is a discarded branch that it hangs on: its lines never apply, and what was adopted must not wait for them.
    """
    branches = {branch.branch: branch for branch in await branches_of(session, position)}
    room = limit
    while (branch := await _in_turn(session, position, branches, applied_through)) is not None:
        lines = await _unbooked(session, position, branch, branches, room + 1)
        more = len(lines) > room
        lines = lines[:room]
        room -= len(lines)
        await move_states(session, [(line, line.applied_state) for line in lines])
        application.add(lines, position, previous=None)
        if more:
            return True
        await session.driver.execute(QUERIES.finish_branch, session.tenant_id, position.terminal_id, branch.branch)
        branches[branch.branch] = structs.replace(branch, waiting=False)
    if all(_is_settled(branch) for branch in branches.values()):
        await terminals.mark_forked(session, position.terminal_id, position.epoch, forked=False)
    return False


async def _in_turn(
    session: TenantSession, position: EpochPosition, branches: dict[int, Branch], applied_through: int
) -> Branch | None:
    """An adopted branch with lines to apply whose turn has come: also by what was applied just now."""
    for branch in branches.values():
        if branch.waiting and await _hang_applied(session, position, branch, branches, applied_through):
            return branch
    return None


def _is_settled(branch: Branch) -> bool:
    return branch.state != "open" and not branch.waiting


async def _unbooked(
    session: TenantSession, position: EpochPosition, branch: Branch, branches: dict[int, Branch], limit: int
) -> list[Line]:
    """The first kept lines of a branch that are booked neither on the chain nor on another branch."""
    rows = await session.driver.fetch(
        QUERIES.unbooked_lines,
        session.tenant_id,
        position.terminal_id,
        position.epoch,
        branch.branch,
        [chain, *(other for other in branches if other != branch.branch)],
        list(APPLIED_STATES),
        limit,
    )
    return [_line(row, position, branch.branch) for row in rows]


def _line(row: Any, position: EpochPosition, branch: int) -> Line:
    return stored_line(
        row,
        terminal_id=position.terminal_id,
        epoch=position.epoch,
        branch=branch,
        location_id=position.location_id,
    )


async def _hang_applied(
    session: TenantSession,
    position: EpochPosition,
    branch: Branch,
    branches: dict[int, Branch],
    applied_through: int,
) -> bool:
    if branch.hang is None:
        return True
    number, sequence = branch.hang
    if number == chain:
        return sequence <= applied_through
    below = branches[number]
    if _is_settled(below):
        return True
    state = await session.driver.fetchval(
        QUERIES.state_at,
        session.tenant_id,
        position.terminal_id,
        position.epoch,
        number,
        sequence,
    )
    return state in APPLIED_STATES


async def booked_on_branches(session: TenantSession, position: EpochPosition, lines: Sequence[Line]) -> frozenset[int]:
    """Which lines of the chain, whose turn has come, were booked with a branch that was adopted: their sequences.

    Asked only of an epoch that ever forked.
    """
    if not position.branched or not lines:
        return frozenset()
    first, last = lines[0].sequence, lines[-1].sequence
    adopted = [
        branch.branch
        for branch in await branches_of(session, position)
        if branch.state == "adopted" and within(branch.kept, first, last)
    ]
    if not adopted:
        return frozenset()
    rows = await session.driver.fetch(
        QUERIES.booked_hashes,
        session.tenant_id,
        position.terminal_id,
        position.epoch,
        adopted,
        first,
        last,
        list(APPLIED_STATES),
    )
    booked = {(row["sequence"], row["line_hash"].hex()) for row in rows}
    return frozenset(line.sequence for line in lines if (line.sequence, line.hash) in booked)


async def settle(session: TenantSession, position: EpochPosition) -> None:
    """Say of an epoch that it is not forked any more, once no branch of it is open or has lines to apply."""
    if all(_is_settled(branch) for branch in await branches_of(session, position)):
        await terminals.mark_forked(session, position.terminal_id, position.epoch, forked=False)
