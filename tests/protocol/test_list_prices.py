"""Which of several prices of a product is its list price."""

from datetime import date

import pytest

from protocol.list_prices import ListPrice, PriceRow, ScannedBarcode, list_price

HERE, THERE = "location-here", "location-there"
TODAY = date(2026, 11, 24)
SIX_PACK = ScannedBarcode("04006381333931", 6_000, 999)
SINGLE = ScannedBarcode("04006381333948")
PRODUCT = ListPrice(200, 1_000)


def row(number: int, price_minor: int, **where: object) -> PriceRow:
    return PriceRow(f"price-{number}", price_minor, **where)  # type: ignore[arg-type]


FOR_ALL = row(1, 190)
FOR_HERE = row(2, 180, location_ids=(HERE,))
FOR_HERE_LATER = row(3, 170, location_ids=(HERE,), valid_from=date(2026, 11, 1))
FOR_THE_PACK = row(4, 950, barcode=SIX_PACK.barcode)
FOR_THE_PACK_HERE = row(5, 940, barcode=SIX_PACK.barcode, location_ids=(HERE,))
MADE_AGAIN = row(6, 160, location_ids=(HERE,), valid_from=date(2026, 11, 1))
OVER = row(7, 1, valid_to=date(2026, 11, 23))
NOT_YET = row(8, 1, valid_from=date(2026, 11, 25))
ON_ITS_LAST_DAY = row(9, 150, valid_from=date(2026, 11, 24), valid_to=TODAY)


@pytest.mark.parametrize(
    ("rows", "scanned", "location", "price"),
    [
        ([], None, HERE, PRODUCT),
        ([], SINGLE, HERE, PRODUCT),
        ([], SIX_PACK, HERE, ListPrice(999, 6_000)),
        ([FOR_ALL, FOR_HERE], SINGLE, HERE, ListPrice(180, 1_000, "price-2")),
        ([FOR_ALL, FOR_HERE], SINGLE, THERE, ListPrice(190, 1_000, "price-1")),
        ([FOR_HERE_LATER, FOR_HERE], None, HERE, ListPrice(170, 1_000, "price-3")),
        ([MADE_AGAIN, FOR_HERE_LATER], None, HERE, ListPrice(160, 1_000, "price-6")),
        ([FOR_HERE_LATER, FOR_THE_PACK], SIX_PACK, HERE, ListPrice(950, 6_000, "price-4")),
        ([FOR_THE_PACK_HERE, FOR_THE_PACK], SIX_PACK, HERE, ListPrice(940, 6_000, "price-5")),
        ([FOR_THE_PACK_HERE, FOR_THE_PACK], SIX_PACK, THERE, ListPrice(950, 6_000, "price-4")),
        ([FOR_THE_PACK], SINGLE, HERE, PRODUCT),
        ([FOR_ALL], SIX_PACK, HERE, ListPrice(190, 1_000, "price-1")),
        ([OVER, NOT_YET], None, HERE, PRODUCT),
        ([ON_ITS_LAST_DAY, FOR_ALL], None, HERE, ListPrice(150, 1_000, "price-9")),
    ],
)
def test_the_list_price_is_the_admitting_row_of_highest_precedence(
    rows: list[PriceRow], scanned: ScannedBarcode | None, location: str, price: ListPrice
) -> None:
    assert list_price(PRODUCT, rows, scanned, location, TODAY) == price
