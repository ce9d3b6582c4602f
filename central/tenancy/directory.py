"""The directory: which tenant a key belongs to that is asked before the tenant is known (a code, a terminal's id)."""

from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert as upsert

from central.database import Database
from central.tenancy.schema import directory
from central.tenant_session import TenantSession


async def find(database: Database, kind: str, key: str) -> UUID | None:
    """The tenant of a key, None where nobody has it."""
    async with database.connection() as connection:
        statement = select(directory.c.tenant_id).where(directory.c.kind == kind, directory.c.key == key)
        found: UUID | None = (await connection.execute(statement)).scalar()
        return None if found is None else UUID(int=found.int)  # asyncpg's own UUID is a subclass


async def add(session: TenantSession, kind: str, key: str) -> bool:
    """Enter a key of the session's tenant; False where somebody has it already."""
    entry = upsert(directory).values(kind=kind, key=key, tenant_id=session.tenant_id)
    return (await session.execute(entry.on_conflict_do_nothing().returning(directory.c.key))).first() is not None


async def remove(session: TenantSession, kind: str, key: str) -> None:
    """Strike a key of the session's tenant out."""
    row = (directory.c.kind == kind) & (directory.c.key == key) & (directory.c.tenant_id == session.tenant_id)
    await session.execute(delete(directory).where(row))
