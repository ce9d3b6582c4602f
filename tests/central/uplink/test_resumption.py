"""Turns too long for one transaction: bounded, durable in between, and gone on with after a crash (section 4)."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest

from central.database import Database, DatabaseUnavailableError
from central.uplink import turns
from central.uplink.resumption import Resumption
from central.uplink.uplink import Uplink
from tests.central.conftest import Central, StartCentral, TenantFixture
from tests.central.uplink.conftest import NewTill
from tests.central.uplink.test_forks import balances, branches, lines_on, resolve, status_of
from tests.central.uplink.test_lost_sequences import lose, states
from tests.central.uplink.tills import Till

lines_max = 4
StartAgain = Callable[[], Awaitable[Central]]


@pytest.fixture(autouse=True)
def _short_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("ingest", "turns"):
        monkeypatch.setattr(f"central.uplink.{module}.turn_lines_max", lines_max)


@pytest.fixture
def start_again(database: Database, start_central: StartCentral) -> StartAgain:
    """Starts another process on the same database, and waits until it has looked for what was left."""

    async def start() -> Central:
        central = await start_central(Database(database.address))
        async with asyncio.timeout(30):
            await central.services.of(Resumption).has_looked.wait()
        return central

    return start


def crash_after(monkeypatch: pytest.MonkeyPatch, turns_done: int) -> list[int]:
    """Central dies when so many turns after a body's own transaction are done; answers how many lines each applied."""
    real = turns.take_turn
    applied: list[int] = []

    async def take_turn(*arguments: Any, **named: Any) -> turns.Turn:
        if len(applied) == turns_done:
            raise DatabaseUnavailableError("the server is gone")
        turn = await real(*arguments, **named)
        applied.append(turn.applied)
        return turn

    monkeypatch.setattr("central.uplink.uplink.take_turn", take_turn)
    return applied


async def with_a_branch(till: Till) -> None:
    """Ten sales on a branch of their own, the chain at five."""
    till.sells(2)
    clone = till.clone()
    till.sells(3, name="TEA")
    clone.sells(10, name="WINE")
    await till.delivers()
    assert (await clone.delivers())[0] == 409


async def with_found_lines(tenant: TenantFixture, till: Till) -> None:
    """Twenty sales, of which 3 to 14 were declared lost; 3 is all that is not found yet."""
    till.sells(20)
    await till.delivers(1, 2)
    await till.delivers(15, 20)
    assert (await lose(tenant, till, 3, 14))[0] == 204
    assert (await till.delivers(4, 13))[1]["stored"] == 10


async def test_an_adoption_that_a_crash_cut_short_goes_on_when_central_starts(
    tenant: TenantFixture, till: Till, monkeypatch: pytest.MonkeyPatch, start_again: StartAgain
) -> None:
    await with_a_branch(till)
    with monkeypatch.context() as crashing:
        applied = crash_after(crashing, turns_done=1)
        assert await resolve(tenant, till, 1, "adopt") == 503
    assert applied == [lines_max]
    (branch,) = await branches(tenant, till)
    assert (branch["status"], branch["applying"]) == ("adopted", True)
    assert [state for _, state in await lines_on(till, 1)] == ["applied"] * 4 + ["kept"] * 6

    await start_again()

    assert {state for _, state in await lines_on(till, 1)} == {"applied"}
    assert (await balances(tenant))["cash"] == 15 * 700
    (branch,) = await branches(tenant, till)
    assert (branch["applying"], await status_of(tenant)) == (False, "active")


async def test_a_queue_that_a_crash_cut_short_goes_on_when_central_starts(
    tenant: TenantFixture, till: Till, monkeypatch: pytest.MonkeyPatch, start_again: StartAgain
) -> None:
    till.sells(20)
    await till.delivers(2, 20)
    with monkeypatch.context() as crashing:
        crash_after(crashing, turns_done=0)
        assert (await till.delivers(1, 1))[0] == 503
    assert (await till.position())["applied_through"] == lines_max

    await start_again()

    assert (await till.position())["applied_through"] == 20
    assert (await balances(tenant))["cash"] == 20 * 700


async def test_a_declared_loss_that_a_crash_cut_short_goes_on_when_central_starts(
    tenant: TenantFixture, till: Till, monkeypatch: pytest.MonkeyPatch, start_again: StartAgain
) -> None:
    till.sells(9)
    await till.delivers(1, 2)
    await till.delivers(7, 9)
    with monkeypatch.context() as crashing:
        crash_after(crashing, turns_done=0)
        assert (await lose(tenant, till, 3, 6))[0] == 503

    await start_again()

    position = await till.position()
    assert (position["applied_through"], position["queued"], position["missing"]) == (9, [], [])


async def test_a_found_run_is_applied_in_bounded_turns_and_answered_when_it_is_whole(
    tenant: TenantFixture, till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    await with_found_lines(tenant, till)
    applied = crash_after(monkeypatch, turns_done=99)
    await till.delivers(14, 14)

    status, answer, _ = await till.delivers(3, 3)

    assert (status, answer["stored"], answer["applied_through"], answer["queued"]) == (200, 1, 20, [])
    assert applied == [lines_max, 3]  # after the four that came with 14; 3 then came alone
    assert set((await states(till)).values()) == {"applied"}
    assert (await balances(tenant))["cash"] == 20 * 700
    rows = await till.rows("select sequence from till.entries where tenant_id = $1 order by entry_number")
    assert list(dict.fromkeys(row["sequence"] for row in rows)) == [1, 2, *range(15, 21), *range(4, 15), 3]


async def test_a_body_of_found_lines_longer_than_a_turn_is_applied_in_its_order(
    tenant: TenantFixture, till: Till
) -> None:
    till.sells(20)
    await till.delivers(1, 2)
    await till.delivers(15, 20)
    await lose(tenant, till, 3, 14)

    status, answer, _ = await till.delivers(1, 20)

    assert (status, answer["stored"], answer["duplicates"], answer["applied_through"]) == (200, 12, 8, 20)
    rows = await till.rows("select sequence from till.entries where tenant_id = $1 order by entry_number")
    assert list(dict.fromkeys(row["sequence"] for row in rows)) == [1, 2, *range(15, 21), *range(3, 15)]


async def test_a_found_run_that_a_crash_cut_short_is_durable_and_goes_on_when_central_starts(
    tenant: TenantFixture, till: Till, monkeypatch: pytest.MonkeyPatch, start_again: StartAgain
) -> None:
    await with_found_lines(tenant, till)
    with monkeypatch.context() as crashing:
        crash_after(crashing, turns_done=1)
        assert (await till.delivers(14, 14))[0] == 503
    kept = await states(till)
    assert [kept[sequence] for sequence in range(4, 15)] == ["applied"] * 8 + ["held"] * 3

    await start_again()

    assert set((await states(till)).values()) == {"applied"}
    assert (await balances(tenant))["cash"] == 19 * 700
    status, answer, _ = await till.delivers(14, 14)
    assert (status, answer["duplicates"]) == (200, 1)


async def test_a_body_takes_on_what_a_crash_left_of_a_found_run(
    tenant: TenantFixture, till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    await with_found_lines(tenant, till)
    with monkeypatch.context() as crashing:
        crash_after(crashing, turns_done=0)
        assert (await till.delivers(14, 14))[0] == 503

    assert (await till.delivers(14, 14))[0] == 200

    assert set((await states(till)).values()) == {"applied"}
    assert (await balances(tenant))["cash"] == 19 * 700


async def test_what_turns_raise_is_in_the_answer_to_the_body_that_began_them(till: Till) -> None:
    till.sells(9)
    till.appends(till.sale_without_tender())
    await till.delivers(2, 10)

    status, answer, _ = await till.delivers(1, 1)

    assert (status, answer["applied_through"]) == (200, 10)
    assert (10, "tender-mismatch") in [(one["sequence"], one["code"]) for one in answer["exceptions"]]


async def test_a_line_that_waits_for_others_is_left_alone_when_central_starts(
    tenant: TenantFixture, till: Till, start_again: StartAgain
) -> None:
    await with_found_lines(tenant, till)
    heard_of = await till.rows("select last_seen_at from till.epochs where tenant_id = $1")

    await start_again()

    kept = await states(till)
    assert {kept[sequence] for sequence in range(4, 14)} == {"held"}
    assert await till.rows("select last_seen_at from till.epochs where tenant_id = $1") == heard_of


async def test_an_epoch_that_cannot_go_on_keeps_no_other_waiting(
    tenant: TenantFixture, new_till: NewTill, monkeypatch: pytest.MonkeyPatch, start_again: StartAgain
) -> None:
    tills = [await new_till(f"Till {number}") for number in range(3)]
    for till in tills:
        till.sells(8)
        await till.delivers(2, 8)
    with monkeypatch.context() as crashing:
        crash_after(crashing, turns_done=0)
        for till in tills:
            assert (await till.delivers(1, 1))[0] == 503
    real = Uplink.go_on
    broken = min(tills, key=lambda till: till.terminal_id).terminal_id

    async def go_on(self: Uplink, tenant_id: UUID, terminal_id: UUID, epoch: int) -> turns.Turn:
        if terminal_id == broken:
            raise RuntimeError("a fault of ours")
        return await real(self, tenant_id, terminal_id, epoch)

    monkeypatch.setattr(Uplink, "go_on", go_on)
    await start_again()

    reached = {till.terminal_id: (await till.position())["applied_through"] for till in tills}
    assert reached == {till.terminal_id: lines_max if till.terminal_id == broken else 8 for till in tills}
