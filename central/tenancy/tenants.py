"""Tenants: the operator makes them, requests find themselves in one."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from msgspec import Struct
from sqlalchemy import insert, select

from central.database import Database
from central.downlink.change_log import RecordedChange, record
from central.tenancy import audit, directory
from central.tenancy.schema import directory as table
from central.tenancy.schema import tenant_counters, tenants
from central.tenant_session import TenantSession
from protocol.downlink import settings_id
from protocol.money import UnknownCurrencyError, currency_exponent

name_characters_max: Final = 200
code_characters_max: Final = 32
directory_kind: Final = "tenant"
_code: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?\Z")


class Tenant(Struct, frozen=True):
    """A tenant as its own people know it."""

    tenant_id: UUID
    code: str
    name: str
    currency: str


class TenantError(ValueError):
    """A tenant cannot be made like this; the text says what to change."""


async def current(session: TenantSession) -> Tenant:
    """The tenant of the session."""
    statement = select(tenants).where(tenants.c.tenant_id == session.tenant_id)
    row = (await session.execute(statement)).one()
    return Tenant(row.tenant_id, row.code, row.name, row.currency)


def code_of(name: str) -> str:
    """A code made of a name: lower case, with dashes."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:code_characters_max].strip("-")


async def create(session: TenantSession, *, name: str, code: str, currency: str, now: datetime) -> Tenant:
    """Make the tenant whose session this is. Raises `TenantError`."""
    if not name.strip() or len(name) > name_characters_max or not name.isprintable():
        raise TenantError(f"a name has 1 to {name_characters_max} printable characters")
    if not _code.match(code):
        raise TenantError(f"a code has 1 to {code_characters_max} of a-z, 0-9 and dashes: name one with --code")
    try:
        currency_exponent(currency)
    except UnknownCurrencyError as error:
        raise TenantError(str(error)) from error
    if not await directory.add(session, directory_kind, code):
        raise TenantError(f"another tenant has the code {code}: name one with --code")
    tenant = Tenant(session.tenant_id, code, name, currency)
    row = {"tenant_id": tenant.tenant_id, "code": code, "name": name, "currency": currency, "created_at": now}
    await session.execute(insert(tenants).values(row))
    await session.execute(insert(tenant_counters).values(tenant_id=tenant.tenant_id))
    await audit.record(session, "create", "tenant", str(tenant.tenant_id), None, tenant)
    await record(session, [RecordedChange(session.tenant_id, "setting", settings_id)])
    return tenant


async def every_tenant(database: Database) -> Sequence[tuple[str, UUID]]:
    """Code and id of every tenant, by code: for the operator's commands and for jobs."""
    async with database.connection() as connection:
        statement = select(table.c.key, table.c.tenant_id).where(table.c.kind == directory_kind)
        rows = await connection.execute(statement.order_by(table.c.key))
        return [(row.key, row.tenant_id) for row in rows]


async def find(database: Database, code: str) -> UUID | None:
    """The tenant with this code."""
    return await directory.find(database, directory_kind, code)
