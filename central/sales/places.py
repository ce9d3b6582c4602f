"""What the checks need to know of locations: zone, currency, bounds."""

from collections.abc import Mapping, Set
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from central.database import packed
from central.ledger.currency import currency_of
from central.sales.checks import Place
from central.sales.receipts import SQL
from central.tenancy import settings
from central.tenant_session import TenantSession


async def load_places(session: TenantSession, location_ids: Set[UUID]) -> dict[UUID, Place]:
    """The places of some locations of the tenant, as their settings are in this transaction."""
    if not location_ids:
        return {}
    currency = await currency_of(session)
    found = await session.driver.fetch(SQL.places, session.tenant_id, packed(list(location_ids)))
    return {row["location_id"]: _place(row, currency) for row in found}


def _place(row: Mapping[str, Any], currency: str) -> Place:
    rules = settings.build(row["tenants_own"] or {}, row["own"] or {})
    return Place(
        location_id=row["location_id"],
        zone=ZoneInfo(row["timezone"] or "UTC"),
        currency=currency,
        clock_skew_seconds_max=rules.clock_skew_seconds_max,
        books_closed_through=rules.books_closed_through,
    )
