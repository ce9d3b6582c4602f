"""Entities as central sends them down (contract, sections 2, 5, 12), read leniently: unknown fields are passed over."""

from collections.abc import Iterable
from datetime import date, datetime, time
from typing import Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
import structlog
from msgspec import Struct

from protocol.events import Line, PriceMode, Sale, TaxRounding, Tender
from protocol.list_prices import ListPrice, PriceRow, ScannedBarcode, list_price
from protocol.multibuy import Multibuy
from protocol.pricing import PriceRule, RuleKind
from protocol.refund import GivenBack
from protocol.tax import Tax, TaxGroup, components_at

_log = structlog.get_logger()


class ProductBarcode(Struct, frozen=True):
    barcode: str
    quantity_milli: int = 1000
    price_minor: int | None = None


class ReplicaPrice(Struct, frozen=True):
    """A price by place and date, as a product's `prices` bear it."""

    price_id: str
    price_minor: int
    barcode: str | None = None
    location_ids: tuple[str, ...] | None = None
    valid_from: date | None = None
    valid_to: date | None = None


class ReplicaProduct(Struct, frozen=True):
    """A product with its barcodes and this location's prices."""

    product_id: UUID
    sku: str
    name: str
    price_minor: int
    unit: str = "C62"
    price_quantity_milli: int = 1000
    open_price: bool = False
    age_min: int | None = None
    tax_group_id: str | None = None
    category: str | None = None
    barcodes: tuple[ProductBarcode, ...] = ()
    prices: tuple[ReplicaPrice, ...] = ()

    def list_price(self, barcode: ProductBarcode | None, location_id: str, day: date) -> ListPrice:
        """What it costs without a rule, by that barcode of it (None: by its sku), here on that day."""
        scanned = ScannedBarcode(barcode.barcode, barcode.quantity_milli, barcode.price_minor) if barcode else None
        rows = [
            PriceRow(row.price_id, row.price_minor, row.barcode, row.location_ids, row.valid_from, row.valid_to)
            for row in self.prices
        ]
        own = ListPrice(self.price_minor, self.price_quantity_milli)
        return list_price(own, rows, scanned, location_id, day)


class ReplicaRule(Struct, frozen=True):
    """A price rule; `value` is a number or a multibuy's fields."""

    price_rule_id: str
    kind: RuleKind
    value: int | Multibuy
    product_ids: tuple[str, ...] | None = None
    category: str | None = None
    location_ids: tuple[str, ...] | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    days_of_week: tuple[int, ...] | None = None
    time_from: str | None = None
    time_to: str | None = None
    min_quantity_milli: int = 0
    priority: int = 0

    def rule(self) -> PriceRule:
        """The rule as carts are priced by it; its times stand as 10:00 or 10:00:00."""
        fields = {name: getattr(self, name) for name in self.__struct_fields__}
        fields["time_from"] = None if self.time_from is None else time.fromisoformat(self.time_from)
        fields["time_to"] = None if self.time_to is None else time.fromisoformat(self.time_to)
        return PriceRule(**fields)


class ReplicaPlace(Struct, frozen=True):
    """What the row of settings says of the location: the head and the foot of its receipts, and its time zone."""

    name: str | None = None
    address: str | None = None
    tax_number: str | None = None
    receipt_header: str | None = None
    receipt_footer: str | None = None
    timezone: str | None = None

    def zone(self) -> ZoneInfo | None:
        """Its time zone; None where it names none that this machine knows."""
        try:
            return None if self.timezone is None else ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError):
            return None


class PlaceRow(Struct, frozen=True):
    """The part of the row of settings that is of the location."""

    location: ReplicaPlace = ReplicaPlace()


class PinHash(Struct, frozen=True):
    """How a PIN is checked: argon2id with these parameters, then HMAC-SHA-256 with the terminal's PIN key."""

    salt: str
    hmac: str
    memory_kib: int = 19 * 1024
    time_cost: int = 2
    parallelism: int = 1
    hash_bytes: int = 32
    version: int = 19


class ReplicaCashier(Struct, frozen=True):
    cashier_id: UUID
    number: str
    name: str
    role: Literal["cashier", "supervisor"]
    pin: PinHash | None = None


class RefundableTax(Struct, frozen=True):
    code: str
    rate_ppm: int
    amount_minor: int


class ReplicaRefundable(Struct, frozen=True):
    """What central says a line has left."""

    line: int
    refundable_quantity_milli: int
    refundable_amount_minor: int
    refundable_discount_minor: int = 0
    refundable_taxes: tuple[RefundableTax, ...] = ()

    def left(self) -> GivenBack:
        taxes: dict[tuple[str, int], int] = {}
        for row in self.refundable_taxes:
            key = (row.code, row.rate_ppm)
            taxes[key] = taxes.get(key, 0) + row.amount_minor
        return GivenBack(
            self.refundable_quantity_milli, self.refundable_amount_minor, self.refundable_discount_minor, taxes
        )


class ReplicaRefund(Struct, frozen=True):
    refund_id: UUID
    receipt_number: str | None = None
    voided: bool = False


class ShortSale(Struct, frozen=True, kw_only=True):
    """A sale's payload cut to what a refund needs."""

    sale_id: UUID
    receipt_number: str
    shift_id: UUID | None = None
    currency: str
    price_mode: PriceMode
    tax_rounding: TaxRounding = "receipt"
    lines: tuple[Line, ...]
    tenders: tuple[Tender, ...] = ()
    gross_minor: int = 0
    net_minor: int = 0
    tax_minor: int = 0

    def sale(self) -> Sale:
        return Sale(
            sale_id=self.sale_id,
            receipt_number=self.receipt_number,
            shift_id=self.shift_id,
            currency=self.currency,
            price_mode=self.price_mode,
            tax_rounding=self.tax_rounding,
            lines=self.lines,
            taxes=(),
            net_minor=self.net_minor,
            tax_minor=self.tax_minor,
            gross_minor=self.gross_minor,
            tenders=self.tenders,
        )


class ReplicaReceipt(Struct, frozen=True, kw_only=True):
    """The element of `GET /v1/receipts/…`, its payload still unread."""

    kind: Literal["SALE", "REFUND"]
    business_date: date
    payload: msgspec.Raw
    refunds: tuple[ReplicaRefund, ...] = ()
    void: dict[str, Any] | None = None
    lines: tuple[ReplicaRefundable, ...] = ()


_short_sales: msgspec.json.Decoder[ShortSale] = msgspec.json.Decoder(ShortSale)


def short_sale(receipt: ReplicaReceipt) -> Sale:
    """The sale of a replica's receipt. Raises `msgspec.DecodeError`."""
    return _short_sales.decode(receipt.payload).sale()


def readable(receipts: Iterable[ReplicaReceipt]) -> list[ReplicaReceipt]:
    """Those whose sale can be read; another is said in the log and passed over, so that a terminal's own receipt is
    voided and refunded by its own journal.
    """
    kept = []
    for receipt in receipts:
        try:
            if receipt.kind == "SALE":
                short_sale(receipt)
        except msgspec.DecodeError as error:
            _log.error("replica-receipt-unreadable", business_date=receipt.business_date.isoformat(), error=str(error))
        else:
            kept.append(receipt)
    return kept


def taxes_of(group: TaxGroup | None, location_id: str, day: date) -> tuple[Tax, ...]:
    """The taxes that a product bears here on that day; none without a group."""
    return () if group is None else components_at(group, location_id, day)
