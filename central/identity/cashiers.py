"""Cashiers: who signs in at which tills. What changes goes down to the terminals of the locations that it concerns."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Final, Literal, TypeAlias
from uuid import UUID

import msgspec
from msgspec import Meta, Struct
from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.dialects.postgresql import insert as upsert

from central.downlink.change_log import RecordedChange, record
from central.downlink.sources import Recipient
from central.http import Duplicate, Invalid, NotFound, StaleRevision, UnknownReference
from central.identity.pins import Hashing, KeptPin, for_terminal, weakness
from central.identity.schema import cashiers
from central.tenancy import audit
from central.tenancy.places import unknown_locations
from central.tenant_session import TenantSession

locations_max: Final = 1_000

CashierRole: TypeAlias = Literal["cashier", "supervisor"]
Name: TypeAlias = Annotated[str, Meta(min_length=1, max_length=200)]
Number: TypeAlias = Annotated[str, Meta(pattern=r"^[0-9]{1,8}\Z")]
Locations: TypeAlias = Annotated[list[UUID], Meta(max_length=locations_max)]


class NewCashier(Struct, frozen=True, kw_only=True):
    """What a cashier is made of."""

    name: Name
    number: Number
    pin: str
    role: CashierRole
    location_ids: Locations | None = None


class CashierPatch(Struct, frozen=True, kw_only=True):
    """What may be changed (RFC 7396)."""

    name: Name | msgspec.UnsetType = msgspec.UNSET
    number: Number | msgspec.UnsetType = msgspec.UNSET
    pin: str | msgspec.UnsetType = msgspec.UNSET
    role: CashierRole | msgspec.UnsetType = msgspec.UNSET
    location_ids: Locations | msgspec.UnsetType | None = msgspec.UNSET
    revision: int | msgspec.UnsetType = msgspec.UNSET


class Cashier(Struct, frozen=True, kw_only=True):
    """A cashier as an API key sees one: nothing of the PIN."""

    cashier_id: UUID
    name: str
    number: str
    role: CashierRole
    location_ids: list[UUID] | None
    created_at: datetime
    revision: int


async def create(
    session: TenantSession, new: NewCashier, hashing: Hashing, *, cashier_id: UUID, now: datetime
) -> Cashier:
    """Raises `Invalid`, `UnknownReference`, `Duplicate`."""
    _refuse_weak(new.pin, new.role)
    await _require_locations(session, new.location_ids)
    kept = await hashing.pin(new.pin)
    cashier = Cashier(
        cashier_id=cashier_id,
        name=new.name,
        number=new.number,
        role=new.role,
        location_ids=_distinct(new.location_ids),
        created_at=now,
        revision=1,
    )
    row = {"tenant_id": session.tenant_id, **_columns(cashier), **_pin_columns(kept), "created_at": now}
    insert = upsert(cashiers).values(row).on_conflict_do_nothing().returning(cashiers.c.cashier_id)
    if (await session.execute(insert)).first() is None:
        raise Duplicate(field="number")
    await audit.record(session, "create", "cashier", str(cashier_id), None, cashier)
    await _tell_terminals(session, None, cashier)
    return cashier


async def find(session: TenantSession, cashier_id: UUID, *, lock: bool = False) -> Cashier:
    """Raises `NotFound`."""
    statement = select(cashiers).where(_row(session, cashier_id))
    row = (await session.execute(statement.with_for_update() if lock else statement)).first()
    if row is None:
        raise NotFound
    return of_row(row)


async def change(session: TenantSession, cashier_id: UUID, patch: CashierPatch, hashing: Hashing) -> Cashier:
    """Raises `NotFound`, `StaleRevision`, `Invalid`, `UnknownReference`, `Duplicate`."""
    before = await find(session, cashier_id, lock=True)
    if patch.revision not in (msgspec.UNSET, before.revision):
        raise StaleRevision
    changes = {
        name: getattr(patch, name)
        for name in ("name", "number", "role", "location_ids")
        if getattr(patch, name) is not msgspec.UNSET
    }
    after: Cashier = msgspec.structs.replace(before, **changes)
    after = msgspec.structs.replace(after, location_ids=_distinct(after.location_ids))
    columns: dict[str, Any] = {}
    if patch.pin is not msgspec.UNSET:
        _refuse_weak(patch.pin, after.role)
        columns = _pin_columns(await hashing.pin(patch.pin))
    elif after.role == "supervisor" and before.role != "supervisor":
        raise Invalid("who becomes a supervisor needs a new PIN, since a supervisor's is longer", field="pin")
    if after == before and not columns:
        return before
    await _require_locations(session, after.location_ids)
    if after.number != before.number:
        await _require_free_number(session, after.number)
    after = msgspec.structs.replace(after, revision=before.revision + 1)
    columns.update(_columns(after))
    await session.execute(cashiers.update().where(_row(session, cashier_id)).values(columns))
    await audit.record(session, "change", "cashier", str(cashier_id), before, after)
    await _tell_terminals(session, before, after)
    return after


async def remove(session: TenantSession, cashier_id: UUID) -> None:
    """Raises `NotFound`."""
    before = await find(session, cashier_id, lock=True)
    await session.execute(cashiers.delete().where(_row(session, cashier_id)))
    await audit.record(session, "delete", "cashier", str(cashier_id), before, None)
    await _tell_terminals(session, before, None)


async def load(session: TenantSession, recipient: Recipient, ids: Sequence[str]) -> dict[str, object]:
    """What a terminal gets of these cashiers: those of its location, with the PIN under its own key."""
    here = or_(cashiers.c.location_ids.is_(None), cashiers.c.location_ids.contains([recipient.location_id]))
    statement = select(cashiers).where(
        cashiers.c.tenant_id == session.tenant_id, cashiers.c.cashier_id.in_([UUID(it) for it in ids]), here
    )
    loaded: dict[str, object] = {}
    for row in await session.execute(statement):
        data = msgspec.to_builtins(of_row(row))
        data["pin"] = for_terminal(row.pin_salt, row.pin_hash, row.pin_parameters, recipient.pin_key)
        loaded[str(row.cashier_id)] = data
    return loaded


def of_row(row: Any) -> Cashier:
    """A row of the table as it is shown."""
    return Cashier(
        cashier_id=row.cashier_id,
        name=row.name,
        number=row.number,
        role=row.role,
        location_ids=row.location_ids,
        created_at=row.created_at,
        revision=row.revision,
    )


async def _tell_terminals(session: TenantSession, before: Cashier | None, after: Cashier | None) -> None:
    """Note the change for every location that had or has the cashier."""
    cashier = after or before
    if cashier is None:
        return
    had, has = (_scopes(session, one) for one in (before, after))
    changes = [
        RecordedChange(scope, "cashier", str(cashier.cashier_id), deleted=scope not in has)
        for scope in sorted(had | has)
    ]
    await record(session, changes)


def _scopes(session: TenantSession, cashier: Cashier | None) -> set[UUID]:
    if cashier is None:
        return set()
    return {session.tenant_id} if cashier.location_ids is None else set(cashier.location_ids)


def _row(session: TenantSession, cashier_id: UUID) -> ColumnElement[bool]:
    return (cashiers.c.tenant_id == session.tenant_id) & (cashiers.c.cashier_id == cashier_id)


def _columns(cashier: Cashier) -> dict[str, Any]:
    names = ("cashier_id", "name", "number", "role", "location_ids", "revision")
    return {name: getattr(cashier, name) for name in names}


def _pin_columns(kept: KeptPin) -> dict[str, Any]:
    return {"pin_salt": kept.salt, "pin_hash": kept.hash, "pin_parameters": kept.parameters}


def _distinct(location_ids: list[UUID] | None) -> list[UUID] | None:
    return None if location_ids is None else list(dict.fromkeys(location_ids))


def _refuse_weak(pin: str, role: str) -> None:
    found = weakness(pin, role)
    if found is not None:
        raise Invalid(found, field="pin")


async def _require_locations(session: TenantSession, location_ids: list[UUID] | None) -> None:
    if location_ids and await unknown_locations(session, location_ids):
        raise UnknownReference(field="location_ids")


async def _require_free_number(session: TenantSession, number: str) -> None:
    taken = select(cashiers.c.cashier_id).where(cashiers.c.tenant_id == session.tenant_id, cashiers.c.number == number)
    if (await session.execute(taken)).first() is not None:
        raise Duplicate(field="number")
