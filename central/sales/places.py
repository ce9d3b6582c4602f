"""What the checks need to know of locations: zone, currency, bounds."""

from collections.abc import Set
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from central.sales.checks import Place
from central.tenancy import settings, tenants
from central.tenant_session import TenantSession
from central.terminals import locations

currencies_max: Final = 10_000
_currencies: Final[dict[UUID, str]] = {}


async def load_places(session: TenantSession, location_ids: Set[UUID]) -> dict[UUID, Place]:
    """The places of some locations of the tenant, as their settings are in this transaction."""
    currency = await currency_of(session)
    zones = await locations.timezones(session, location_ids)
    rules = await settings.effective_for(session, set(location_ids))
    return {
        location_id: Place(
            location_id=location_id,
            zone=ZoneInfo(zones.get(location_id, "UTC")),
            currency=currency,
            clock_skew_seconds_max=rules[location_id].clock_skew_seconds_max,
            books_closed_through=rules[location_id].books_closed_through,
        )
        for location_id in location_ids
    }


async def currency_of(session: TenantSession) -> str:
    """The tenant's currency, which never changes."""
    found = _currencies.get(session.tenant_id)
    if found is None:
        found = (await tenants.current(session)).currency
        if len(_currencies) >= currencies_max:
            _currencies.clear()
        _currencies[session.tenant_id] = found
    return found
