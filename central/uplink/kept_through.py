"""How far a branch is kept without a hole: what a terminal whose lines forked is told, and goes on from.

A hole of one branch can be filled by another, where lines that came too early made a branch of their own: then nothing
is missing, and a terminal that was sent back to it would go round in circles.
"""

from central.tenant_session import TenantSession
from central.terminals import EpochPosition
from central.uplink.branches import Branch, branches_of
from central.uplink.lines import chain
from central.uplink.repository import QUERIES
from protocol.lines import read_line


async def kept_through(session: TenantSession, position: EpochPosition, branch: Branch) -> int:
    """The last line of a branch such that all of its lines up to there go on from lines that are stored."""
    through = branch.kept_through
    for start, end in branch.kept[1:]:
        if not await _goes_on(session, position, branch, start):
            break
        through = end
    return through


async def _goes_on(session: TenantSession, position: EpochPosition, branch: Branch, start: int) -> bool:
    """Whether all lines that a range of a branch goes on from are stored, back to the branch's own or the chain's."""
    branches = {one.branch: one for one in await branches_of(session, position)}
    of = (session.tenant_id, position.terminal_id, position.epoch)
    number, sequence = branch.branch, start
    while True:
        line = await session.driver.fetchval(QUERIES.line_of_branch, *of, number, sequence)
        rows = await session.driver.fetch(
            QUERIES.places_of_line, *of, [chain, *branches], sequence - 1, bytes.fromhex(read_line(line).prev)
        )
        places = {row["branch"] for row in rows}
        if not places:
            return False
        if places & {chain, branch.branch}:
            return True
        number = min(places)
        sequence = next(first for first, last in branches[number].kept if first <= sequence - 1 <= last)
