"""Tax groups: what a product's `tax_group_id` names, made and changed by an owner."""

from collections.abc import Iterable, Sequence
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import delete, exists, insert, select, update

from central.downlink import RecordedChange, record
from central.http import Duplicate, InUse, NotFound, UnknownReference
from central.products.catalogue_revision import begin_change
from central.products.changes import Making, check_revision, patched
from central.products.checks import check_tax_group
from central.products.places import unknown_locations
from central.products.schema import products, tax_groups
from central.products.shapes import TaxComponentBody, TaxGroupAnswer, TaxGroupBody
from central.tenancy import audit
from central.tenant_session import TenantSession

entity: Final = "tax_group"


async def create(session: TenantSession, body: TaxGroupBody, making: Making) -> TaxGroupAnswer:
    """A new tax group; raises `Invalid`, `Duplicate` for a code in use, `UnknownReference` for a location."""
    check_tax_group(body)
    revision = await begin_change(session, making.ids())
    await _require_free_code(session, body.code, None)
    await _require_places(session, body.components, ())
    group = _answer(body, making.ids(), revision)
    await session.execute(
        insert(tax_groups).values(
            tenant_id=session.tenant_id,
            tax_group_id=group.tax_group_id,
            created_at=making.now,
            **_columns(group),
        )
    )
    await _tell(session, "create", group.tax_group_id, None, group)
    return group


async def change(session: TenantSession, tax_group_id: UUID, patch: dict[str, Any], making: Making) -> TaxGroupAnswer:
    """A tax group after a merge patch; raises `NotFound`, `StaleRevision` and what `create` does."""
    revision = await begin_change(session, making.ids())
    before = await find(session, tax_group_id)
    check_revision(before.revision, patch)
    body = patched(TaxGroupBody, before, patch)
    if body == patched(TaxGroupBody, before, {}):
        return before
    check_tax_group(body)
    await _require_free_code(session, body.code, tax_group_id)
    await _require_places(session, body.components, before.components)
    after = _answer(body, tax_group_id, revision)
    await session.execute(
        update(tax_groups)
        .where(tax_groups.c.tenant_id == session.tenant_id, tax_groups.c.tax_group_id == tax_group_id)
        .values(**_columns(after))
    )
    await _tell(session, "change", tax_group_id, before, after)
    return after


async def remove(session: TenantSession, tax_group_id: UUID, making: Making) -> None:
    """Delete a tax group; raises `NotFound`, and `InUse` while a product bears it."""
    await begin_change(session, making.ids())
    before = await find(session, tax_group_id)
    borne = select(exists().where(products.c.tenant_id == session.tenant_id, products.c.tax_group_id == tax_group_id))
    if (await session.execute(borne)).scalar_one():
        raise InUse("products bear this tax group; give them another one first")
    await session.execute(
        delete(tax_groups).where(tax_groups.c.tenant_id == session.tenant_id, tax_groups.c.tax_group_id == tax_group_id)
    )
    await _tell(session, "delete", tax_group_id, before, None)


async def find(session: TenantSession, tax_group_id: UUID) -> TaxGroupAnswer:
    """The tax group of this id; raises `NotFound`."""
    found = await load(session, [tax_group_id])
    if tax_group_id not in found:
        raise NotFound
    return found[tax_group_id]


async def load(session: TenantSession, tax_group_ids: Sequence[UUID]) -> dict[UUID, TaxGroupAnswer]:
    """Tax groups by their ids, in one statement."""
    rows = await session.execute(
        select(tax_groups).where(
            tax_groups.c.tenant_id == session.tenant_id, tax_groups.c.tax_group_id.in_(tax_group_ids)
        )
    )
    return {row.tax_group_id: of_row(row) for row in rows}


async def ids_by_code(session: TenantSession) -> dict[str, UUID]:
    """Every tax group's id under its code."""
    rows = await session.execute(
        select(tax_groups.c.code, tax_groups.c.tax_group_id).where(tax_groups.c.tenant_id == session.tenant_id)
    )
    return {row.code: row.tax_group_id for row in rows}


def of_row(row: Any) -> TaxGroupAnswer:
    return TaxGroupAnswer(
        tax_group_id=row.tax_group_id,
        code=row.code,
        name=row.name,
        components=msgspec.convert(row.components, tuple[TaxComponentBody, ...]),
        revision=row.revision,
    )


def _answer(body: TaxGroupBody, tax_group_id: UUID, revision: int) -> TaxGroupAnswer:
    return TaxGroupAnswer(
        tax_group_id=tax_group_id, code=body.code, name=body.name, components=body.components, revision=revision
    )


def _columns(group: TaxGroupAnswer) -> dict[str, Any]:
    return {
        "code": group.code,
        "name": group.name,
        "components": msgspec.to_builtins(group.components),
        "revision": group.revision,
    }


async def _require_free_code(session: TenantSession, code: str, but_of: UUID | None) -> None:
    taken = select(tax_groups.c.tax_group_id).where(
        tax_groups.c.tenant_id == session.tenant_id, tax_groups.c.code == code
    )
    owner = (await session.execute(taken)).scalar()
    if owner is not None and owner != but_of:
        raise Duplicate("another tax group has this code", field="code")


async def _require_places(
    session: TenantSession, components: Sequence[TaxComponentBody], before: Iterable[TaxComponentBody]
) -> None:
    old = {place for component in before for place in component.location_ids or ()}
    unknown = await unknown_locations(session, {p for c in components for p in c.location_ids or ()} - old)
    for index, component in enumerate(components):
        if not unknown.isdisjoint(component.location_ids or ()):
            raise UnknownReference("no such location", field=f"components[{index}].location_ids")


async def _tell(
    session: TenantSession, action: str, tax_group_id: UUID, before: TaxGroupAnswer | None, after: TaxGroupAnswer | None
) -> None:
    await audit.record(
        session, action, entity, str(tax_group_id), msgspec.to_builtins(before), msgspec.to_builtins(after)
    )
    await record(session, [RecordedChange(session.tenant_id, entity, str(tax_group_id), after is None)])
