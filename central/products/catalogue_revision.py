"""The tenant's catalogue as a whole: the line in which its writers stand, and the stamp by which readers cache it.

(1) Whoever changes the catalogue calls `begin_change` first; it holds the tenant's row until the commit, so what one
writer found (a SKU that is free, a tax group that exists) still holds when it writes.
(2) The stamp is new with each committed change and never comes again, also not after a backup was restored. So what is
cached under the stamp that PostgreSQL has now is what PostgreSQL holds now.
"""

from pathlib import Path
from typing import Final
from uuid import UUID

from central.database import Queries, load_queries
from central.tenant_session import TenantSession

SQL: Final[Queries] = load_queries(Path(__file__).with_name("queries.sql"))


async def begin_change(session: TenantSession, stamp: UUID) -> int:
    """Lock the tenant's catalogue for a change; its new revision, which everything changed with it bears."""
    revision: int = await session.driver.fetchval(SQL.begin_change, session.tenant_id, stamp)
    return revision


async def catalogue_stamp(session: TenantSession) -> UUID | None:
    """Which catalogue the tenant has now; null before its first change."""
    stamp: UUID | None = await session.driver.fetchval(SQL.catalogue_stamp, session.tenant_id)
    return stamp
