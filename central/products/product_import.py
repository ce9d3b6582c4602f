"""Importing products: a batch of rows into one transaction, created or changed by SKU.

A row is a merge patch (RFC 7396) of the product that bears its SKU, or of none. The whole batch is read and written in
a handful of statements, and decided in between row by row, in the order of the file.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import msgspec

from central.downlink import record
from central.http import Problem, UnknownReference
from central.http.bodies import refuse_nul
from central.http.merge_patch import merge
from central.products import catalogue, import_rows, tax_groups
from central.products.catalogue import Listed
from central.products.catalogue_revision import begin_change
from central.products.changes import Making, patched, read_body
from central.products.checks import barcode_keys, check_nesting, lookup_key
from central.products.import_rows import Cell, Row
from central.products.imports import Kind
from central.products.shapes import ProductAnswer, ProductBody, RefusedRow
from central.tenancy import audit
from central.tenant_session import TenantSession
from protocol.barcodes import BarcodeError


def _attributes_cell(cell: str) -> Any:
    attributes = import_rows.json_cell(cell)
    try:
        refuse_nul(attributes)
    except Problem as problem:
        raise ValueError(problem.detail) from problem
    return attributes


rows_per_turn_max: Final = 100
"""Rows decided before other requests of this process get their turn."""

COLUMNS: Final[Mapping[str, Cell]] = {
    "sku": import_rows.text_cell,
    "name": import_rows.text_cell,
    "unit": import_rows.text_cell,
    "price_minor": import_rows.integer_cell,
    "price_quantity_milli": import_rows.integer_cell,
    "open_price": import_rows.boolean_cell,
    "age_min": import_rows.integer_cell,
    "tax_group_id": import_rows.text_cell,
    "tax_group": import_rows.text_cell,
    "barcodes": import_rows.words_cell,
    "category": import_rows.text_cell,
    "attributes": _attributes_cell,
}


class Batch:
    """What the rows of one transaction make of the catalogue, counted by what became of them."""

    def __init__(self, revision: int, making: Making) -> None:
        self.created = self.changed = self.unchanged = 0
        self.refused: list[RefusedRow] = []
        self._revision = revision
        self._making = making
        self._before: dict[UUID, ProductAnswer] = {}
        self._by_sku: dict[str, Listed] = {}
        self._owners: dict[str, UUID] = {}
        self._groups: dict[str, UUID] = {}
        self._group_ids: set[UUID] = set()
        self._written: dict[UUID, Listed] = {}

    async def read(self, session: TenantSession, rows: Sequence[Row]) -> None:
        """What the catalogue has now under the SKUs and barcodes of the rows, and its tax groups."""
        skus = {sku for row in rows if isinstance(sku := row.fields.get("sku"), str)}
        ids = await catalogue.ids_by_sku(session, skus)
        self._before = await catalogue.load(session, list(ids.values()))
        for product in self._before.values():
            self._by_sku[product.sku] = Listed(product, barcode_keys(product.barcodes))
        self._owners = await catalogue.owners_of_barcodes(session, set(_keys(rows)))
        self._groups = await tax_groups.ids_by_code(session)
        self._group_ids = set(self._groups.values())

    def take(self, row: Row, *, keeps_entries: bool) -> None:
        """Decide one row; what is wrong with it refuses it alone."""
        try:
            self._take(row, keeps_entries)
        except Problem as problem:
            field = str(problem.members.get("field", "")) or None
            self.refused.append(RefusedRow(row.line, field, problem.detail))

    def _take(self, row: Row, keeps_entries: bool) -> None:
        fields = self._with_tax_group(row.fields)
        current = self._by_sku.get(fields["sku"]) if isinstance(fields.get("sku"), str) else None
        if current is None:
            check_nesting(fields)
            body = read_body(ProductBody, merge({}, fields))
            listed = catalogue.list_product(body, self._making.ids(), self._revision)
        else:
            if keeps_entries and fields.get("barcodes"):
                entries = {entry.barcode: entry for entry in current.product.barcodes}
                fields["barcodes"] = [
                    msgspec.to_builtins(entries[word]) if word in entries else word for word in fields["barcodes"]
                ]
            body = patched(ProductBody, current.product, fields)
            listed = catalogue.list_product(body, current.product.product_id, self._revision, current.product.prices)
            if catalogue.same(listed.product, current.product):
                self.unchanged += 1
                return
        if listed.product.tax_group_id not in self._group_ids:
            raise UnknownReference("no such tax group", field="tax_group_id")
        catalogue.refuse_taken_barcodes(listed, self._owners)
        self._keep(listed, current)

    def _keep(self, listed: Listed, current: Listed | None) -> None:
        product_id = listed.product.product_id
        for key in current.barcode_keys if current else ():
            if self._owners.get(key) == product_id:
                del self._owners[key]
        self._owners.update(dict.fromkeys(listed.barcode_keys, product_id))
        self._by_sku[listed.product.sku] = listed
        self._written[product_id] = listed
        if current is None:
            self.created += 1
        else:
            self.changed += 1

    def _with_tax_group(self, fields: dict[str, Any]) -> dict[str, Any]:
        """The fields with the code of a tax group replaced by its id."""
        if fields.get("tax_group") is None:
            return dict(fields)
        named = {name: value for name, value in fields.items() if name != "tax_group"}
        code = fields["tax_group"]
        if not isinstance(code, str) or code not in self._groups:
            raise UnknownReference("no tax group has this code", field="tax_group")
        return named | {"tax_group_id": str(self._groups[code])}

    async def write(self, session: TenantSession) -> None:
        """Store what the rows made, keep it in the audit and tell the terminals."""
        if not self._written:
            return
        listed = list(self._written.values())
        await catalogue.store(session, listed, self._making.now, there=self._before.keys())
        await audit.record_all(session, [self._audited(one.product) for one in listed])
        await record(session, [catalogue.told(session.tenant_id, str(product_id)) for product_id in self._written])

    def _audited(self, product: ProductAnswer) -> audit.Change:
        before = self._before.get(product.product_id)
        return audit.Change(
            "create" if before is None else "change",
            catalogue.entity,
            str(product.product_id),
            catalogue.as_audited(before),
            catalogue.as_audited(product),
        )


async def take_batch(session: TenantSession, rows: Sequence[Row], making: Making, *, is_csv: bool) -> Batch:
    """Import rows in the session's transaction."""
    batch = Batch(await begin_change(session, making.ids()), making)
    await batch.read(session, rows)
    for index, row in enumerate(rows, start=1):
        batch.take(row, keeps_entries=is_csv)
        if index % rows_per_turn_max == 0:
            await asyncio.sleep(0)
    await batch.write(session)
    return batch


def _keys(rows: Iterable[Row]) -> Iterator[str]:
    """The forms in which the rows' barcodes are looked up; those that are none are refused later."""
    for row in rows:
        barcodes = row.fields.get("barcodes")
        for entry in barcodes if isinstance(barcodes, list) else ():
            barcode = entry.get("barcode") if isinstance(entry, dict) else entry
            if isinstance(barcode, str):
                try:
                    yield lookup_key(barcode)
                except BarcodeError:
                    continue


KIND: Final = Kind(COLUMNS, ("sku",), take_batch)
