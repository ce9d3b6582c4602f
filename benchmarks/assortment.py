"""An assortment to measure with: as many products as are asked for, each with a barcode, imported over HTTP."""

from collections.abc import Iterator
from typing import Final
from uuid import UUID

import msgspec
from stdnum import ean

from benchmarks.stage import Stage

products_full: Final = 70_000
products_quick: Final = 10_000
products_per_import: Final = 10_000


def barcode_of(number: int) -> str:
    """The EAN-13 of a product."""
    digits = f"40{number:010d}"
    return digits + str(ean.calc_check_digit(digits))


async def import_products(there: Stage, count: int) -> None:
    """Import so many products, all in one tax group."""
    group = await _tax_group(there)
    for first in range(0, count, products_per_import):
        body = b"\n".join(_rows(first, min(first + products_per_import, count), group))
        headers = {**there.headers, "Content-Type": "application/x-ndjson"}
        async with there.http.post(f"{there.url}/v1/products/import", data=body, headers=headers) as answer:
            found = await answer.json(content_type=None)
            if answer.status != 200 or found["refused"]:
                raise RuntimeError(f"the import answers {answer.status}: {str(found)[:500]}")


async def _tax_group(there: Stage) -> UUID:
    body = {"code": "VAT", "name": "All", "components": [{"code": "VAT-S", "rate_ppm": 200_000}]}
    async with there.http.post(f"{there.url}/v1/tax-groups", json=body, headers=there.headers) as answer:
        return UUID((await answer.json(content_type=None))["tax_group_id"])


def _rows(first: int, last: int, group: UUID) -> Iterator[bytes]:
    for number in range(first, last):
        yield msgspec.json.encode(
            {
                "sku": f"SKU-{number:06}",
                "name": f"Product number {number} of the catalogue",
                "price_minor": 100 + number % 900,
                "tax_group_id": group,
                "barcodes": [barcode_of(number)],
                "category": f"CATEGORY-{number % 50}",
            }
        )
