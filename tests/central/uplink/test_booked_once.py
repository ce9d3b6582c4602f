"""A line that comes early, twice, or to the chain and to a branch is kept in order and booked once (section 4)."""

import random
from itertools import permutations
from typing import Any

import pytest

from tests.central.conftest import TenantFixture
from tests.central.uplink.conftest import NewTill
from tests.central.uplink.test_forks import balances, branches, forked, lines_on, resolve
from tests.central.uplink.test_lost_sequences import lose
from tests.central.uplink.tills import Till

Body = tuple[str, int, int]

MINE: list[Body] = [("till", 1, 2), ("till", 3, 4), ("till", 5, 7)]
THEIRS: list[Body] = [("clone", 3, 4), ("clone", 5, 5), ("clone", 6, 8)]
ORDERS = random.Random(7).sample(list(permutations(MINE + THEIRS)), 24)
"""Of the 720, which tests of the order alone go through one by one."""


async def disks_of(till: Till) -> dict[str, Till]:
    """A till and a clone of it that went its own way after two sales."""
    till.sells(2)
    clone = till.clone()
    till.sells(5, name="TEA")
    clone.sells(6, name="WINE")
    return {"till": till, "clone": clone}


async def places_of(till: Till) -> dict[bytes, list[tuple[int, str]]]:
    """Branch and state of every row that has a line's bytes."""
    rows = await till.rows(
        "select line, branch, state from till.events where tenant_id = $1 and terminal_id = $2 order by branch",
        till.terminal_id,
    )
    places: dict[bytes, list[tuple[int, str]]] = {}
    for row in rows:
        places.setdefault(row["line"], []).append((row["branch"], row["state"]))
    return places


async def entries_of(till: Till) -> int:
    (row,) = await till.rows(
        "select count(*) as entries from till.entries where tenant_id = $1 and terminal_id = $2", till.terminal_id
    )
    count: int = row["entries"]
    return count


async def adopt_everything(tenant: TenantFixture, till: Till) -> None:
    for branch in await branches(tenant, till):
        if branch["status"] == "open":
            assert await resolve(tenant, till, branch["branch"], "adopt") == 204


@pytest.mark.parametrize("part", range(4))
async def test_two_disks_bodies_in_any_order_are_all_kept_and_each_line_is_booked_once(
    tenant: TenantFixture, new_till: NewTill, part: int
) -> None:
    for number, order in enumerate(ORDERS[part::4]):
        till = await new_till(f"Till {number}")
        disks = await disks_of(till)
        for name, first, last in order:
            assert (await disks[name].delivers(first, last))[0] in (200, 409)

        lines = set(till.journal.lines) | set(disks["clone"].journal.lines)
        places = await places_of(till)
        position = await till.position()
        assert (position["queued"], position["missing"]) == ([], []), order
        assert places.keys() == lines
        assert {len(rows) for rows in places.values()} == {1}, order
        await adopt_everything(tenant, till)
        for name, first, last in random.Random(number).sample(order, len(order)):
            assert (await disks[name].delivers(first, last))[0] in (200, 409)
        await adopt_everything(tenant, till)

        states = [[state for _, state in rows] for rows in (await places_of(till)).values()]
        assert all(one.count("applied") == 1 and set(one) <= {"applied", "kept"} for one in states), order
        assert await entries_of(till) == 3 * len(lines)


async def test_a_clone_s_line_that_came_early_goes_to_its_branch_with_those_before_it(
    tenant: TenantFixture, till: Till
) -> None:
    disks = await disks_of(till)
    clone = disks["clone"]
    await till.delivers(1, 3)
    status, answer, _ = await clone.delivers(6, 7)
    assert (status, answer["queued"], answer["missing"]) == (200, [[6, 7]], [[4, 5]])

    forked(await clone.delivers(3, 5), sequence=3, branch=1, kept_through=7)

    position = await till.position()
    assert (position["applied_through"], position["queued"], position["missing"]) == (3, [], [])
    assert [sequence for sequence, _ in await lines_on(till, 1)] == [3, 4, 5, 6, 7]
    assert (await till.delivers(4, 7))[1]["applied_through"] == 7


async def test_an_early_line_comes_with_a_later_body_of_the_branch_too(tenant: TenantFixture, till: Till) -> None:
    disks = await disks_of(till)
    clone = disks["clone"]
    await till.delivers(1, 3)
    await clone.delivers(8, 8)
    forked(await clone.delivers(3, 5), branch=1, kept_through=5)
    assert (await till.position())["queued"] == [[8, 8]]

    forked(await clone.delivers(5, 8), sequence=5, branch=1, kept_through=8)

    assert (await till.position())["queued"] == []
    assert [sequence for sequence, _ in await lines_on(till, 1)] == [3, 4, 5, 6, 7, 8]


async def test_what_hung_on_a_line_that_left_the_chain_hangs_on_it_where_it_is(
    tenant: TenantFixture, till: Till
) -> None:
    disks = await disks_of(till)
    clone = disks["clone"]
    grandchild = Till(till.terminal)
    grandchild.journal.lines, grandchild.journal.at = list(clone.journal.lines[:5]), clone.journal.at
    grandchild.receipts = 5
    grandchild.sells(1, name="CAKE")
    await till.delivers(1, 3)
    await clone.delivers(5, 6)
    forked(await grandchild.delivers(6, 6), branch=1)
    forked(await clone.delivers(3, 4), branch=2, kept_through=6)

    hangs = [branch["hangs_on"] for branch in await branches(tenant, till)]
    assert hangs == [{"branch": 2, "sequence": 5}, {"branch": None, "sequence": 2}]
    await adopt_everything(tenant, till)

    assert {state for number in (1, 2) for _, state in await lines_on(till, number)} == {"applied"}
    assert (await balances(tenant))["cash"] == 8 * 700


async def with_lines_of_the_till_on_a_branch(till: Till) -> dict[str, Till]:
    """The till's sequences 6 and 7 came first, and the clone's 4 and 5 made a branch of them."""
    disks = await disks_of(till)
    await till.delivers(1, 2)
    await till.delivers(6, 7)
    status, answer, _ = await disks["clone"].delivers(4, 5)
    assert (status, answer["forked"], answer["queued"]) == (200, True, [[4, 5]])
    return disks


async def test_the_longest_chain_stays_where_a_body_closes_the_gap_before_a_clone_s_lines(till: Till) -> None:
    await with_lines_of_the_till_on_a_branch(till)

    status, answer, _ = await till.delivers(3, 5)

    assert (status, answer["forked"], answer["applied_through"]) == (200, True, 5)
    assert (answer["queued"], answer["missing"]) == ([], [])
    assert await lines_on(till, 1) == [(6, "kept"), (7, "kept")]
    assert await lines_on(till, 2) == [(4, "kept"), (5, "kept")]


async def test_adopting_a_branch_passes_over_what_stands_applied_on_the_chain(
    tenant: TenantFixture, till: Till
) -> None:
    await with_lines_of_the_till_on_a_branch(till)
    await till.delivers(3, 5)
    status, answer, _ = await till.delivers(6, 7)
    assert (status, answer["forked"], answer["applied_through"]) == (200, True, 7)

    assert await resolve(tenant, till, 1, "adopt") == 204

    assert (await balances(tenant))["cash"] == 7 * 700
    assert await lines_on(till, 1) == [(6, "kept"), (7, "kept")]
    assert await resolve(tenant, till, 2, "adopt") == 204
    assert (await balances(tenant))["cash"] == 9 * 700
    assert await till.rows("select 1 from till.branches where tenant_id = $1 and waiting") == []


async def test_the_chain_passes_over_what_was_booked_with_an_adopted_branch(tenant: TenantFixture, till: Till) -> None:
    await with_lines_of_the_till_on_a_branch(till)
    await till.delivers(3, 5)
    assert await resolve(tenant, till, 1, "adopt") == 204
    assert await resolve(tenant, till, 2, "discard") == 204
    assert (await balances(tenant))["cash"] == 7 * 700

    status, answer, _ = await till.sells(1, name="TEA").delivers(6, 8)

    assert (status, answer["stored"], answer["applied_through"]) == (200, 3, 8)
    assert (await balances(tenant))["cash"] == 8 * 700
    assert (await lines_on(till, 0))[5:] == [(6, "kept"), (7, "kept"), (8, "applied")]


async def test_the_queue_passes_over_what_was_booked_with_an_adopted_branch(tenant: TenantFixture, till: Till) -> None:
    await with_lines_of_the_till_on_a_branch(till)
    await till.delivers(3, 3)
    status, answer, _ = await till.delivers(5, 7)
    assert (status, answer["queued"]) == (200, [[5, 7]])
    assert await resolve(tenant, till, 1, "adopt") == 204
    assert (await balances(tenant))["cash"] == 5 * 700

    status, answer, _ = await till.delivers(4, 4)

    assert (status, answer["applied_through"], answer["queued"]) == (200, 7, [])
    assert (await balances(tenant))["cash"] == 7 * 700
    assert (await lines_on(till, 0))[3:] == [(4, "applied"), (5, "applied"), (6, "kept"), (7, "kept")]


async def found(till: Till, code: str) -> list[tuple[int, int]]:
    rows: list[dict[str, Any]] = await till.rows(
        "select branch, sequence from till.exceptions where tenant_id = $1 and code = $2 order by 1, 2", code
    )
    return [(row["branch"], row["sequence"]) for row in rows]


async def test_only_what_an_adopted_branch_books_is_marked_as_its_own(tenant: TenantFixture, till: Till) -> None:
    await with_lines_of_the_till_on_a_branch(till)
    await till.delivers(3, 6)

    assert await resolve(tenant, till, 1, "adopt") == 204

    assert await lines_on(till, 1) == [(6, "kept"), (7, "applied")]
    assert await found(till, "adopted-branch") == [(1, 7)]
    assert (await balances(tenant))["cash"] == 7 * 700


async def test_what_goes_on_from_a_branch_stays_with_it_behind_a_declared_loss_too(
    tenant: TenantFixture, till: Till
) -> None:
    clone = (await disks_of(till))["clone"]
    await till.delivers(1, 3)
    forked(await clone.delivers(3, 5), branch=1, kept_through=5)
    await till.delivers(7, 7)
    assert (await lose(tenant, till, 4, 5))[0] == 204
    assert (await till.position())["applied_through"] == 5

    forked(await clone.delivers(6, 6), sequence=6, branch=1, kept_through=6)

    status, answer, _ = await till.delivers(6, 6)
    assert (status, answer["applied_through"]) == (200, 7)


async def test_a_hole_that_another_branch_fills_sends_no_terminal_back(tenant: TenantFixture, till: Till) -> None:
    clone = (await disks_of(till))["clone"]
    await till.delivers(1, 3)
    forked(await clone.delivers(3, 3), branch=1, kept_through=3)
    await till.delivers(7, 7)
    forked(await clone.delivers(7, 8), sequence=7, branch=1, kept_through=3)
    assert (await clone.delivers(5, 6))[1]["queued"] == [[5, 6]]
    assert (await till.delivers(4, 5))[1]["queued"] == []
    forked(await clone.delivers(4, 4), sequence=4, branch=1, kept_through=8)
    assert [branch["kept"] for branch in await branches(tenant, till)] == [[[3, 4], [7, 8]], [[7, 7]], [[5, 6]]]

    forked(await clone.delivers(7, 8), sequence=7, branch=1, kept_through=8)
    forked(await clone.delivers(3, 8), sequence=3, branch=1, kept_through=8)
