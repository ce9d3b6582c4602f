"""Locations: made, read, changed, and deleted while no terminal stands there."""

from collections.abc import Mapping, Set
from datetime import datetime
from functools import lru_cache
from typing import Any, Final
from uuid import UUID
from zoneinfo import available_timezones

import msgspec
from msgspec import UNSET
from sqlalchemy import Row, Select, delete, exists, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from central import downlink
from central.database import sqlstate
from central.http.problems import Duplicate, InUse, Invalid, NotFound, StaleRevision
from central.tenancy import audit
from central.tenant_session import TenantSession
from central.terminals.receipt_prefix import location_part
from central.terminals.schema import locations, terminals
from central.terminals.shapes import Location, LocationPatch, NewLocation
from protocol.downlink import settings_id

receipt_parts_tried_max: Final = 1_000
_UNIQUE_VIOLATION: Final = "23505"


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def check_timezone(name: str) -> None:
    """Raises `Invalid` for a name that the IANA time zone database does not have."""
    if name not in _zones():
        raise Invalid("not a name of the IANA time zone database, as Europe/Berlin", field="timezone")


async def create_location(session: TenantSession, new: NewLocation, location_id: UUID, now: datetime) -> Location:
    """Make a location. Raises `Duplicate` for a code that another one has, `Invalid` for an unknown time zone."""
    check_timezone(new.timezone)
    if await _code_is_taken(session, new.code):
        raise Duplicate(field="code")
    fields: dict[str, Any] = msgspec.structs.asdict(new)
    for attempt in range(1, receipt_parts_tried_max):
        made = await session.execute(
            upsert(locations)
            .values(
                tenant_id=session.tenant_id,
                location_id=location_id,
                receipt_part=location_part(new.code, attempt),
                created_at=now,
                **fields,
            )
            .on_conflict_do_nothing()
            .returning(*_COLUMNS)
        )
        row = made.one_or_none()
        if row is not None:
            location = location_view(row._mapping)
            await audit.record(session, "create", "location", str(location_id), None, msgspec.to_builtins(location))
            return location
        if await _code_is_taken(session, new.code):
            raise Duplicate(field="code")
    raise Duplicate("too many locations have codes like this one", field="code")


async def change_location(session: TenantSession, location_id: UUID, patch: LocationPatch) -> Location:
    """Apply a merge patch. Raises `NotFound`, `StaleRevision`, `Duplicate`, `Invalid`."""
    row = await location_row(session, location_id, lock=True)
    if row is None:
        raise NotFound
    before = location_view(row._mapping)
    if patch.revision is not UNSET and patch.revision != before.revision:
        raise StaleRevision
    values = {
        name: value
        for name, value in msgspec.structs.asdict(patch).items()
        if value is not UNSET and name != "revision" and value != getattr(before, name)
    }
    if not values:
        return before
    if "timezone" in values:
        check_timezone(values["timezone"])
    if "code" in values and await _code_is_taken(session, values["code"]):
        raise Duplicate(field="code")
    try:
        changed = await session.execute(
            update(locations)
            .where(locations.c.tenant_id == session.tenant_id, locations.c.location_id == location_id)
            .values(revision=locations.c.revision + 1, **values)
            .returning(*_COLUMNS)
        )
    except Exception as error:
        if sqlstate(error) == _UNIQUE_VIOLATION:
            raise Duplicate(field="code") from error
        raise
    after = location_view(changed.one()._mapping)
    await audit.record(
        session, "change", "location", str(location_id), msgspec.to_builtins(before), msgspec.to_builtins(after)
    )
    # What a receipt says of its shop goes to the terminals with their settings.
    await downlink.record(session, [downlink.RecordedChange(location_id, "setting", settings_id)])
    return after


async def delete_location(session: TenantSession, location_id: UUID) -> None:
    """Raises `NotFound`, and `InUse` while the location has terminals."""
    row = await location_row(session, location_id, lock=True)
    if row is None:
        raise NotFound
    used = await session.execute(
        select(exists().where(terminals.c.tenant_id == session.tenant_id, terminals.c.location_id == location_id))
    )
    if used.scalar_one():
        raise InUse("the location has terminals, and their sales; it can be renamed")
    await session.execute(
        delete(locations).where(locations.c.tenant_id == session.tenant_id, locations.c.location_id == location_id)
    )
    before = msgspec.to_builtins(location_view(row._mapping))
    await audit.record(session, "delete", "location", str(location_id), before, None)


async def location_row(session: TenantSession, location_id: UUID, *, lock: bool = False) -> Row[Any] | None:
    """A location's row with all its columns, None where this tenant has none of that id."""
    statement = select(locations).where(
        locations.c.tenant_id == session.tenant_id, locations.c.location_id == location_id
    )
    found = await session.execute(statement.with_for_update() if lock else statement)
    return found.one_or_none()


async def location(session: TenantSession, location_id: UUID) -> Location | None:
    """A location of this tenant."""
    row = await location_row(session, location_id)
    return None if row is None else location_view(row._mapping)


async def known_locations(session: TenantSession, location_ids: Set[UUID]) -> set[UUID]:
    """Which of these are locations of this tenant."""
    if not location_ids:
        return set()
    found = await session.execute(
        select(locations.c.location_id).where(
            locations.c.tenant_id == session.tenant_id, locations.c.location_id.in_(location_ids)
        )
    )
    return set(found.scalars())


# Every transaction of the uplink asks, so this goes the short way.
_TIMEZONES: Final = """
    select location_id, timezone from till.locations where tenant_id = $1 and location_id = any($2::uuid[])
"""


async def timezones(session: TenantSession, location_ids: Set[UUID]) -> dict[UUID, str]:
    """The time zones of some locations of this tenant."""
    if not location_ids:
        return {}
    found = await session.driver.fetch(_TIMEZONES, session.tenant_id, list(location_ids))
    return {row["location_id"]: row["timezone"] for row in found}


def location_rows(session: TenantSession) -> Select[Any]:
    """Every location of the tenant, as `location_view` reads it."""
    return select(*_COLUMNS).where(locations.c.tenant_id == session.tenant_id)


def location_view(row: Mapping[Any, Any]) -> Location:
    """A row as the API shows it."""
    return Location(**{name: row[name] for name in Location.__struct_fields__})


async def _code_is_taken(session: TenantSession, code: str) -> bool:
    found = await session.execute(
        select(exists().where(locations.c.tenant_id == session.tenant_id, locations.c.code == code))
    )
    return bool(found.scalar_one())


_COLUMNS: Final = [locations.c[name] for name in Location.__struct_fields__]
