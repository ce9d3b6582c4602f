"""Events booked: balances, receipts, refunds and voids, each in whatever order they come."""

from tests.central.books import Books, Till
from tests.trade import card, cart, cash, refund, sale, void


async def test_a_sale_books_and_counts(books: Books) -> None:
    till = Till("K1")
    await books.take(till.rings(sale(cart("2 x COFFEE @ 3.60"), tenders=[cash(720, 1000)])))

    assert await books.balances() == {"cash": 720, "sales_revenue": -600, "tax:VAT-S": -120}
    assert await books.codes() == []
    (day,) = await books.rows("select * from till.sales_daily where tenant_id = $1")
    assert (day["sales_count"], day["quantity_milli"], day["gross_minor"], day["net_minor"]) == (1, 2000, 720, 600)


async def test_names_with_any_characters_are_kept_as_they_are(books: Books) -> None:
    odd = 'a\tb\n"c" \\n {d,e} \x1f NULL Käse'
    sold = sale(cart("2 x COFFEE @ 3.60"), number=odd, tenders=[card(720, odd)], category=odd)
    await books.take(Till("K1").rings(sold))

    assert await books.balances() == {f"card_clearing:{odd}": 720, "sales_revenue": -600, "tax:VAT-S": -120}
    (receipt,) = await books.rows("select receipt_number from till.receipts where tenant_id = $1")
    assert receipt["receipt_number"] == odd
    (line,) = await books.rows("select category from till.report_lines where tenant_id = $1")
    assert line["category"] == odd


async def test_a_voided_sale_leaves_nothing(books: Books) -> None:
    till = Till("K1")
    sold = sale(cart("2 x COFFEE @ 3.60"))
    await books.take(till.rings(sold, void(sold)))

    assert await books.balances() == {}
    (day,) = await books.rows("select * from till.sales_daily where tenant_id = $1")
    assert (day["sales_count"], day["net_minor"]) == (0, 0)
    assert await books.codes() == []


async def test_a_void_before_its_sale_waits_for_it(books: Books) -> None:
    """It has no entries yet; when the sale comes it is dated as the VOID, at the sale's location."""
    here, there = Till("K1"), Till("K2")
    sold = sale(cart("2 x COFFEE @ 3.60"), number="K2-1")
    await books.take(here.rings(void(sold)))

    assert await books.balances() == {}

    await books.take(there.rings(sold))

    assert await books.balances() == {}
    assert len(await books.rows("select * from till.entries where tenant_id = $1")) == 6
    assert await books.codes() == []


async def test_a_refund_before_its_sale_books_at_once(books: Books) -> None:
    here, there = Till("K1"), Till("K2")
    sold = sale(cart("2 x COFFEE @ 3.60"), number="K2-1")
    await books.take(here.rings(refund(sold, {1: 1000}, number="K1-1")))

    assert await books.balances() == {"cash": -360, "sales_returns": 300, "tax:VAT-S": 60}

    await books.take(there.rings(sold))

    assert await books.codes() == []
