"""The change log: for each entity of each scope the revision at which it last changed, and nothing of what it is.

"Current" is the largest revision such that all smaller ones have committed. Revisions come from the tenant's counter
row, which `record` locks until its transaction ends: 3 cannot commit before 2, so a reader that has seen 3 has seen
2, and a cursor skips nothing.

What an entity *is* the domains say, when a page is made. So a terminal that is told of a change late gets the state
of now, and one that is told twice gets the same twice: whoever follows ends with what a fresh snapshot gives.

1. A row's revision only rises. What changed after a snapshot began has a larger one, and comes again as a delta.
2. What did not change since was there all the time, and the walk by ids meets it.
3. What no longer is, or no longer applies to a location, is not given by its loader: a delta sends it as a delete.
"""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Final
from uuid import UUID

from msgspec import Struct

from central.database import load_queries, packed
from central.tenant_session import TenantSession
from protocol.downlink import Entity

QUERIES: Final = load_queries(Path(__file__).with_name("queries.sql"))


class RecordedChange(Struct, frozen=True):
    """That something changed, or is no more (`deleted`)."""

    scope: UUID
    """The tenant's own id for what every location needs, else a location's."""
    entity: Entity
    id: str | UUID
    deleted: bool = False
    dated_on: date | None = None
    """The business date of a receipt: terminals keep those of some days only."""


class LoggedChange(Struct, frozen=True):
    """A row of the log."""

    entity: Entity
    id: str
    revision: int


def topic(tenant_id: UUID, scope: UUID) -> str:
    """What wakes those who wait for changes of a scope."""
    return f"changes:{tenant_id}:{scope}"


async def record(session: TenantSession, changes: Sequence[RecordedChange]) -> None:
    """Note what changed in this transaction and wake who waits for it, once it is committed.

    Call it last: it locks the tenant's counter row until the transaction ends. Of two changes of one entity in one
    scope the later counts.
    """
    latest = {(change.scope, change.entity, change.id): change for change in changes}
    if not latest:
        return
    rows = list(latest.values())
    inserted = await session.driver.execute(
        QUERIES.record,
        session.tenant_id,
        len(rows),
        packed([row.scope for row in rows]),
        packed([row.entity for row in rows]),
        packed([row.id for row in rows]),
        packed([row.deleted for row in rows]),
        packed([row.dated_on for row in rows]),
    )
    if inserted != f"INSERT 0 {len(rows)}":
        raise RuntimeError(f"{len(rows)} changes were to be recorded, PostgreSQL says {inserted}")
    wake(session, {row.scope for row in rows})


async def head(session: TenantSession) -> int:
    """The revision of the last committed change of the tenant."""
    revision: int = await session.driver.fetchval(QUERIES.head, session.tenant_id)
    return revision


async def walk(
    session: TenantSession, location_id: UUID, entity: Entity, *, after: str, begun: int, since: date, limit: int
) -> list[str]:
    """The next ids, in their order, of one entity that a location needs; `since` is for what is dated."""
    rows = await session.driver.fetch(QUERIES.walk, session.tenant_id, location_id, entity, after, begun, since, limit)
    return [row["entity_id"] for row in rows]


async def deltas(
    session: TenantSession, location_id: UUID, *, after: int, since: date, limit: int
) -> list[LoggedChange]:
    """The next changes for a location, in the order of their revisions."""
    rows = await session.driver.fetch(QUERIES.deltas, session.tenant_id, location_id, after, since, limit)
    return [LoggedChange(row["entity"], row["entity_id"], row["revision"]) for row in rows]


async def prune_receipts(session: TenantSession, location_id: UUID, before: date) -> None:
    """Forget the receipts dated before a day that every terminal of the location has dropped by itself."""
    await session.driver.execute(QUERIES.prune, session.tenant_id, location_id, before)


def wake(session: TenantSession, scopes: set[UUID]) -> None:
    """Wake those who wait for changes of these scopes, once the transaction is committed."""
    for scope in sorted(scopes):
        session.wake(topic(session.tenant_id, scope))
