"""What a barcode sells for at a location now: the look-up, and its cache.

What a barcode names (product, prices, rules and taxes of that place) changes only with the catalogue, so it is cached
under the catalogue's stamp as PostgreSQL has it; what it costs follows from that and the time, and is reckoned anew.
So a hit is never stale, a barcode that was not there is found once it is, and one small row is read for each hit.
"""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct

from central.database import packed
from central.http import Request, Services
from central.products.catalogue_revision import SQL, catalogue_stamp
from central.products.checks import barcode_key
from central.products.shapes import LookupAnswer, LookupTax
from central.tenancy import tenants
from central.tenant_session import TenantSession
from protocol.barcodes import Barcode
from protocol.list_prices import ListPrice, PriceRow, ScannedBarcode, list_price
from protocol.multibuy import Multibuy
from protocol.pricing import CartLine, PriceRule, lookup_price
from protocol.tax import TaxComponent, TaxGroup, components_at

currencies_kept_max: Final = 10_000
cached_seconds: Final = 3_600.0
"""How long an entry may stay: only to make room, since its stamp says whether it is still true."""


class Sold(Struct, frozen=True, kw_only=True):
    """What a barcode names at a location, whatever the time."""

    product_id: UUID
    sku: str
    name: str
    unit: str
    category: str | None
    open_price: bool
    age_min: int | None
    price: ListPrice
    barcode: ScannedBarcode
    prices: tuple[PriceRow, ...]
    rules: tuple[PriceRule, ...]
    taxes: TaxGroup


_decoder: Final[msgspec.msgpack.Decoder[Sold | None]] = msgspec.msgpack.Decoder(Sold | None)


async def find_sold(
    session: TenantSession, request: Request, lookup_keys: tuple[str, ...], location_id: UUID
) -> Sold | None:
    """What one of the barcodes names, the first of them that the catalogue has; from the cache where that is right."""
    stamp = await catalogue_stamp(session)
    if stamp is None:
        return None
    key = cache_key(session.tenant_id, location_id, stamp, lookup_keys)
    cache = request.services.cache
    with _timed(request):
        cached = await cache.get(key)
    if cached is not None:
        return _decoder.decode(cached)
    sold = await _read_sold(session, lookup_keys, location_id)
    with _timed(request):
        await cache.put(key, msgspec.msgpack.encode(sold), seconds=cached_seconds)
    return sold


@contextmanager
def _timed(request: Request) -> Iterator[None]:
    """Count the time within as the cache's."""
    started = time.perf_counter()
    try:
        yield
    finally:
        request.cache_seconds += time.perf_counter() - started


class Currencies:
    """The currencies of tenants, which never change; asked for at each look-up."""

    def __init__(self, _services: Services) -> None:
        self._known: OrderedDict[UUID, str] = OrderedDict()

    async def of_tenant(self, session: TenantSession) -> str:
        """The currency of the session's tenant."""
        currency = self._known.get(session.tenant_id)
        if currency is None:
            currency = (await tenants.current(session)).currency
            self._known[session.tenant_id] = currency
            if len(self._known) > currencies_kept_max:
                self._known.popitem(last=False)
        return currency


def cache_key(tenant_id: UUID, location_id: UUID, stamp: UUID, lookup_keys: tuple[str, ...]) -> str:
    """Of parts of fixed length, so that no barcode can make the key of another tenant or place."""
    digest = hashlib.sha256("\n".join(lookup_keys).encode()).hexdigest()
    return f"product:{tenant_id}:{location_id}:{stamp}:{digest}"


def sell_one(sold: Sold, reading: Barcode, location_id: str, zone: ZoneInfo, now: datetime) -> LookupAnswer:
    """One of it in an empty cart: list price by place and date, rules, and the taxes that count there today.

    One is 1000 thousandths, the barcode's own quantity, or the weight inside it; a code with the price inside is a
    line of 1000 at that price, without a rule (contract, section 6).
    """
    today = now.astimezone(zone).date()
    listed = list_price(sold.price, sold.prices, sold.barcode, location_id, today)
    quantity_milli = reading.quantity_milli or sold.barcode.quantity_milli
    if reading.price_minor is not None:
        listed, quantity_milli = ListPrice(reading.price_minor, 1_000), 1_000
    line = CartLine(
        line=1,
        product_id=str(sold.product_id),
        category=sold.category,
        quantity_milli=quantity_milli,
        list_price_minor=listed.price_minor,
        price_quantity_milli=listed.price_quantity_milli,
        rule_quantity_milli=sold.price.price_quantity_milli,
        in_rules=reading.price_minor is None,
    )
    priced = lookup_price(line, sold.rules, now, location_id, zone)
    return LookupAnswer(
        product_id=sold.product_id,
        sku=sold.sku,
        name=sold.name,
        unit=sold.unit,
        category=sold.category,
        quantity_milli=quantity_milli,
        list_price_minor=priced.list_price_minor,
        unit_price_minor=priced.unit_price_minor,
        discount_minor=priced.discount_minor,
        price_quantity_milli=priced.price_quantity_milli,
        price_rule_id=None if priced.price_rule_id is None else UUID(priced.price_rule_id),
        open_price=sold.open_price,
        age_min=sold.age_min,
        taxes=tuple(LookupTax(*tax) for tax in components_at(sold.taxes, location_id, today)),
    )


async def _read_sold(session: TenantSession, lookup_keys: tuple[str, ...], location_id: UUID) -> Sold | None:
    """From the database, cut to this product and place: a rule for thousands of products takes no room here."""
    driver, tenant_id = session.driver, session.tenant_id
    row = await driver.fetchrow(SQL.sold_by_barcode, tenant_id, list(lookup_keys))
    if row is None:
        return None
    product_id = row["product_id"]
    prices = await driver.fetch(SQL.prices_of, tenant_id, packed([product_id]), location_id)
    rules = await driver.fetch(SQL.rules_for_product, tenant_id, product_id, row["category"], location_id)
    components = msgspec.json.decode(row["components"], type=tuple[TaxComponent, ...])
    here = str(location_id)
    return Sold(
        product_id=product_id,
        sku=row["sku"],
        name=row["name"],
        unit=row["unit"],
        category=row["category"],
        open_price=row["open_price"],
        age_min=row["age_min"],
        price=ListPrice(row["price_minor"], row["price_quantity_milli"]),
        barcode=ScannedBarcode(row["barcode_key"], row["barcode_quantity_milli"], row["barcode_price_minor"]),
        prices=tuple(_price_row(price, here) for price in prices),
        rules=tuple(_price_rule(rule, str(product_id), here) for rule in rules),
        taxes=TaxGroup(
            str(row["tax_group_id"]),
            tuple(
                msgspec.structs.replace(component, location_ids=None)
                for component in components
                if component.location_ids is None or here in component.location_ids
            ),
        ),
    )


def _price_row(row: Any, here: str) -> PriceRow:
    return PriceRow(
        price_id=str(row["price_id"]),
        price_minor=row["price_minor"],
        barcode=None if row["barcode"] is None else barcode_key(row["barcode"], "barcode"),
        location_ids=None if row["location_ids"] is None else (here,),
        valid_from=row["valid_from"],
        valid_to=row["valid_to"],
    )


def _price_rule(row: Any, product_id: str, here: str) -> PriceRule:
    return PriceRule(
        price_rule_id=str(row["price_rule_id"]),
        kind=row["kind"],
        value=msgspec.json.decode(row["value"], type=int | Multibuy),
        product_ids=(product_id,) if row["names_product"] else None,
        category=row["category"],
        location_ids=None if row["location_ids"] is None else (here,),
        starts_at=row["starts_at"],
        ends_at=row["ends_at"],
        days_of_week=None if row["days_of_week"] is None else tuple(row["days_of_week"]),
        time_from=row["time_from"],
        time_to=row["time_to"],
        min_quantity_milli=row["min_quantity_milli"],
        priority=row["priority"],
    )
