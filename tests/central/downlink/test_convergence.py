"""A replica that follows deltas ends with what a fresh snapshot gives, whoever writes meanwhile (section 5)."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from central.database import Database
from central.downlink import record
from central.downlink.change_log import RecordedChange
from central.downlink.cursor import DeltaCursor, SnapshotCursor
from central.downlink.problems import CursorGone
from central.tenant_session import operator, tenant_session
from protocol.downlink import SNAPSHOT_ORDER
from tests.central.downlink.goods import PLACES, TODAY, Goods, Replica, make_table

WHERE = st.sampled_from([None, (), (PLACES[0],), (PLACES[1],), PLACES])
ACTION = st.tuples(
    st.sampled_from(SNAPSHOT_ORDER[2:5]),
    st.integers(0, 6).map(str),
    st.none() | st.tuples(st.integers(0, 99), WHERE),
)
Action = tuple[Any, str, tuple[int, Sequence[UUID] | None] | None]


@pytest.fixture
async def database_with_goods(database: Database, superuser_address: str) -> Database:
    await make_table(superuser_address)
    return database


@pytest.fixture
async def goods(database_with_goods: Database) -> Goods:
    opened = Goods(database_with_goods)
    await opened.open()
    return opened


async def act(goods: Goods, actions: list[Action]) -> None:
    for entity, one, what in actions:
        if what is None:
            await goods.delete(entity, one)
        else:
            await goods.put(entity, one, what[0], what[1])


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    before=st.lists(ACTION, max_size=12),
    writers=st.lists(st.lists(ACTION, max_size=12), min_size=1, max_size=3),
    limits=st.lists(st.integers(1, 6), min_size=4, max_size=4),
)
async def test_who_follows_while_others_write_ends_with_what_a_fresh_terminal_gets(
    database_with_goods: Database, before: list[Action], writers: list[list[Action]], limits: list[int]
) -> None:
    goods = Goods(database_with_goods)
    await goods.open()
    await act(goods, before)
    replicas = [Replica(goods, place, limit) for place, limit in zip(PLACES * 2, limits, strict=True)]
    writing = asyncio.gather(*(act(goods, actions) for actions in writers))

    async def follow(replica: Replica) -> None:
        while not writing.done():
            await replica.step()

    await asyncio.gather(writing, *(follow(replica) for replica in replicas))
    for replica in replicas:
        fresh = await Replica(goods, replica.place).catch_up()
        assert await replica.catch_up() == fresh


async def test_a_change_between_the_pages_of_a_snapshot_is_not_lost(goods: Goods) -> None:
    for number in range(6):
        await goods.put("product", str(number), number)
    replica = Replica(goods, PLACES[0], limit=2)
    await replica.step()
    await goods.put("product", "0", 100)
    await goods.put("product", "5", 105, [PLACES[1]])
    await goods.put("tax_group", "new", 7)
    await goods.delete("product", "1")
    followed = await replica.catch_up()

    assert followed == await Replica(goods, PLACES[0]).catch_up()
    assert followed == {
        ("product", "0"): 100,
        ("product", "2"): 2,
        ("product", "3"): 3,
        ("product", "4"): 4,
        ("tax_group", "new"): 7,
    }


async def test_a_snapshot_comes_in_the_contracts_order(goods: Goods) -> None:
    for entity in reversed(SNAPSHOT_ORDER):
        for number in (2, 1):
            await goods.put(entity, f"{entity}-{number}", number, dated_on=TODAY if entity == "receipt" else None)
    replica = Replica(goods, PLACES[0], limit=3)
    page = await goods.page(None, limit=5)
    order = [msgspec.json.decode(raw)["id"] for raw in page.changes]
    while page.more:
        page = await goods.page(page.cursor, limit=5)
        order += [msgspec.json.decode(raw)["id"] for raw in page.changes]

    assert order == [f"{entity}-{number}" for entity in SNAPSHOT_ORDER for number in (1, 2)]
    assert len(await replica.catch_up()) == 2 * len(SNAPSHOT_ORDER)


async def test_a_snapshot_of_nothing_is_complete_at_once(goods: Goods) -> None:
    page = await goods.page(None)

    assert (page.changes, page.more) == ([], False)
    assert isinstance(page.cursor, DeltaCursor)


async def test_what_stops_applying_to_a_location_reaches_it_as_a_delete(goods: Goods) -> None:
    await goods.put("cashier", "anna", 1)
    replicas = [Replica(goods, place) for place in PLACES]
    for replica in replicas:
        assert await replica.catch_up() == {("cashier", "anna"): 1}
    await goods.put("cashier", "anna", 2, [PLACES[1]])

    assert await replicas[0].catch_up() == {}
    assert await replicas[1].catch_up() == {("cashier", "anna"): 2}


async def test_a_change_of_another_location_is_none_here(goods: Goods) -> None:
    first = await goods.page(None)
    await goods.put("product", "theirs", 1, [PLACES[1]])

    assert (await goods.page(first.cursor)).changes == []


async def test_receipts_older_than_a_till_keeps_them_are_not_sent(goods: Goods) -> None:
    first = await goods.page(None)
    for days in (0, 30, 31, 400):
        await goods.put("receipt", f"{days} days", days, [PLACES[0]], TODAY - timedelta(days=days))
    followed = {msgspec.json.decode(raw)["id"] for raw in (await goods.page(first.cursor)).changes}
    fresh = {msgspec.json.decode(raw)["id"] for raw in (await goods.page(None)).changes}

    assert followed == fresh == {"0 days", "30 days"}


async def test_a_till_that_shall_keep_more_receipts_starts_again(goods: Goods) -> None:
    page = await goods.page(None, days=30)
    with pytest.raises(CursorGone):
        await goods.page(page.cursor, days=31)
    fewer = await goods.page(page.cursor, days=10)
    with pytest.raises(CursorGone):
        await goods.page(fewer.cursor, days=30)


async def test_a_cursor_ahead_of_a_restored_database_is_gone(goods: Goods) -> None:
    for cursor in (DeltaCursor(1, 0, 30), SnapshotCursor(1, 0, 30, 0, "")):
        with pytest.raises(CursorGone):
            await goods.page(cursor)


async def test_a_later_revision_waits_for_the_earlier_one(goods: Goods) -> None:
    first = await goods.page(None)
    later_began = asyncio.Event()

    async def later() -> None:
        async with tenant_session(goods.database, operator(goods.tenant_id)) as session:
            later_began.set()
            await goods.put_in(session, "product", "later", 2)

    async with tenant_session(goods.database, operator(goods.tenant_id)) as session:
        await goods.put_in(session, "product", "earlier", 1)
        waiting = asyncio.create_task(later())
        await later_began.wait()
        await _until_somebody_waits_for_a_lock(goods)
        meanwhile = await goods.page(first.cursor)
        assert not waiting.done()
    await waiting
    page = await goods.page(meanwhile.cursor)

    assert meanwhile.changes == []
    assert [msgspec.json.decode(raw)["id"] for raw in page.changes] == ["earlier", "later"]


async def _until_somebody_waits_for_a_lock(goods: Goods) -> None:
    while True:
        async with tenant_session(goods.database, operator(goods.tenant_id)) as session:
            if await session.driver.fetchval("select exists (select from pg_locks where not granted)"):
                return


async def _put_and_fail(goods: Goods) -> None:
    async with tenant_session(goods.database, operator(goods.tenant_id)) as session:
        await goods.put_in(session, "product", "never", 1)
        raise RuntimeError("power cut")


async def test_a_revision_that_was_rolled_back_leaves_no_gap_to_wait_for(goods: Goods) -> None:
    first = await goods.page(None)
    with pytest.raises(RuntimeError, match="power cut"):
        await _put_and_fail(goods)
    await goods.put("product", "after", 2)
    page = await goods.page(first.cursor)

    assert [msgspec.json.decode(raw)["id"] for raw in page.changes] == ["after"]


async def test_many_changes_of_one_thing_in_one_transaction_are_one(goods: Goods) -> None:
    first = await goods.page(None)
    await goods.put("product", "one", 1)
    async with tenant_session(goods.database, operator(goods.tenant_id)) as session:
        await record(session, [RecordedChange(goods.tenant_id, "product", "one")] * 3)
        await record(session, [])

    assert len((await goods.page(first.cursor)).changes) == 1


async def test_a_page_ends_before_it_is_too_long(goods: Goods, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        await goods.put("product", str(number), number)
    monkeypatch.setattr("central.downlink.pages.page_bytes_max", 100)
    page = await goods.page(None)

    assert (len(page.changes), page.more) == (2, True)
    assert len(await Replica(goods, PLACES[0]).catch_up()) == 5
