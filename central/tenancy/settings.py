"""Settings: how a tenant sells, and what a location does otherwise (contract, section 2).

What is kept is what differs: a tenant's overrides of the defaults, a location's of the tenant's.
"""

from datetime import date
from typing import Annotated, Any, Final, Literal, TypeAlias
from uuid import UUID

import msgspec
from msgspec import Meta, Struct
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert as upsert

from central.http import Invalid, StaleRevision
from central.http.bodies import invalid
from central.http.merge_patch import merge
from central.tenancy.schema import settings
from central.tenant_session import TenantSession

amount_max: Final = 10**12
texts_max: Final = 500
in_store_digits_max: Final = 13

Amount: TypeAlias = Annotated[int, Meta(ge=0, le=amount_max)]
Code: TypeAlias = Annotated[str, Meta(min_length=1, max_length=40)]
Name: TypeAlias = Annotated[str, Meta(min_length=1, max_length=200)]


class TenderType(Struct, frozen=True, kw_only=True):
    """A way to pay as a shop names it."""

    code: Code
    name: Name
    method: Literal["CASH", "CARD", "VOUCHER", "EXCHANGE", "OTHER"]
    opens_drawer: bool = False
    change_allowed: bool = False
    refundable: bool = True


class Reason(Struct, frozen=True, kw_only=True):
    """A reason that a cashier may choose."""

    code: Code
    text: Name


class QuickKey(Struct, frozen=True, kw_only=True):
    """A key on the cashier's screen."""

    label: Name
    sku: Name


class InStoreBarcode(Struct, frozen=True, kw_only=True):
    """A shop's own barcode that bears a price or a weight."""

    prefix: Annotated[str, Meta(pattern=r"^[0-9]{1,4}$")]
    value: Literal["price", "weight"]
    item_digits: Annotated[int, Meta(ge=1, le=10)]
    value_digits: Annotated[int, Meta(ge=1, le=10)]
    decimals: Annotated[int, Meta(ge=0, le=6)]


_tender_types: Final = (
    TenderType(code="CASH", name="Cash", method="CASH", opens_drawer=True, change_allowed=True),
    TenderType(code="CARD", name="Card", method="CARD"),
    TenderType(code="VOUCHER", name="Voucher", method="VOUCHER"),
)


class Settings(Struct, frozen=True, kw_only=True):
    """Every setting with its default."""

    price_mode: Literal["tax_inclusive", "tax_exclusive"] = "tax_inclusive"
    tax_rounding: Literal["receipt", "line"] = "receipt"
    cash_rounding_minor: Annotated[int, Meta(ge=1, le=1_000_000)] = 1
    refund_window_days: Annotated[int, Meta(ge=0, le=36_500)] = 30
    receipt_days_on_till: Annotated[int, Meta(ge=0, le=400)] = 30
    refund_needs_supervisor: Literal["never", "offline", "other_till", "always"] = "never"
    offline_refund_limit_minor: Amount = 10_000
    refund_without_receipt_max_minor: Amount = 0
    discount_max_ppm: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    voucher_offline_max_minor: Amount = 5_000
    original_wait_hours: Annotated[int, Meta(ge=0, le=8_760)] = 72
    clock_skew_seconds_max: Annotated[int, Meta(ge=0, le=31_536_000)] = 900
    books_closed_through: date | None = None
    refund_to_original_tender: bool = False
    tender_types: Annotated[tuple[TenderType, ...], Meta(max_length=texts_max)] = _tender_types
    reasons: Annotated[
        dict[Code, Annotated[tuple[Reason, ...], Meta(max_length=texts_max)]], Meta(max_length=texts_max)
    ] = msgspec.field(default_factory=dict)
    quick_keys: Annotated[tuple[QuickKey, ...], Meta(max_length=texts_max)] = ()
    in_store_barcodes: Annotated[tuple[InStoreBarcode, ...], Meta(max_length=texts_max)] = ()


class Kept(Struct, frozen=True):
    """What one scope overrides, and the revision of that."""

    overrides: dict[str, Any]
    revision: int


names: Final = frozenset(Settings.__struct_fields__)
_nothing: Final = Kept({}, 0)


async def effective(session: TenantSession, location_id: UUID | None) -> Settings:
    """The settings at a location, or the tenant's own where it is None."""
    kept = await read(session, location_id)
    return build(kept[0].overrides, kept[1].overrides)


# Every transaction of the uplink reads them, so this goes the short way.
_of_scopes: Final = """
    select scope, overrides, revision from till.settings where tenant_id = $1 and scope = any($2::uuid[])
"""


async def effective_for(session: TenantSession, location_ids: set[UUID]) -> dict[UUID, Settings]:
    """The settings at each of these locations, in one statement."""
    rows = await _rows(session, {session.tenant_id, *location_ids})
    tenants_own = rows.get(session.tenant_id, _nothing).overrides
    return {location: build(tenants_own, rows.get(location, _nothing).overrides) for location in location_ids}


async def read(session: TenantSession, location_id: UUID | None) -> tuple[Kept, Kept]:
    """What the tenant overrides, and what the location does."""
    rows = await _rows(session, {session.tenant_id, location_id or session.tenant_id})
    tenants_own = rows.get(session.tenant_id, _nothing)
    return tenants_own, _nothing if location_id is None else rows.get(location_id, _nothing)


async def _rows(session: TenantSession, scopes: set[UUID]) -> dict[UUID, Kept]:
    rows = await session.driver.fetch(_of_scopes, session.tenant_id, list(scopes))
    return {row["scope"]: Kept(row["overrides"], row["revision"]) for row in rows}


async def change(session: TenantSession, location_id: UUID | None, patch: dict[str, Any]) -> tuple[Settings, Settings]:
    """Merge a patch into a scope's overrides (null clears); the settings there before and after.

    Raises `Invalid`, and `StaleRevision` where the patch names a revision that is not the current one.
    """
    scope = location_id or session.tenant_id
    # The row is made if it is missing, so that two changes at once follow each other.
    empty = upsert(settings).values(tenant_id=session.tenant_id, scope=scope, overrides={}, revision=0)
    await session.execute(empty.on_conflict_do_nothing())
    row = (settings.c.tenant_id == session.tenant_id) & (settings.c.scope == scope)
    await session.execute(select(settings.c.scope).where(row).with_for_update())
    tenants_own, locations_own = await read(session, location_id)
    kept = locations_own if location_id is not None else tenants_own
    if patch.get("revision", kept.revision) != kept.revision:
        raise StaleRevision
    overrides = merge(kept.overrides, {name: value for name, value in patch.items() if name in names})
    before = build(tenants_own.overrides, locations_own.overrides)
    layers = (overrides, {}) if location_id is None else (tenants_own.overrides, overrides)
    after = build(*layers)
    await session.execute(settings.update().where(row).values(overrides=overrides, revision=settings.c.revision + 1))
    return before, after


def build(*layers: dict[str, Any]) -> Settings:
    """Settings of overrides, the later layer over the earlier. Raises `Invalid` with the field."""
    merged: dict[str, Any] = {}
    for layer in layers:
        merged = merge(merged, layer)
    try:
        built = msgspec.convert(merged, Settings)
    except msgspec.ValidationError as error:
        raise invalid(error) from error
    _check(built)
    return built


def _check(built: Settings) -> None:
    codes = [tender.code for tender in built.tender_types]
    if len(set(codes)) != len(codes):
        raise Invalid("a code stands twice", field="tender_types")
    for index, pattern in enumerate(built.in_store_barcodes):
        if len(pattern.prefix) + pattern.item_digits + pattern.value_digits >= in_store_digits_max:
            raise Invalid(
                f"prefix, item and value leave no check digit in {in_store_digits_max} digits",
                field=f"in_store_barcodes[{index}]",
            )
        if pattern.decimals > pattern.value_digits:
            raise Invalid("more decimals than digits", field=f"in_store_barcodes[{index}].decimals")
    if built.books_closed_through is not None and not 2000 <= built.books_closed_through.year <= 2099:
        raise Invalid("a date lies in 2000 to 2099", field="books_closed_through")
