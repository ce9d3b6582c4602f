"""Importing prices by place and date: a batch of rows into one transaction.

A row with the product, barcode, places and dates of a price that is there takes that one's place, as the latest made,
or leaves it where the price is the same.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple
from uuid import UUID

import msgspec

from central.downlink import record
from central.http import Problem, UnknownReference
from central.products import catalogue, import_rows, prices
from central.products.catalogue_revision import SQL, begin_change
from central.products.changes import Making, read_body
from central.products.checks import barcode_key, check_price
from central.products.import_rows import Cell, Row
from central.products.imports import Kind
from central.products.places import unknown_locations
from central.products.shapes import PriceAnswer, PriceBody, ProductAnswer, RefusedRow
from central.tenancy import audit
from central.tenant_session import TenantSession

COLUMNS: Final[Mapping[str, Cell]] = {
    "product_id": import_rows.text_cell,
    "sku": import_rows.text_cell,
    "barcode": import_rows.text_cell,
    "location_ids": import_rows.words_cell,
    "price_minor": import_rows.integer_cell,
    "valid_from": import_rows.text_cell,
    "valid_to": import_rows.text_cell,
}


class _Place(NamedTuple):
    """What tells one price of a product from another, but for when it was made."""

    product_id: UUID
    barcode_key: str | None
    location_ids: frozenset[UUID] | None
    valid_from: object
    valid_to: object


class _Read(NamedTuple):
    """A row that names a product and places that exist."""

    line: int
    body: PriceBody
    product: ProductAnswer
    barcode_key: str | None

    @property
    def place(self) -> _Place:
        body = self.body
        places = None if body.location_ids is None else frozenset(body.location_ids)
        return _Place(self.product.product_id, self.barcode_key, places, body.valid_from, body.valid_to)


class Batch:
    """What the rows of one transaction make of the prices; `created`, `changed`, `unchanged`, `refused` count them."""

    def __init__(self, revision: int, making: Making) -> None:
        self.created = self.changed = self.unchanged = 0
        self.refused: list[RefusedRow] = []
        self._revision = revision
        self._making = making

    async def take(self, session: TenantSession, rows: Sequence[Row]) -> None:
        """Read, decide and write the rows."""
        read = await self._references(session, self._bodies(rows))
        there = _there(read)
        before = dict(there)
        made: dict[_Place, tuple[PriceAnswer, str | None]] = {}
        for row in read:
            known = there.get(row.place)
            if known is not None and known.price_minor == row.body.price_minor:
                self.unchanged += 1
                continue
            if known is None and len(row.product.prices) >= prices.prices_per_product_max:
                self.refused.append(RefusedRow(row.line, "sku", prices.too_many))
                continue
            price = prices.make_price(row.body, row.product, self._making.ids(), self._revision)
            there[row.place], made[row.place] = price, (price, row.barcode_key)
            if known is None:
                self.created += 1
            else:
                self.changed += 1
        await self._write(session, made, before)

    def _bodies(self, rows: Sequence[Row]) -> list[tuple[int, PriceBody]]:
        bodies = []
        for row in rows:
            try:
                body = read_body(PriceBody, row.fields)
                check_price(body)
                bodies.append((row.line, body))
            except Problem as problem:
                self._refuse(row.line, problem)
        return bodies

    async def _references(self, session: TenantSession, bodies: Sequence[tuple[int, PriceBody]]) -> list[_Read]:
        by_sku = await catalogue.ids_by_sku(session, {body.sku for _, body in bodies if body.sku is not None})
        named = {body.product_id for _, body in bodies if body.product_id is not None}
        products = await catalogue.load(session, list(named | set(by_sku.values())))
        unknown = await unknown_locations(session, {p for _, body in bodies for p in body.location_ids or ()})
        read = []
        for line, body in bodies:
            try:
                read.append(_resolve(line, body, by_sku, products, unknown))
            except Problem as problem:
                self._refuse(line, problem)
        return read

    async def _write(
        self,
        session: TenantSession,
        made: Mapping[_Place, tuple[PriceAnswer, str | None]],
        before: Mapping[_Place, PriceAnswer],
    ) -> None:
        if not made:
            return
        replaced = [(session.tenant_id, before[place].price_id) for place in made if place in before]
        await session.driver.executemany(SQL.delete_price, replaced)
        await prices.store(session, list(made.values()), self._making.now)
        await audit.record_all(
            session,
            [
                audit.Change(
                    "create" if place not in before else "change",
                    prices.entity,
                    str(price.price_id),
                    msgspec.to_builtins(before.get(place)),
                    msgspec.to_builtins(price),
                )
                for place, (price, _) in made.items()
            ],
        )
        await record(session, prices.told(session.tenant_id, [price for price, _ in made.values()]))

    def _refuse(self, line: int, problem: Problem) -> None:
        self.refused.append(RefusedRow(line, str(problem.members.get("field", "")) or None, problem.detail))


def _there(read: Sequence[_Read]) -> dict[_Place, PriceAnswer]:
    """The latest made price of each place of the rows' products; a product's prices stand oldest first."""
    there: dict[_Place, PriceAnswer] = {}
    for product in {row.product.product_id: row.product for row in read}.values():
        for price in product.prices:
            key = None if price.barcode is None else barcode_key(price.barcode, "barcode")
            places = None if price.location_ids is None else frozenset(price.location_ids)
            there[_Place(price.product_id, key, places, price.valid_from, price.valid_to)] = price
    return there


def _resolve(
    line: int,
    body: PriceBody,
    by_sku: Mapping[str, UUID],
    products: Mapping[UUID, ProductAnswer],
    unknown: set[UUID],
) -> _Read:
    product_id = by_sku.get(body.sku) if body.sku is not None else body.product_id
    if product_id is None or product_id not in products:
        raise UnknownReference("no such product", field="product_id" if body.sku is None else "sku")
    if not unknown.isdisjoint(body.location_ids or ()):
        raise UnknownReference("no such location", field="location_ids")
    product = products[product_id]
    return _Read(line, body, product, prices.key_of_barcode(body.barcode, product))


async def take_batch(session: TenantSession, rows: Sequence[Row], making: Making, *, is_csv: bool) -> Batch:
    """Import rows in the session's transaction."""
    batch = Batch(await begin_change(session, making.ids()), making)
    await batch.take(session, rows)
    return batch


KIND: Final = Kind(COLUMNS, ("sku", "product_id"), take_batch)
