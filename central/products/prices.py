"""Prices by place and date: made, listed and taken away; never changed, since the latest made counts."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import select

from central.downlink import RecordedChange, record
from central.http import Invalid, NotFound, UnknownReference
from central.products import catalogue
from central.products.catalogue_revision import SQL, begin_change
from central.products.changes import Making
from central.products.checks import barcode_key, check_price
from central.products.places import require_locations
from central.products.schema import prices, products
from central.products.shapes import PriceAnswer, PriceBody, ProductAnswer
from central.tenancy import audit
from central.tenant_session import TenantSession

entity: Final = "price"
prices_per_product_max: Final = 2_000
too_many: Final = f"a product has {prices_per_product_max:,} prices at most; delete old ones"


async def create(session: TenantSession, body: PriceBody, making: Making) -> PriceAnswer:
    """A new price; raises `Invalid`, `UnknownReference` for a product, a barcode that it lacks, or a location."""
    check_price(body)
    revision = await begin_change(session, making.ids())
    product = await _product_of(session, body)
    if len(product.prices) >= prices_per_product_max:
        raise Invalid(too_many, field="product_id")
    key = key_of_barcode(body.barcode, product)
    await require_locations(session, set(body.location_ids or ()))
    price = make_price(body, product, making.ids(), revision)
    await store(session, [(price, key)], making.now)
    await audit.record(session, "create", entity, str(price.price_id), None, msgspec.to_builtins(price))
    await record(session, told(session.tenant_id, [price]))
    return price


async def remove(session: TenantSession, price_id: UUID, making: Making) -> None:
    """Take a price away; raises `NotFound`."""
    await begin_change(session, making.ids())
    before = await find(session, price_id)
    await session.driver.execute(SQL.delete_price, session.tenant_id, price_id)
    await audit.record(session, "delete", entity, str(price_id), msgspec.to_builtins(before), None)
    await record(session, told(session.tenant_id, [before]))


async def find(session: TenantSession, price_id: UUID) -> PriceAnswer:
    """The price of this id; raises `NotFound`."""
    row = (await session.execute(all_prices(session.tenant_id).where(prices.c.price_id == price_id))).first()
    if row is None:
        raise NotFound
    return of_row(row)


def all_prices(tenant_id: UUID) -> Any:
    """The tenant's prices with their products' SKUs, to be chosen from."""
    return (
        select(prices, products.c.sku)
        .join(products, (products.c.tenant_id == tenant_id) & (products.c.product_id == prices.c.product_id))
        .where(prices.c.tenant_id == tenant_id)
    )


def of_row(row: Any) -> PriceAnswer:
    return catalogue.price_of_row(row._mapping, row.sku)


def key_of_barcode(barcode: str | None, product: ProductAnswer) -> str | None:
    """The form in which a price's barcode is looked up; raises `UnknownReference` where the product lacks it."""
    if barcode is None:
        return None
    key = barcode_key(barcode, "barcode")
    if all(barcode_key(one.barcode, "barcode") != key for one in product.barcodes):
        raise UnknownReference("the product has no such barcode", field="barcode")
    return key


def make_price(body: PriceBody, product: ProductAnswer, price_id: UUID, revision: int) -> PriceAnswer:
    return PriceAnswer(
        price_id=price_id,
        product_id=product.product_id,
        sku=product.sku,
        barcode=body.barcode,
        location_ids=body.location_ids,
        price_minor=body.price_minor,
        valid_from=body.valid_from,
        valid_to=body.valid_to,
        revision=revision,
    )


async def store(session: TenantSession, made: Sequence[tuple[PriceAnswer, str | None]], now: datetime) -> None:
    """Add prices, each with the form in which its barcode is looked up; the caller holds the catalogue."""
    if not made:
        return
    await session.driver.execute(
        SQL.insert_prices,
        session.tenant_id,
        [price.price_id for price, _ in made],
        [price.product_id for price, _ in made],
        [price.barcode for price, _ in made],
        [key for _, key in made],
        [array_text(price.location_ids) for price, _ in made],
        [price.price_minor for price, _ in made],
        [price.valid_from for price, _ in made],
        [price.valid_to for price, _ in made],
        made[0][0].revision,
        now,
    )


def array_text(ids: Iterable[UUID] | None) -> str | None:
    """Ids as PostgreSQL writes an array, since an array of arrays would be taken for one."""
    return None if ids is None else "{" + ",".join(map(str, ids)) + "}"


def told(tenant_id: UUID, changed: Iterable[PriceAnswer]) -> list[RecordedChange]:
    """Which terminals look at the products again: those of a price's locations alone, another's do not wake."""
    scopes = {
        (scope, price.product_id)
        for price in changed
        for scope in (price.location_ids if price.location_ids is not None else (tenant_id,))
    }
    return [catalogue.told(scope, str(product_id)) for scope, product_id in sorted(scopes)]


async def _product_of(session: TenantSession, body: PriceBody) -> ProductAnswer:
    field, product_id = "product_id", body.product_id
    if body.sku is not None:
        field, product_id = "sku", (await catalogue.ids_by_sku(session, [body.sku])).get(body.sku)
    found = await catalogue.load(session, [product_id]) if product_id is not None else {}
    if product_id is None or product_id not in found:
        raise UnknownReference("no such product", field=field)
    return found[product_id]
