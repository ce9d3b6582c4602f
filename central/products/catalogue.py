"""Products and their barcodes: made, changed, withdrawn, and read with what they cost by place and date."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import exists, select

from central.database import packed
from central.downlink import RecordedChange, record
from central.http import Duplicate, NotFound, UnknownReference
from central.products.catalogue_revision import SQL, begin_change
from central.products.changes import Making, check_revision, patched
from central.products.checks import barcode_bodies, barcode_keys, check_product
from central.products.schema import tax_groups
from central.products.shapes import BarcodeBody, PriceAnswer, ProductAnswer, ProductBody
from central.tenancy import audit
from central.tenant_session import TenantSession

entity: Final = "product"


class Listed(NamedTuple):
    """A product as it is to be stored, and the forms in which its barcodes are looked up."""

    product: ProductAnswer
    barcode_keys: tuple[str, ...]


async def create(session: TenantSession, body: ProductBody, making: Making) -> ProductAnswer:
    """A new product; raises `Invalid`, `Duplicate` (SKU, barcode), `UnknownReference` (tax group)."""
    revision = await begin_change(session, making.ids())
    listed = list_product(body, making.ids(), revision)
    await _require_free(session, listed)
    await _require_tax_group(session, body.tax_group_id)
    await store(session, [listed], making.now)
    await _tell(session, "create", None, listed.product)
    return listed.product


async def change(session: TenantSession, product_id: UUID, patch: dict[str, Any], making: Making) -> ProductAnswer:
    """A product after a merge patch; raises `NotFound`, `StaleRevision` and what `create` does."""
    revision = await begin_change(session, making.ids())
    before = await find(session, product_id)
    check_revision(before.revision, patch)
    listed = list_product(patched(ProductBody, before, patch), product_id, revision, before.prices)
    if same(listed.product, before):
        return before
    await _require_free(session, listed)
    if listed.product.tax_group_id != before.tax_group_id:
        await _require_tax_group(session, listed.product.tax_group_id)
    await store(session, [listed], making.now, there={product_id})
    await _tell(session, "change", before, listed.product)
    return listed.product


async def withdraw(session: TenantSession, product_id: UUID, asked: dict[str, Any], making: Making) -> None:
    """Take a product out of the catalogue, and its prices with it; raises `NotFound`, `StaleRevision`."""
    revision = await begin_change(session, making.ids())
    before = await find(session, product_id)
    check_revision(before.revision, asked)
    await session.driver.execute(SQL.delete_barcodes, session.tenant_id, product_id)
    await session.driver.execute(SQL.delete_prices_of, session.tenant_id, product_id)
    await session.driver.execute(SQL.withdraw_product, session.tenant_id, product_id, making.now, revision)
    await _tell(session, "withdraw", before, None)


async def find(session: TenantSession, product_id: UUID) -> ProductAnswer:
    """The product of this id; raises `NotFound`, also for a withdrawn one."""
    found = await load(session, [product_id])
    if product_id not in found:
        raise NotFound
    return found[product_id]


async def load(
    session: TenantSession, product_ids: Sequence[UUID] | Sequence[str], location_id: UUID | None = None
) -> dict[UUID, ProductAnswer]:
    """Products by their ids, with their prices by place and date, or those of one location alone; three statements."""
    if not product_ids:
        return {}
    wanted = packed(product_ids)
    rows = await session.driver.fetch(SQL.products_by_id, session.tenant_id, wanted)
    barcodes: dict[UUID, list[BarcodeBody]] = {}
    for product_id, barcode, quantity, price in await session.driver.fetch(SQL.barcodes_of, session.tenant_id, wanted):
        barcodes.setdefault(product_id, []).append(
            BarcodeBody(barcode=barcode, quantity_milli=quantity, price_minor=price)
        )
    prices = await _prices_of(session, {row["product_id"]: row["sku"] for row in rows}, location_id)
    found: dict[UUID, ProductAnswer] = {}
    for row in rows:
        product_id = row["product_id"]
        found[product_id] = _of_row(row, tuple(barcodes.get(product_id, ())), tuple(prices.get(product_id, ())))
    return found


async def _prices_of(
    session: TenantSession, skus: dict[UUID, str], location_id: UUID | None
) -> dict[UUID, list[PriceAnswer]]:
    prices: dict[UUID, list[PriceAnswer]] = {}
    rows = await session.driver.fetch(SQL.prices_of, session.tenant_id, packed(list(skus)), location_id)
    for row in rows:
        prices.setdefault(row["product_id"], []).append(price_of_row(row, skus[row["product_id"]]))
    return prices


def price_of_row(row: Any, sku: str) -> PriceAnswer:
    return PriceAnswer(
        price_id=row["price_id"],
        product_id=row["product_id"],
        sku=sku,
        barcode=row["barcode"],
        location_ids=None if row["location_ids"] is None else tuple(row["location_ids"]),
        price_minor=row["price_minor"],
        valid_from=row["valid_from"],
        valid_to=row["valid_to"],
        revision=row["revision"],
    )


def _of_row(row: Any, barcodes: tuple[BarcodeBody, ...], prices: tuple[PriceAnswer, ...]) -> ProductAnswer:
    attributes = row["attributes"]
    return ProductAnswer(
        product_id=row["product_id"],
        sku=row["sku"],
        name=row["name"],
        unit=row["unit"],
        price_minor=row["price_minor"],
        price_quantity_milli=row["price_quantity_milli"],
        open_price=row["open_price"],
        age_min=row["age_min"],
        tax_group_id=row["tax_group_id"],
        barcodes=barcodes,
        category=row["category"],
        attributes={} if attributes == "{}" else msgspec.json.decode(attributes),
        revision=row["revision"],
        prices=prices,
    )


async def ids_by_sku(session: TenantSession, skus: Collection[str]) -> dict[str, UUID]:
    """The ids of the products that bear these SKUs."""
    rows = await session.driver.fetch(SQL.products_by_sku, session.tenant_id, list(skus))
    return {row["sku"]: row["product_id"] for row in rows}


async def owners_of_barcodes(session: TenantSession, keys: Collection[str]) -> dict[str, UUID]:
    """The ids of the products that bear these barcodes, under the form in which each is looked up."""
    if not keys:
        return {}
    rows = await session.driver.fetch(SQL.barcode_owners, session.tenant_id, list(keys))
    return {row["barcode_key"]: row["product_id"] for row in rows}


def list_product(body: ProductBody, product_id: UUID, revision: int, prices: tuple[PriceAnswer, ...] = ()) -> Listed:
    """A body that was checked, as a product; raises `Invalid`."""
    check_product(body)
    barcodes = barcode_bodies(body.barcodes)
    product = ProductAnswer(
        product_id=product_id,
        sku=body.sku,
        name=body.name,
        unit=body.unit,
        price_minor=body.price_minor,
        price_quantity_milli=body.price_quantity_milli,
        open_price=body.open_price,
        age_min=body.age_min,
        tax_group_id=body.tax_group_id,
        barcodes=barcodes,
        category=body.category,
        attributes=body.attributes,
        revision=revision,
        prices=prices,
    )
    return Listed(product, barcode_keys(barcodes))


def same(one: ProductAnswer, other: ProductAnswer) -> bool:
    """Whether two products differ in their revision at most."""
    return msgspec.structs.replace(one, revision=other.revision) == other


async def store(
    session: TenantSession, listed: Sequence[Listed], now: datetime, *, there: Collection[UUID] = ()
) -> None:
    """Write products as they are to be, of which `there` are in the catalogue already.

    The caller holds the catalogue and has found SKUs and barcodes free.
    """
    products = [one.product for one in listed]
    ids = [product.product_id for product in products]
    await session.driver.execute(
        SQL.upsert_products,
        session.tenant_id,
        ids,
        [product.sku for product in products],
        [product.name for product in products],
        [product.unit for product in products],
        [product.price_minor for product in products],
        [product.price_quantity_milli for product in products],
        [product.open_price for product in products],
        [product.age_min for product in products],
        [product.tax_group_id for product in products],
        [product.category for product in products],
        [msgspec.json.encode(product.attributes).decode() for product in products],
        list(range(len(products))),
        products[0].revision,
        now,
    )
    await session.driver.executemany(SQL.delete_barcodes, [(session.tenant_id, one) for one in ids if one in there])
    rows = [
        (key, one.product.product_id, position, barcode.barcode, barcode.quantity_milli, barcode.price_minor)
        for one in listed
        for position, (key, barcode) in enumerate(zip(one.barcode_keys, one.product.barcodes, strict=True))
    ]
    if rows:
        await session.driver.execute(SQL.insert_barcodes, session.tenant_id, *map(list, zip(*rows, strict=True)))


async def _require_free(session: TenantSession, listed: Listed) -> None:
    own = listed.product.product_id
    if (await ids_by_sku(session, [listed.product.sku])).get(listed.product.sku, own) != own:
        raise Duplicate("another product has this sku", field="sku")
    owners = await owners_of_barcodes(session, listed.barcode_keys)
    refuse_taken_barcodes(listed, owners)


def refuse_taken_barcodes(listed: Listed, owners: dict[str, UUID]) -> None:
    """Raise `Duplicate` where another product has one of the barcodes."""
    for key in listed.barcode_keys:
        if owners.get(key, listed.product.product_id) != listed.product.product_id:
            raise Duplicate("another product has this barcode", field="barcodes")


async def _require_tax_group(session: TenantSession, tax_group_id: UUID) -> None:
    there = select(
        exists().where(tax_groups.c.tenant_id == session.tenant_id, tax_groups.c.tax_group_id == tax_group_id)
    )
    if not (await session.execute(there)).scalar_one():
        raise UnknownReference("no such tax group", field="tax_group_id")


async def _tell(session: TenantSession, action: str, before: ProductAnswer | None, after: ProductAnswer | None) -> None:
    product_id = str((after or before).product_id)  # type: ignore[union-attr]  # one of the two is there
    await audit.record(session, action, entity, product_id, as_audited(before), as_audited(after))
    await record(session, [told(session.tenant_id, product_id, withdrawn=after is None)])


def as_audited(product: ProductAnswer | None) -> dict[str, Any] | None:
    """A product's own fields, for the audit."""
    if product is None:
        return None
    fields: dict[str, Any] = msgspec.to_builtins(product)
    del fields["prices"]
    return fields


def told(scope: UUID, product_id: str, *, withdrawn: bool = False) -> RecordedChange:
    """What the terminals of a scope are told of a product: look at it again."""
    return RecordedChange(scope, entity, product_id, withdrawn)
