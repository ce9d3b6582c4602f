"""The small chain of the demo: two tenants with two of the data's stores each, their products, people and tills."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from demo.back_office import BackOffice
from demo.baskets import Basket, Product, read_products

tills_per_store: Final = 2

_whole_ppm: Final = 1_000_000


class Person(Struct, frozen=True):
    """Who signs in at a till; the PINs are the demo's own and printed by it."""

    name: str
    number: str
    pin: str
    role: str


class TenantPlan(Struct, frozen=True):
    """A tenant before it exists: which stores of the data it has, and how it quotes prices."""

    code: str
    name: str
    currency: str
    price_mode: str
    time_zone: str
    stores: tuple[int, ...]
    tax_groups: tuple[dict[str, Any], ...]


class Store(Struct, frozen=True):
    """A location of a tenant and the store of the data that it stands for."""

    store_id: int
    location_id: str
    name: str
    cashier: Person
    supervisor: Person


def component(code: str, rate_ppm: int, *, compound: bool = False) -> dict[str, Any]:
    return {"code": code, "rate_ppm": rate_ppm, "compound": compound}


# The data has no tax, so the rates are ours; STATE stands in two groups, simple and compound, on purpose.
PLANS: Final = (
    TenantPlan(
        code="hudson",
        name="Hudson Grocers",
        currency="USD",
        price_mode="tax_exclusive",
        time_zone="America/New_York",
        stores=(367, 343),
        tax_groups=(
            {"code": "food", "name": "Food", "components": [component("GROCERY", 10_000)]},
            {
                "code": "general",
                "name": "General",
                "components": [component("STATE", 62_500), component("CITY", 22_500)],
            },
            {
                "code": "excise",
                "name": "Excise",
                "components": [component("EXCISE", 40_000), component("STATE", 62_500, compound=True)],
            },
        ),
    ),
    TenantPlan(
        code="elbe",
        name="Elbe Markt",
        currency="EUR",
        price_mode="tax_inclusive",
        time_zone="Europe/Berlin",
        stores=(406, 361),
        tax_groups=(
            {"code": "food", "name": "Lebensmittel", "components": [component("VAT-R", 70_000)]},
            {"code": "general", "name": "Allgemein", "components": [component("VAT-S", 190_000)]},
            {
                "code": "excise",
                "name": "Verbrauchsteuer",
                "components": [component("EXCISE", 40_000), component("VAT-S", 190_000, compound=True)],
            },
        ),
    ),
)


async def set_up(
    office: BackOffice, plan: TenantPlan, baskets: Sequence[Basket], prices: dict[int, dict[int, int]]
) -> tuple[list[Store], int]:
    """Create what a tenant sells, where, and who sells it; gives the stores and how many products there are."""
    await office.patch(
        "/v1/settings",
        # The data's discounts go up to the whole price: here a cashier may give them.
        {"price_mode": plan.price_mode, "discount_max_ppm": _whole_ppm, "receipt_days_on_till": 2},
    )
    for group in plan.tax_groups:
        await office.post("/v1/tax-groups", group)
    products = _products(plan, baskets)
    list_price = {
        product.product_id: next(
            prices[store][product.product_id] for store in plan.stores if product.product_id in prices.get(store, {})
        )
        for product in products
    }
    rows = [
        {
            "sku": product.sku,
            "name": product.name,
            "unit": "C62",
            "price_minor": list_price[product.product_id],
            "price_quantity_milli": 1000,
            "tax_group": product.tax_group,
            "category": product.category,
            "barcodes": [product.barcode],
        }
        for product in products
    ]
    await office.import_lines("/v1/products/import", _ndjson(rows))
    stores = []
    for number, store_id in enumerate(plan.stores, start=1):
        stores.append(await _open_store(office, plan, number, store_id))
        own = [
            {"sku": f"CJ{product_id}", "location_ids": [stores[-1].location_id], "price_minor": price}
            for product_id, price in sorted(prices.get(store_id, {}).items())
            if price != list_price[product_id]
        ]
        if own:
            await office.import_lines("/v1/prices/import", _ndjson(own))
    return stores, len(products)


async def _open_store(office: BackOffice, plan: TenantPlan, number: int, store_id: int) -> Store:
    location = await office.post(
        "/v1/locations",
        {
            "name": f"{plan.name} {store_id}",
            "code": f"S{store_id}",
            "timezone": plan.time_zone,
            "address": f"{store_id} Market Street",
            "receipt_header": plan.name,
            "receipt_footer": "Thank you for shopping with us",
        },
    )
    cashier = Person("Cashier", f"{number}1", f"{number}471", "cashier")
    supervisor = Person("Supervisor", f"{number}9", f"{number}83947", "supervisor")
    for person in (cashier, supervisor):
        await office.post(
            "/v1/cashiers",
            {
                "name": f"{person.name} {store_id}",
                "number": person.number,
                "pin": person.pin,
                "role": person.role,
                "location_ids": [location["location_id"]],
            },
        )
    return Store(store_id, location["location_id"], location["name"], cashier, supervisor)


def _products(plan: TenantPlan, baskets: Sequence[Basket]) -> list[Product]:
    """What the tenant's stores sold; what the data's own catalogue lacks gets a name of ours."""
    sold = {line.product_id for basket in baskets if basket.store_id in plan.stores for line in basket.lines}
    found = read_products(sold)
    lacking = sold - {product.product_id for product in found}
    return found + [Product(product_id, "ARTICLE WITHOUT NAME", "NONE", "general") for product_id in sorted(lacking)]


def _ndjson(rows: list[dict[str, Any]]) -> bytes:
    return b"".join(msgspec.json.encode(row) + b"\n" for row in rows)
