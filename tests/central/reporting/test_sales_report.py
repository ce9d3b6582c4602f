"""Reports by any of ten dimensions, against what was rung up; and how they tie to the ledger."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import combinations
from typing import Any

import pytest

from central.reporting.sales_report import COLUMNS, Span, sales_report
from central.tenant_session import operator, tenant_session
from protocol.events import Sale
from protocol.tax import Tax
from tests.central.books import Books, Till
from tests.trade import DAY, cart, id_of, refund, sale, void

LONG_AGO, FAR_AHEAD = DAY - timedelta(days=100), DAY + timedelta(days=100)
STATE, CITY = Tax("STATE", 62_500), Tax("CITY", 22_500)
PRODUCTS = {name: id_of(name) for name in ("WINE", "BREAD", "CHEESE")}


async def report(books: Books, *group_by: str) -> list[dict[str, Any]]:
    async with tenant_session(books.database, operator(books.tenant_id)) as session:
        return await sales_report(session, Span(LONG_AGO, FAR_AHEAD), group_by)


def picked(rows: Iterable[dict[str, Any]], *names: str) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in names) for row in rows]


def basket(number: str, *lines: str, category: str = "food", cashier: str = "ADA") -> Sale:
    taxes = {"WINE": (STATE, CITY), "BREAD": (), "CHEESE": (STATE,)}
    goods = cart(*lines, taxes=taxes)
    return sale(
        goods,
        number=number,
        price_mode="tax_exclusive",
        product_ids=PRODUCTS,
        category=category,
        cashier=cashier,
    )


async def a_week(books: Books) -> None:
    """Two shops, three tills, a void on the day after, a refund, a voucher, and a sale without a line."""
    here, there = Till("K1"), Till("K2", location="PORTO")
    first = basket("K1-1", "2 x WINE @ 10.00 -1.00", "1 x BREAD @ 2.00")
    second = basket("K1-2", "1 x CHEESE @ 8.00", "1 x WINE @ 10.00", cashier="BOB")
    third = basket("K2-1", "3 x BREAD @ 2.00", category="bakery")
    here.rings(first, at=datetime(2026, 11, 24, 9, 30, tzinfo=UTC))
    here.rings(second, at=datetime(2026, 11, 24, 17, 5, tzinfo=UTC))
    here.rings(sale(cart("1 x VOUCHER-1 @ 50.00"), number="K1-3"))
    here.rings(sale((), number="K1-4", tenders=()))
    there.rings(third)
    there.rings(refund(third, {1: 1000}, number="K2-2"))
    here.rings(void(second), at=datetime(2026, 11, 25, 8, 0, tzinfo=UTC), business_date=DAY + timedelta(days=1))
    await books.take(here, there)


async def test_without_dimensions_there_is_one_row(books: Books) -> None:
    (nothing,) = await report(books)
    assert set(nothing.values()) == {0}

    await a_week(books)
    (row,) = await report(books)

    assert row == {
        "sales_count": 3,
        "quantity_milli": 6000,
        "gross_minor": 2700 + 162,
        "net_minor": 2700,
        "tax_minor": 119 + 43,
        "discount_minor": 100,
        "refund_count": 1,
        "refunds_quantity_milli": 1000,
        "refunds_gross_minor": 200,
        "refunds_net_minor": 200,
        "refunds_tax_minor": 0,
        "refunds_discount_minor": 0,
    }


async def test_a_void_counts_out_on_its_own_day(books: Books) -> None:
    await a_week(books)

    rows = await report(books, "business_date")
    assert picked(rows, "business_date", "sales_count", "net_minor") == [
        (DAY, 4, 4500),
        (DAY + timedelta(days=1), -1, -1800),
    ]


async def test_a_void_counts_under_its_own_hour_and_the_sale_s_cashier(books: Books) -> None:
    await a_week(books)

    rows = await report(books, "hour", "cashier")
    bob = [row for row in rows if row["cashier_id"] == id_of("BOB")]
    assert picked(bob, "hour", "sales_count", "net_minor") == [(8, -1, -1800), (17, 1, 1800)]


async def test_a_count_is_of_distinct_sales_with_a_line_in_the_row(books: Books) -> None:
    """Three sales of bread and wine: by product each counts once a product, by category once."""
    till = Till("K1")
    await books.take(
        till.rings(
            basket("K1-1", "1 x WINE @ 10.00", "1 x BREAD @ 2.00"),
            basket("K1-2", "1 x WINE @ 10.00", "2 x WINE @ 9.00"),
            sale((), number="K1-3", tenders=()),
        )
    )

    by_product = {row["product_id"]: row["sales_count"] for row in await report(books, "product")}
    assert by_product == {PRODUCTS["WINE"]: 2, PRODUCTS["BREAD"]: 1}
    assert picked(await report(books, "category"), "category", "sales_count") == [("food", 2)]
    assert picked(await report(books), "sales_count") == [(3,)]


async def test_a_line_with_two_taxes_stands_in_two_rows(books: Books) -> None:
    """Each with the net of its lines and that code's tax; a line without a tax under null, which comes first."""
    await books.take(Till("K1").rings(basket("K1-1", "2 x WINE @ 10.00", "1 x BREAD @ 2.00")))

    rows = await report(books, "tax")
    assert picked(rows, "tax_code", "rate_ppm", "sales_count", "net_minor", "tax_minor", "gross_minor") == [
        (None, None, 1, 200, 0, 200),
        ("CITY", 22_500, 1, 2000, 45, 2045),
        ("STATE", 62_500, 1, 2000, 125, 2125),
    ]


async def test_columns_stand_in_the_contract_s_order(books: Books) -> None:
    await a_week(books)

    (first, *_) = await report(books, "tax", "terminal", "hour", "location", "category")
    assert list(first)[:6] == ["location_id", "hour", "category", "terminal_id", "tax_code", "rate_ppm"]


@pytest.mark.parametrize("size", [1, 2, 3])
async def test_every_combination_adds_up_to_the_same(books: Books, size: int) -> None:
    """Any dimensions, but for tax, where a line may stand in two rows: all figures but counts add up to the whole."""
    await a_week(books)
    (whole,) = await report(books)
    added = ("quantity_milli", "net_minor", "gross_minor", "tax_minor", "discount_minor", "refunds_net_minor")
    for group_by in combinations([name for name in COLUMNS if name != "tax"], size):
        rows = await report(books, *group_by)
        assert {name: sum(row[name] for row in rows) for name in added} == {name: whole[name] for name in added}


async def test_reports_tie_to_the_ledger(books: Books) -> None:
    """Net to revenue and returns, taxes to the accounts of taxes."""
    await a_week(books)
    balances = await books.balances()
    (row,) = await report(books)

    assert row["net_minor"] == -balances["sales_revenue"]
    assert row["refunds_net_minor"] == balances["sales_returns"]
    taxes = sum(amount for account, amount in balances.items() if account.startswith("tax:"))
    assert row["refunds_tax_minor"] - row["tax_minor"] == taxes
