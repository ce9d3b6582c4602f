"""What the checks need to know of locations: zone, currency, bounds."""

from collections.abc import Set
from uuid import UUID
from zoneinfo import ZoneInfo

from central.ledger.currency import currency_of
from central.sales.checks import Place
from central.tenancy import settings
from central.tenant_session import TenantSession
from central.terminals import locations


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
