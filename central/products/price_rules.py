"""Price rules: what head office takes off a price, where and when; what a rule does is `protocol.pricing`."""

from collections.abc import Sequence
from datetime import UTC, datetime, time
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import delete, insert, or_, select, update

from central.downlink import RecordedChange, record
from central.http import NotFound, UnknownReference
from central.products.catalogue_revision import SQL, begin_change
from central.products.changes import Making, check_revision, patched
from central.products.checks import added_ids, check_price_rule
from central.products.places import require_locations
from central.products.schema import price_rules
from central.products.schema import products as products_table
from central.products.shapes import MultibuyBody, PriceRuleAnswer, PriceRuleBody
from central.tenancy import audit
from central.tenant_session import TenantSession

entity: Final = "price_rule"


async def create(session: TenantSession, body: PriceRuleBody, making: Making) -> PriceRuleAnswer:
    """A new rule; raises `Invalid`, and `UnknownReference` for a product or location."""
    check_price_rule(body)
    revision = await begin_change(session, making.ids())
    await _require_references(session, body, None)
    rule = _answer(body, making.ids(), revision)
    await session.execute(
        insert(price_rules).values(
            tenant_id=session.tenant_id, price_rule_id=rule.price_rule_id, created_at=making.now, **_columns(rule)
        )
    )
    await _note_products(session, rule)
    await _tell(session, "create", None, rule)
    return rule


async def change(session: TenantSession, price_rule_id: UUID, patch: dict[str, Any], making: Making) -> PriceRuleAnswer:
    """A rule after a merge patch; raises `NotFound`, `StaleRevision` and what `create` does."""
    revision = await begin_change(session, making.ids())
    before = await find(session, price_rule_id)
    check_revision(before.revision, patch)
    body = patched(PriceRuleBody, before, patch)
    check_price_rule(body)
    after = _answer(body, price_rule_id, revision)
    if msgspec.structs.replace(after, revision=before.revision) == before:
        return before
    await _require_references(session, body, before)
    await session.execute(
        update(price_rules)
        .where(price_rules.c.tenant_id == session.tenant_id, price_rules.c.price_rule_id == price_rule_id)
        .values(**_columns(after))
    )
    if after.product_ids != before.product_ids:
        await session.driver.execute(SQL.delete_rule_products, session.tenant_id, price_rule_id)
        await _note_products(session, after)
    await _tell(session, "change", before, after)
    return after


async def remove(session: TenantSession, price_rule_id: UUID, making: Making) -> None:
    """Delete a rule; raises `NotFound`."""
    await begin_change(session, making.ids())
    before = await find(session, price_rule_id)
    await session.driver.execute(SQL.delete_rule_products, session.tenant_id, price_rule_id)
    await session.execute(
        delete(price_rules).where(
            price_rules.c.tenant_id == session.tenant_id, price_rules.c.price_rule_id == price_rule_id
        )
    )
    await _tell(session, "delete", before, None)


async def find(session: TenantSession, price_rule_id: UUID) -> PriceRuleAnswer:
    """The rule of this id; raises `NotFound`."""
    found = await load(session, [price_rule_id])
    if price_rule_id not in found:
        raise NotFound
    return found[price_rule_id]


async def load(
    session: TenantSession, price_rule_ids: Sequence[UUID], location_id: UUID | None = None
) -> dict[UUID, PriceRuleAnswer]:
    """Rules by their ids, in one statement; those alone that count at a location, where it is given."""
    chosen = select(price_rules).where(
        price_rules.c.tenant_id == session.tenant_id, price_rules.c.price_rule_id.in_(price_rule_ids)
    )
    if location_id is not None:
        chosen = chosen.where(
            or_(price_rules.c.location_ids.is_(None), price_rules.c.location_ids.contains([location_id]))
        )
    return {row.price_rule_id: of_row(row) for row in await session.execute(chosen)}


def of_row(row: Any) -> PriceRuleAnswer:
    return PriceRuleAnswer(
        price_rule_id=row.price_rule_id,
        name=row.name,
        kind=row.kind,
        value=msgspec.convert(row.value, int | MultibuyBody),
        product_ids=None if row.product_ids is None else tuple(row.product_ids),
        category=row.category,
        location_ids=None if row.location_ids is None else tuple(row.location_ids),
        starts_at=_in_utc(row.starts_at),
        ends_at=_in_utc(row.ends_at),
        days_of_week=None if row.days_of_week is None else tuple(row.days_of_week),
        time_from=None if row.time_from is None else row.time_from.isoformat("seconds"),
        time_to=None if row.time_to is None else row.time_to.isoformat("seconds"),
        min_quantity_milli=row.min_quantity_milli,
        priority=row.priority,
        revision=row.revision,
    )


def _answer(body: PriceRuleBody, price_rule_id: UUID, revision: int) -> PriceRuleAnswer:
    fields = {name: getattr(body, name) for name in PriceRuleBody.__struct_fields__}
    fields |= {
        "starts_at": _in_utc(body.starts_at),
        "ends_at": _in_utc(body.ends_at),
        "time_from": _to_seconds(body.time_from),
        "time_to": _to_seconds(body.time_to),
    }
    return PriceRuleAnswer(price_rule_id=price_rule_id, revision=revision, **fields)


def _in_utc(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.astimezone(UTC)


def _to_seconds(of_day: str | None) -> str | None:
    return None if of_day is None else time.fromisoformat(of_day).isoformat("seconds")


def _columns(rule: PriceRuleAnswer) -> dict[str, Any]:
    columns = {name: getattr(rule, name) for name in PriceRuleBody.__struct_fields__}
    for name in ("product_ids", "location_ids", "days_of_week"):
        columns[name] = None if columns[name] is None else list(columns[name])
    for name in ("time_from", "time_to"):
        columns[name] = None if columns[name] is None else time.fromisoformat(columns[name])
    return columns | {"value": msgspec.to_builtins(rule.value), "revision": rule.revision}


async def _note_products(session: TenantSession, rule: PriceRuleAnswer) -> None:
    if rule.product_ids:
        await session.driver.execute(
            SQL.insert_rule_products, session.tenant_id, rule.price_rule_id, list(rule.product_ids)
        )


async def _require_references(session: TenantSession, body: PriceRuleBody, before: PriceRuleBody | None) -> None:
    named = added_ids(body.product_ids, before.product_ids if before else None)
    there = select(products_table.c.product_id).where(
        products_table.c.tenant_id == session.tenant_id,
        products_table.c.product_id.in_(named),
        products_table.c.withdrawn_at.is_(None),
    )
    if named and named != set((await session.execute(there)).scalars()):
        raise UnknownReference("no such product", field="product_ids")
    await require_locations(session, added_ids(body.location_ids, before.location_ids if before else None))


async def _tell(
    session: TenantSession, action: str, before: PriceRuleAnswer | None, after: PriceRuleAnswer | None
) -> None:
    """Audit the change, and tell the terminals of the places where the rule counts now or did before."""
    rule_id = str((after or before).price_rule_id)  # type: ignore[union-attr]  # one of the two is there
    await audit.record(session, action, entity, rule_id, msgspec.to_builtins(before), msgspec.to_builtins(after))
    now, once = _scopes(session, after), _scopes(session, before)
    await record(session, [RecordedChange(scope, entity, rule_id, scope not in now) for scope in sorted(now | once)])


def _scopes(session: TenantSession, rule: PriceRuleAnswer | None) -> set[UUID]:
    if rule is None:
        return set()
    return {session.tenant_id} if rule.location_ids is None else set(rule.location_ids)
