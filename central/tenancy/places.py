"""Whether a location is this tenant's: settings and people name locations, which lie in a domain above."""

from collections.abc import Collection
from typing import Final
from uuid import UUID

from sqlalchemy import text

from central.tenant_session import TenantSession

_known: Final = text(
    "select location_id from till.locations where tenant_id = :tenant_id and location_id = any(:location_ids)"
)


async def unknown_locations(session: TenantSession, location_ids: Collection[UUID]) -> set[UUID]:
    """Those that the tenant does not have."""
    row = {"tenant_id": session.tenant_id, "location_ids": list(location_ids)}
    return set(location_ids) - {found for (found,) in await session.execute(_known, row)}
