"""The currency of a tenant's books."""

from typing import Final
from uuid import UUID

from central.tenancy import tenants
from central.tenant_session import TenantSession

remembered_max: Final = 10_000
_currencies: Final[dict[UUID, str]] = {}


async def currency_of(session: TenantSession) -> str:
    """The tenant's currency; it never changes, so it is remembered."""
    found = _currencies.get(session.tenant_id)
    if found is None:
        found = (await tenants.current(session)).currency
        if len(_currencies) >= remembered_max:
            _currencies.clear()
        _currencies[session.tenant_id] = found
    return found
