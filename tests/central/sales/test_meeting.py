"""Events of one receipt that arrive at the same moment, each in a transaction of its own, do not miss each other."""

import asyncio
from datetime import timedelta

from tests.central.books import ARRIVAL, Books, Till
from tests.trade import cart, refund, sale, void

pairs = 24


async def test_a_sale_and_its_void_at_the_same_moment(books: Books) -> None:
    """Whichever transaction comes second sees the other: no void waits for a sale that is there."""
    work = []
    for number in range(1, pairs + 1):
        here, there = Till(f"A{number}"), Till(f"B{number}")
        sold = sale(cart("1 x TEA @ 1.20"), number=f"A{number}-1")
        work += [books.take(here.rings(sold)), books.take(there.rings(void(sold)))]

    await asyncio.gather(*work)

    assert await books.balances() == {}
    assert await books.rows("select * from till.waiting where tenant_id = $1") == []
    assert len(await books.rows("select * from till.entries where tenant_id = $1")) == pairs * 6


async def test_refunds_of_one_sale_at_the_same_moment(books: Books) -> None:
    """What they gave back adds up, and what is too much is seen."""
    shop = Till("A1")
    sold = sale(cart(f"{pairs} x TEA @ 1.20"), number="A1-1")
    await books.take(shop.rings(sold))
    work = []
    for number in range(1, pairs + 2):
        till = Till(f"B{number}")
        work.append(books.take(till.rings(refund(sold, {1: 1000}, number=f"B{number}-1"))))

    await asyncio.gather(*work)

    (row,) = await books.rows("select quantity_milli from till.refunded_lines where tenant_id = $1")
    assert row["quantity_milli"] == (pairs + 1) * 1000
    assert await books.codes() == ["refund-exceeds-sale"]


async def test_tills_that_void_each_other_s_sales_never_deadlock(books: Books) -> None:
    """Batches that name each other's receipts take them in one order."""
    sales = [sale(cart("1 x TEA @ 1.20"), number=f"T{number}-1") for number in range(pairs)]
    work = []
    for number in range(pairs):
        till = Till(f"T{number}")
        others = [void(sales[(number + step) % pairs]) for step in (3, 1, 2)]
        work.append(books.take(till.rings(sales[number], *others), now=ARRIVAL + timedelta(seconds=number)))

    await asyncio.gather(*work)

    assert await books.rows("select * from till.waiting where tenant_id = $1") == []
    assert await books.balances() == {
        "cash": -pairs * 240,
        "sales_revenue": pairs * 200,
        "tax:VAT-S": pairs * 40,
    }
    assert await books.codes() == ["already-voided"] * (2 * pairs)
