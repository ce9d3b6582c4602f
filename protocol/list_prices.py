"""The list price of a barcode at a location on a date, from prices by place and date.

Contract, section 2, `POST /v1/prices`: the admitting row with the barcode, then with the location, then the latest
`valid_from`, then the latest made; else the barcode's own price; else the product's. A row without a barcode admits
every barcode of its product, one with a price of its own too.
"""

from collections.abc import Iterable
from datetime import date

import msgspec


class PriceRow(msgspec.Struct, frozen=True):
    """A price of one product by place and date; null admits all, dates are inclusive.

    `barcode` stands in the same form as the one asked for (`protocol.barcodes.canonical_barcode`). `price_id` is a
    UUIDv7, so the latest made has the greatest one.
    """

    price_id: str
    price_minor: int
    barcode: str | None = None
    location_ids: tuple[str, ...] | None = None
    valid_from: date | None = None
    valid_to: date | None = None

    def admits(self, barcode: str | None, location_id: str, business_date: date) -> bool:
        """Whether the row may set the price of a barcode (null = the product by its sku) there and then."""
        return (
            (self.barcode is None or self.barcode == barcode)
            and (self.location_ids is None or location_id in self.location_ids)
            and (self.valid_from is None or self.valid_from <= business_date)
            and (self.valid_to is None or business_date <= self.valid_to)
        )

    def precedence(self) -> tuple[bool, bool, date, str]:
        """Of two admitting rows the one with the greater precedence sets the price."""
        return (
            self.barcode is not None,
            self.location_ids is not None,
            self.valid_from or date.min,
            self.price_id,
        )


class ScannedBarcode(msgspec.Struct, frozen=True):
    """A barcode of a product: how much it stands for, and its own price for that much, if any."""

    barcode: str
    quantity_milli: int = 1_000
    price_minor: int | None = None


class ListPrice(msgspec.Struct, frozen=True):
    """A price for `price_quantity_milli`, and the row that set it (null: the barcode's own, or the product's)."""

    price_minor: int
    price_quantity_milli: int
    price_id: str | None = None


def list_price(
    product_price: ListPrice,
    rows: Iterable[PriceRow],
    scanned: ScannedBarcode | None,
    location_id: str,
    business_date: date,
) -> ListPrice:
    """What a product, or a barcode of it, costs without a rule.

    `product_price` is the product's own; a barcode's price, here too, is for the barcode's own quantity.
    """
    barcode = scanned.barcode if scanned else None
    admitting = [row for row in rows if row.admits(barcode, location_id, business_date)]
    if admitting:
        row = max(admitting, key=PriceRow.precedence)
        by_barcode = scanned is not None and row.barcode is not None
        per_milli = scanned.quantity_milli if scanned and by_barcode else product_price.price_quantity_milli
        return ListPrice(row.price_minor, per_milli, row.price_id)
    if scanned is not None and scanned.price_minor is not None:
        return ListPrice(scanned.price_minor, scanned.quantity_milli)
    return product_price
