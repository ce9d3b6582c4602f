"""Balances and reports are a function of the set of events, never of the order in which they arrived."""

from collections.abc import Sequence
from random import Random
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from central.database import Database
from protocol.events import Payload, Refund, Sale
from tests.central.books import Books, Till
from tests.trade import (
    cart,
    cash,
    cash_in,
    cash_out,
    exchange,
    id_of,
    refund,
    refund_without_receipt,
    sale,
    shift_close,
    shift_open,
    void,
    voucher,
)

LOCATIONS = ("LISBON", "LISBON", "PORTO")


def a_day(random: Random, tills: Sequence[Till]) -> None:
    """A day of three tills that refund and void each other's receipts, and get some of it wrong."""
    receipts: list[Sale | Refund] = []
    for till in tills:
        till.rings(shift_open(till.name, 10_000))
    for turn in range(random.randint(4, 14)):
        till = random.choice(tills)
        till.counter += 1
        payload = _an_event(random, till, receipts, turn)
        till.rings(payload)
        if isinstance(payload, Sale | Refund):
            receipts.append(payload)
    for till in tills:
        till.rings(shift_close(random.choice([0, 9_000]), 10_000, shift=till.name))


def _an_event(random: Random, till: Till, receipts: Sequence[Sale | Refund], turn: int) -> Payload:
    number = f"{till.name}-{till.counter}"
    sales = [receipt for receipt in receipts if isinstance(receipt, Sale)]
    goods = cart(*random.sample(["3 x WINE @ 9.99 -1.00", "1 x BREAD @ 2.35", "0.750 x CHEESE @ 11.90"], k=2))
    kind = random.choice(["sale", "sale", "refund", "void", "void", "cash", "voucher", "spend", "swap", "bare"])
    if kind == "void" and receipts:
        return void(random.choice(receipts), shift=random.choice([till.name, "K1"]))
    if kind == "refund" and sales:
        of = random.choice(sales)
        line = random.choice(of.lines)
        return refund(of, {line.line: max(1, line.quantity_milli // 3)}, number=number, shift=till.name)
    if kind == "cash":
        return random.choice([cash_in, cash_out])(random.randint(1, 5_000), till.name)
    if kind == "voucher":
        return sale(cart("1 x VOUCHER-7 @ 10.00"), number=number, shift=till.name)
    if kind == "spend":
        sold = sale(goods, number=number)
        return sale(goods, number=number, tenders=[voucher(sold.gross_minor, "VOUCHER-7")], shift=till.name)
    if kind == "swap":
        sold = sale(goods, number=number)
        halves = [exchange(500), cash(sold.gross_minor - 500)]
        return sale(goods, number=number, tenders=halves, exchange_id=id_of("swap"), shift=till.name)
    if kind == "bare":
        return refund_without_receipt(goods, number=number, shift=till.name)
    return sale(goods, number=number, shift=till.name, price_mode=random.choice(["tax_inclusive", "tax_exclusive"]))


async def arrived(
    database: Database, tills: Sequence[Till], random: Random | None
) -> dict[str, list[tuple[object, ...]]]:
    """The books after all events of some tills have come: each till's in its order, the tills mixed, in batches."""
    books = await Books(database, uuid4()).create()
    waiting = {till.name: list(till.pending) for till in tills}
    while any(waiting.values()):
        batch = []
        for _ in range(1 if random is None else random.randint(1, 6)):
            names = sorted(name for name, events in waiting.items() if events)
            if names:
                batch.append(waiting[names[0] if random is None else random.choice(names)].pop(0))
        await books.book(batch)
    await books.balances()
    return _without_tenant(await books.everything(), books.tenant_id)


def _without_tenant(
    tables: dict[str, list[tuple[object, ...]]], tenant_id: UUID
) -> dict[str, list[tuple[object, ...]]]:
    return {
        name: sorted((tuple(value for value in row if value != tenant_id) for row in rows), key=repr)
        for name, rows in tables.items()
    }


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(min_value=0, max_value=2**32 - 1))
async def test_any_order_of_arrival_gives_the_same_books(database: Database, seed: int) -> None:
    """Entries, balances, roll-ups, cash of shifts, vouchers and what refunds gave, to the last row."""
    random = Random(seed)
    tills = [Till(f"K{number}", location) for number, location in enumerate(LOCATIONS, start=1)]
    a_day(random, tills)

    assert await arrived(database, tills, random) == await arrived(database, tills, None)


@pytest.mark.parametrize("first", ["sale", "refund", "void"])
async def test_a_sale_its_refund_and_its_void_from_three_tills(database: Database, first: str) -> None:
    """Whichever of the three comes first, the books end alike."""
    sold = sale(cart("2 x COFFEE @ 3.60"), number="K1-1")
    payloads: dict[str, Payload] = {"sale": sold, "refund": refund(sold, {1: 1000}, number="K2-1"), "void": void(sold)}
    order = sorted(payloads, key=lambda name: name != first)
    results = []
    for names in (order, list(payloads)):
        books = await Books(database, uuid4()).create()
        tills = {name: Till(f"K{number}") for number, name in enumerate(payloads, start=1)}
        for name in names:
            await books.take(tills[name].rings(payloads[name]))
        results.append(_without_tenant(await books.everything(), books.tenant_id))

    assert results[0] == results[1]
