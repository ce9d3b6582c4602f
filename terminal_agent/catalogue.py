"""The local replica: a product by what was scanned, rules, taxes, cashiers, settings, and receipts of this location.

Products and receipts stay on the disk and are found by one indexed read; the small entities are held in memory and
read again when a page changes one of them. A page of changes and its cursor are one transaction. While a snapshot
runs, rows bear its generation; what an older one left is swept when the snapshot has caught up, so that the terminal
sells by the old replica until then.
"""

import contextlib
import sqlite3
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final

import msgspec
import structlog
from msgspec import Struct

from migrations.terminal.catalogue import migrations
from protocol.barcodes import Barcode, BarcodeError, canonical_barcode, read_barcode
from protocol.downlink import Change
from protocol.list_prices import ListPrice
from protocol.money import CURRENCY_EXPONENTS
from protocol.pricing import PriceRule
from protocol.tax import TaxGroup
from terminal_agent.database import Writer, connect, migrate, transaction
from terminal_agent.register.terms import Sellable, Settings
from terminal_agent.replica import (
    PlaceRow,
    ProductBarcode,
    ReplicaCashier,
    ReplicaPlace,
    ReplicaProduct,
    ReplicaReceipt,
    ReplicaRule,
    taxes_of,
)

search_rows_max: Final = 50
receipts_per_transaction_max: Final = 200
when_damaged: Final = "delete it: all that is in it comes again from central"
_log = structlog.get_logger()
_products: Final[msgspec.json.Decoder[ReplicaProduct]] = msgspec.json.Decoder(ReplicaProduct)
_encoder: Final = msgspec.json.Encoder()
_SMALL: Final = ("setting", "cashier", "tax_group", "price_rule")


class Progress(Struct, frozen=True):
    """How far the replica follows central."""

    cursor: str | None
    catalogue_through: str | None
    sweeping: bool


class FoundProduct(Struct, frozen=True):
    """What the local search shows of a product."""

    product_id: str
    sku: str
    name: str
    unit: str
    price_minor: int
    open_price: bool


class Catalogue:
    """The replica of one location for one enrolment (any text that names it).

    Read from the event loop; `apply` writes on a thread of its own.
    """

    def __init__(self, path: Path, *, location_id: str, enrolment: str, currency: str) -> None:
        self._path = path
        self._location_id = location_id
        self._currency = currency
        self._writer = Writer("catalogue")
        self._connection = connect(path, "NORMAL", if_damaged=when_damaged)
        migrate(self._connection, migrations)
        self._claim(location_id, enrolment)
        self._reader = connect(path, "NORMAL")
        self.settings = Settings()
        self.place = ReplicaPlace()
        self.rules: tuple[PriceRule, ...] = ()
        self.tax_groups: dict[str, TaxGroup] = {}
        self.cashiers: dict[str, ReplicaCashier] = {}
        self.progress = self._read_progress()
        self._load(_SMALL)

    def by_reading(self, reading: str, day: date) -> Sellable | None:
        """The product that a scanner's reading means here on that day; None where nothing is known of it."""
        try:
            barcode = read_barcode(
                reading,
                in_store=self.settings.in_store_barcodes or (),
                currency=self._currency,
                currency_exponent=CURRENCY_EXPONENTS.get(self._currency, 2),
            )
        except BarcodeError:
            return None
        for key in barcode.lookup_keys:
            row = self._reader.execute(_BY_BARCODE, (key,)).fetchone()
            if row is not None:
                product = _products.decode(row[0])
                return self._scanned(product, barcode, ProductBarcode(key, row[1], row[2]), day)
        if barcode.kind == "code":
            return self.by_sku(barcode.text, day)
        return None

    def by_sku(self, sku: str, day: date) -> Sellable | None:
        """One of a product by its number."""
        row = self._reader.execute("select data from products where sku = ?", (sku,)).fetchone()
        if row is None:
            return None
        product = _products.decode(row[0])
        return self._sellable(product, product.list_price(None, self._location_id, day), day)

    def search(self, query: str) -> list[FoundProduct]:
        """Products whose barcode it is, or whose name or sku holds it; to be called off the event loop (it looks at
        every row).
        """
        like = "%" + query.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        with contextlib.closing(connect(self._path, "NORMAL")) as connection:
            rows = [row for key in _lookup_keys(query) for row in connection.execute(_BY_BARCODE, (key,))]
            rows += connection.execute(
                "select data from products where name like ? escape '\\' or sku like ? escape '\\' limit ?",
                (like, like, search_rows_max),
            ).fetchall()
        found = [_products.decode(row[0]) for row in rows]
        return [
            FoundProduct(str(of.product_id), of.sku, of.name, of.unit, of.price_minor, of.open_price) for of in found
        ]

    def receipts(self, receipt_number: str) -> list[ReplicaReceipt]:
        """The replica's receipts of that number that can be read."""
        rows = self._reader.execute("select data from receipts where receipt_number = ?", (receipt_number,))
        return _read_all([row[0] for row in rows.fetchall()], ReplicaReceipt)

    def counts(self) -> dict[str, int]:
        """How many products, barcodes and receipts are here."""
        return {
            table: int(self._reader.execute(f"select count(*) from {table}").fetchone()[0])  # noqa: S608 - our own names
            for table in ("products", "barcodes", "receipts")
        }

    async def begin_snapshot(self) -> None:
        """Forget the cursor; rows that the coming snapshot does not bring are swept at its end."""
        await self._writer.run(lambda: self._write_progress_row(_BEGIN_SNAPSHOT))
        self.progress = self._read_progress()

    async def apply(self, changes: Sequence[Change], *, cursor: str, catalogue_through: str, more: bool) -> None:
        """One page of changes and its cursor, in one transaction; the next scan sees it."""
        touched = await self._writer.run(lambda: self._apply(changes, cursor, catalogue_through, more))
        self.progress = self._read_progress()
        self._load(touched)

    async def drop_receipts(self, before: date) -> int:
        """Drop some receipts dated before that day; answers how many, `receipts_per_transaction_max` at most."""
        return await self._writer.run(lambda: self._drop_receipts(before))

    def close(self) -> None:
        self._writer.close()
        self._reader.close()
        self._connection.close()

    def _scanned(self, product: ReplicaProduct, barcode: Barcode, by: ProductBarcode, day: date) -> Sellable:
        """The product as its barcode sells it: the barcode's own quantity, or a weight or price inside."""
        sellable = self._sellable(product, product.list_price(by, self._location_id, day), day)
        quantity = barcode.quantity_milli if barcode.quantity_milli is not None else by.quantity_milli
        changes: dict[str, Any] = {
            "barcode": barcode.text,
            "quantity_milli": max(1, quantity),
            "lot": barcode.lot,
            "expires": barcode.expires,
            "serial": barcode.serial,
        }
        if barcode.price_minor is not None and barcode.quantity_milli is None:
            changes |= {
                "list_price_minor": barcode.price_minor,
                "price_quantity_milli": 1000,
                "quantity_milli": 1000,
                "price_inside": True,
            }
        return msgspec.structs.replace(sellable, **changes)

    def _sellable(self, product: ReplicaProduct, price: ListPrice, day: date) -> Sellable:
        group = self.tax_groups.get(product.tax_group_id) if product.tax_group_id else None
        return Sellable(
            product_id=product.product_id,
            sku=product.sku,
            name=product.name,
            category=product.category,
            unit=product.unit,
            list_price_minor=price.price_minor,
            price_quantity_milli=price.price_quantity_milli,
            rule_quantity_milli=product.price_quantity_milli,
            open_price=product.open_price,
            age_min=product.age_min,
            taxes=taxes_of(group, self._location_id, day),
        )

    def _claim(self, location_id: str, enrolment: str) -> None:
        """Another location's replica is worth nothing here; of another enrolment, what its PIN key made."""
        owner = f"{location_id} {enrolment}"
        row = self._connection.execute("select owner from progress").fetchone()
        if row is not None and row[0] == owner:
            return
        here_before = row is not None and row[0].startswith(f"{location_id} ")
        with transaction(self._connection) as connection:
            if here_before:
                connection.execute("delete from entities where entity = 'cashier'")
                connection.execute(_BEGIN_SNAPSHOT)
                connection.execute("update progress set owner = ?, catalogue_through = null", (owner,))
                return
            for table in ("products", "barcodes", "receipts", "entities", "progress"):
                connection.execute(f"delete from {table}")  # noqa: S608 - our own names
            connection.execute("insert into progress (only, generation, sweeping, owner) values (1, 1, 1, ?)", (owner,))

    def _read_progress(self) -> Progress:
        row = self._connection.execute("select cursor, catalogue_through, sweeping from progress").fetchone()
        return Progress(row[0], row[1], bool(row[2]))

    def _write_progress_row(self, statement: str) -> None:
        with transaction(self._connection) as connection:
            connection.execute(statement)

    def _apply(self, changes: Sequence[Change], cursor: str, catalogue_through: str, more: bool) -> set[str]:
        with transaction(self._connection) as connection:
            generation, sweeping = connection.execute("select generation, sweeping from progress").fetchone()
            for change in changes:
                _APPLY[change.entity](connection, change, generation)
            if sweeping and not more:
                _sweep(connection, generation)
            connection.execute(
                "update progress set cursor = ?, catalogue_through = ?, sweeping = ?",
                (cursor, catalogue_through, int(bool(sweeping and more))),
            )
        swept = set(_SMALL) if sweeping and not more else set()
        return swept | {change.entity for change in changes if change.entity in _SMALL}

    def _drop_receipts(self, before: date) -> int:
        with transaction(self._connection) as connection:
            return connection.execute(
                "delete from receipts where id in (select id from receipts where business_date < ? limit ?)",
                (before.isoformat(), receipts_per_transaction_max),
            ).rowcount

    def _load(self, entities: Iterable[str]) -> None:
        for entity in entities:
            rows = self._reader.execute("select data from entities where entity = ?", (entity,)).fetchall()
            self._hold(entity, [row[0] for row in rows])

    def _hold(self, entity: str, rows: list[bytes]) -> None:
        if entity == "setting":
            self.settings = next(iter(_read_all(rows, Settings)), Settings())
            self.place = next(iter(_read_all(rows, PlaceRow)), PlaceRow()).location
        elif entity == "cashier":
            self.cashiers = {cashier.number: cashier for cashier in _read_all(rows, ReplicaCashier)}
        elif entity == "tax_group":
            self.tax_groups = {group.tax_group_id: group for group in _read_all(rows, TaxGroup)}
        elif entity == "price_rule":
            self.rules = tuple(row.rule() for row in _read_all(rows, ReplicaRule))


def _read_all(rows: Iterable[bytes], kind: type[Any]) -> list[Any]:
    """The rows that can be read; another is said in the log and left out, since the rest must go on selling."""
    kept = []
    for row in rows:
        try:
            kept.append(msgspec.json.decode(row, type=kind))
        except msgspec.DecodeError as error:
            _log.error("replica-row-unreadable", kind=kind.__name__, error=str(error))
    return kept


def _apply_product(connection: sqlite3.Connection, change: Change, generation: int) -> None:
    connection.execute("delete from barcodes where product_id = ?", (change.id,))
    if change.op == "delete" or change.data is None:
        connection.execute("delete from products where product_id = ?", (change.id,))
        return
    data = _with_canonical_barcodes(change.data)
    connection.execute(
        "insert or replace into products (product_id, sku, name, generation, data) values (?, ?, ?, ?, ?)",
        (change.id, str(data.get("sku", "")), str(data.get("name", "")), generation, _encoder.encode(data)),
    )
    connection.executemany(
        "insert or replace into barcodes (barcode, product_id, quantity_milli, price_minor) values (?, ?, ?, ?)",
        [
            (of["barcode"], change.id, of.get("quantity_milli", 1000), of.get("price_minor"))
            for of in data.get("barcodes") or ()
        ],
    )


def _apply_receipt(connection: sqlite3.Connection, change: Change, generation: int) -> None:
    if change.op == "delete" or change.data is None:
        connection.execute("delete from receipts where id = ?", (change.id,))
        return
    payload = change.data.get("payload") or {}
    connection.execute(
        "insert or replace into receipts (id, receipt_number, business_date, generation, data) values (?, ?, ?, ?, ?)",
        (
            change.id,
            str(payload.get("receipt_number", "")),
            str(change.data.get("business_date", "")),
            generation,
            _encoder.encode(change.data),
        ),
    )


def _apply_small(connection: sqlite3.Connection, change: Change, generation: int) -> None:
    if change.op == "delete" or change.data is None:
        connection.execute("delete from entities where entity = ? and id = ?", (change.entity, change.id))
        return
    connection.execute(
        "insert or replace into entities (entity, id, generation, data) values (?, ?, ?, ?)",
        (change.entity, change.id, generation, _encoder.encode(change.data)),
    )


_APPLY: Final = {
    "product": _apply_product,
    "receipt": _apply_receipt,
    "setting": _apply_small,
    "cashier": _apply_small,
    "tax_group": _apply_small,
    "price_rule": _apply_small,
}


def _sweep(connection: sqlite3.Connection, generation: int) -> None:
    connection.execute("delete from products where generation <> ?", (generation,))
    connection.execute("delete from barcodes where product_id not in (select product_id from products)")
    connection.execute("delete from receipts where generation <> ?", (generation,))
    connection.execute("delete from entities where generation <> ?", (generation,))


def _with_canonical_barcodes(data: dict[str, Any]) -> dict[str, Any]:
    """Barcodes of a product and its prices in the form that they are looked up by."""
    barcodes = [{"barcode": of} if isinstance(of, str) else of for of in data.get("barcodes") or ()]
    prices = data.get("prices") or ()
    return {
        **data,
        "barcodes": [{**of, "barcode": _canonical(of["barcode"])} for of in barcodes],
        "prices": [{**of, "barcode": _canonical(of["barcode"])} if of.get("barcode") else of for of in prices],
    }


def _canonical(barcode: str) -> str:
    try:
        return canonical_barcode(barcode)
    except BarcodeError:
        return barcode


_BY_BARCODE: Final = (
    "select products.data, barcodes.quantity_milli, barcodes.price_minor"
    " from barcodes join products using (product_id) where barcodes.barcode = ?"
)


def _lookup_keys(query: str) -> Sequence[str]:
    try:
        return read_barcode(query).lookup_keys
    except BarcodeError:
        return ()


_BEGIN_SNAPSHOT: Final = "update progress set cursor = null, generation = generation + 1, sweeping = 1"
