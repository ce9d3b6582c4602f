"""Whole or nothing at a crash, and the same books however bodies crowd and shuffle (contract, section 4)."""

import asyncio
import random
from typing import Any

import asyncpg
import pytest

from central import ledger, sales, terminals
from central.database import Database, DatabaseUnavailableError
from tests.central.conftest import StartCentral, TenantFixture
from tests.central.uplink.conftest import NewTill
from tests.central.uplink.tills import Till

CRASH_POINTS = [
    (sales, "book"),
    (sales, "raise_exceptions"),
    (ledger, "post"),
    (terminals, "move_positions"),
]


@pytest.mark.parametrize(("module", "name"), CRASH_POINTS, ids=[name for _, name in CRASH_POINTS])
async def test_a_crash_at_any_step_leaves_nothing_and_the_repeat_everything(
    till: Till, tenant: TenantFixture, monkeypatch: pytest.MonkeyPatch, module: Any, name: str
) -> None:
    till.sells(3)
    with monkeypatch.context() as crashing:
        real = getattr(module, name)

        async def then_crash(*arguments: Any, **named: Any) -> None:
            await real(*arguments, **named)
            raise DatabaseUnavailableError("the server is gone")

        crashing.setattr(module, name, then_crash)
        status, answer, headers = await till.delivers()

    assert (status, answer["type"].rpartition("/")[2]) == (503, "database-unavailable")
    assert 1 <= int(headers["Retry-After"]) <= 5
    assert await till.rows("select 1 from till.events where tenant_id = $1") == []
    assert await till.rows("select 1 from till.entries where tenant_id = $1") == []
    assert (await till.position())["applied_through"] == 0

    status, answer, _ = await till.delivers()
    assert (status, answer["stored"], answer["applied_through"]) == (200, 3, 3)
    _, ledger_says, _ = await tenant.get("/v1/ledger/balances")
    assert {row["account"]: row["amount_minor"] for row in ledger_says["balances"]}["cash"] == 3 * 700


async def test_a_connection_killed_in_mid_transaction_is_a_503_and_nothing_is_kept(
    till: Till, monkeypatch: pytest.MonkeyPatch, superuser_address: str
) -> None:
    till.sells(2)
    with monkeypatch.context() as crashing:
        real = ledger.post

        async def killed(session: Any, *arguments: Any) -> None:
            pid = session.driver.get_server_pid()
            administrator = await asyncpg.connect(superuser_address)
            await administrator.execute("select pg_terminate_backend($1)", pid)
            await administrator.close()
            await real(session, *arguments)

        crashing.setattr(ledger, "post", killed)
        status, _, _ = await till.delivers()

    assert status == 503
    assert await till.rows("select 1 from till.events where tenant_id = $1") == []
    assert (await till.delivers())[0] == 200


async def everything(till: Till) -> dict[str, list[Any]]:
    """The books of the tenant, without what depends on the time of arrival."""
    tables = {
        "events": "select terminal_id, branch, sequence, state, line from till.events where tenant_id = $1",
        "balances": "select * from till.daily_balances where tenant_id = $1",
        "entries": "select terminal_id, sequence, account, amount_minor from till.entries where tenant_id = $1",
        "positions": "select terminal_id, applied_through, applied_hash, queued::text from till.epochs"
        " where tenant_id = $1",
        "daily": "select * from till.sales_daily where tenant_id = $1",
    }
    return {
        name: sorted((tuple(row.values()) for row in await till.rows(statement)), key=repr)
        for name, statement in tables.items()
    }


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_shuffled_overlapping_bodies_from_eight_connections_end_as_in_order(till: Till, seed: int) -> None:
    till.sells(60)
    shuffle = random.Random(seed)
    bodies = [(first, min(first + 5, 60)) for first in range(1, 60, 4)] * 2
    shuffle.shuffle(bodies)
    waiting = asyncio.Queue[tuple[int, int]]()
    for body in bodies:
        waiting.put_nowait(body)

    async def connection() -> None:
        while not waiting.empty():
            first, last = waiting.get_nowait()
            status, answer, _ = await till.delivers(first, last)
            assert status in (200, 503), answer
            if status == 503:
                waiting.put_nowait((first, last))

    await asyncio.gather(*(connection() for _ in range(8)))

    found = await everything(till)
    assert [row[2:4] for row in sorted(found["events"], key=lambda row: row[2])] == [
        (sequence, "applied") for sequence in range(1, 61)
    ]
    assert len(found["entries"]) == 60 * 3
    assert found["positions"][0][1] == 60
    by_account = {row[3]: row[4] for row in found["balances"]}
    assert by_account["cash"] == 60 * 700


async def test_two_nodes_on_one_database_take_one_terminal_s_bodies(
    till: Till, database: Database, start_central: StartCentral
) -> None:
    other = await start_central(Database(database.address))
    till.sells(40)
    nodes = [till.terminal.url, other.url]

    async def deliver(index: int, first: int) -> int:
        terminal = till.clone().terminal
        signed, headers = terminal.sign_body(till.journal.lines[first - 1 : first + 3])
        async with terminal.http.post(
            f"{nodes[index % 2]}/v1/sync/events",
            data=signed,
            headers={**headers, "Authorization": f"Bearer {terminal.token}"},
        ) as answer:
            return answer.status

    statuses = await asyncio.gather(*(deliver(index, first) for index, first in enumerate(range(1, 40, 4))))

    assert set(statuses) == {200}
    found = await everything(till)
    assert found["positions"][0][1] == 40
    assert len(found["entries"]) == 40 * 3


async def test_many_terminals_at_once_are_merged_and_none_is_lost(new_till: NewTill) -> None:
    tills = [(await new_till(f"Till {number}")).sells(3) for number in range(12)]

    answers = await asyncio.gather(*(till.delivers(number, number) for till in tills for number in (1, 2, 3)))

    assert {status for status, _, _ in answers} == {200}
    for till in tills:
        assert (await till.position())["applied_through"] == 3
    found = await everything(tills[0])
    assert len(found["events"]) == 36


async def test_a_terminal_that_sends_too_much_at_once_is_told_to_wait(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("central.uplink.group_commit.bodies_per_terminal_max", 2)
    till.sells(30)

    answers = await asyncio.gather(*(till.delivers(number, number) for number in range(1, 31)))

    assert {status for status, _, _ in answers} == {200, 503}
    for status, answer, headers in answers:
        if status == 503:
            assert answer["type"].rpartition("/")[2] == "overloaded"
            assert 1 <= int(headers["Retry-After"]) <= 5


async def test_a_full_queue_refuses_before_it_reads(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("central.uplink.group_commit.bodies_max", 0)
    till.sells(1)

    status, answer, headers = await till.delivers()

    assert (status, answer["type"].rpartition("/")[2]) == (503, "overloaded")
    assert "Retry-After" in headers
    assert await till.rows("select 1 from till.events where tenant_id = $1") == []
