"""Whether locations that a body names are the tenant's own."""

from collections.abc import Set
from uuid import UUID

from central import terminals
from central.http import UnknownReference
from central.tenant_session import TenantSession


async def unknown_locations(session: TenantSession, location_ids: Set[UUID]) -> set[UUID]:
    """Which of the ids are no location of this tenant."""
    if not location_ids:
        return set()
    return set(location_ids) - await terminals.known_locations(session, location_ids)


async def require_locations(session: TenantSession, location_ids: Set[UUID], field: str = "location_ids") -> None:
    """Raise `UnknownReference` where one of the ids is no location of this tenant."""
    if await unknown_locations(session, location_ids):
        raise UnknownReference("no such location", field=field)
