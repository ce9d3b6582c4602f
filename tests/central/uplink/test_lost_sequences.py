"""A hole for good is declared lost, and a lost line that turns up after all is not lost again (contract, section 4)."""

from typing import Any

import pytest

from tests.central.conftest import TenantFixture
from tests.central.uplink.tills import Till


async def lose(tenant: TenantFixture, till: Till, first: int, last: int, epoch: int = 1) -> tuple[int, Any]:
    path = f"/v1/terminals/{till.terminal_id}/epochs/{epoch}/lost"
    status, answer, _ = await tenant.post(path, {"from": first, "to": last, "note": "disk died"})
    return status, answer


async def states(till: Till) -> dict[int, str]:
    rows = await till.rows("select sequence, state from till.events where tenant_id = $1 and branch = 0")
    return {row["sequence"]: row["state"] for row in rows}


async def codes(till: Till, code: str) -> list[tuple[int, str]]:
    rows = await till.rows("select sequence, detail from till.exceptions where tenant_id = $1 and code = $2", code)
    return [(row["sequence"], row["detail"]) for row in rows]


async def with_a_hole(till: Till) -> Till:
    till.sells(9)
    await till.delivers(1, 2)
    await till.delivers(7, 9)
    return till


async def test_the_queue_behind_a_declared_loss_is_applied(tenant: TenantFixture, till: Till) -> None:
    await with_a_hole(till)

    assert (await lose(tenant, till, 3, 6))[0] == 204

    position = await till.position()
    assert (position["applied_through"], position["queued"], position["missing"]) == (9, [], [])
    assert await codes(till, "sequence-lost") == [(3, "sequences 3 to 6 were declared lost")]
    status, answer, _ = await till.sells(1).delivers(10, 10)
    assert (status, answer["applied_through"], answer["forked"]) == (200, 10, False)


async def test_a_loss_declared_in_parts_applies_with_the_last_of_them(tenant: TenantFixture, till: Till) -> None:
    await with_a_hole(till)
    assert (await lose(tenant, till, 5, 6))[0] == 204
    assert (await till.position())["applied_through"] == 2

    assert (await lose(tenant, till, 3, 4))[0] == 204

    assert (await till.position())["applied_through"] == 9


async def test_what_is_declared_lost_ahead_of_the_chain_is_not_listed_as_missing(
    tenant: TenantFixture, till: Till
) -> None:
    await with_a_hole(till)
    assert (await till.position())["missing"] == [[3, 6]]

    await lose(tenant, till, 5, 6)

    assert (await till.position())["missing"] == [[3, 4]]
    _, listed, _ = await tenant.get("/v1/terminals")
    assert listed["terminals"][0]["missing"] == [[3, 4]]
    status, answer, _ = await till.delivers(8, 9)
    assert (status, answer["queued"], answer["missing"]) == (200, [[7, 9]], [[3, 4]])
    await lose(tenant, till, 3, 3)
    assert (await till.position())["missing"] == [[4, 4]]


async def test_what_was_not_lost_of_a_declared_range_applies_in_order(tenant: TenantFixture, till: Till) -> None:
    await with_a_hole(till)
    await lose(tenant, till, 5, 6)

    status, answer, _ = await till.delivers(3, 4)

    assert (status, answer["applied_through"]) == (200, 9)


async def test_what_is_not_missing_cannot_be_declared_lost(tenant: TenantFixture, till: Till) -> None:
    await with_a_hole(till)

    for first, last in ((2, 3), (3, 7), (9, 9), (10, 12), (6, 5), (0, 3)):
        assert (await lose(tenant, till, first, last))[0] == 422
    assert (await till.position())["applied_through"] == 2


async def test_what_was_declared_lost_cannot_be_lost_again(tenant: TenantFixture, till: Till) -> None:
    await with_a_hole(till)
    await lose(tenant, till, 4, 5)

    assert (await lose(tenant, till, 4, 6))[0] == 422
    assert (await lose(tenant, till, 3, 6, epoch=7))[0] == 404


async def test_lost_lines_that_turn_up_are_held_until_they_reach_what_is_stored(
    tenant: TenantFixture, till: Till
) -> None:
    await with_a_hole(till)
    await lose(tenant, till, 3, 6)

    status, answer, _ = await till.delivers(3, 4)
    assert (status, answer["stored"], answer["applied_through"], answer["forked"]) == (200, 2, 9, False)
    assert [(await states(till))[sequence] for sequence in (3, 4)] == ["held", "held"]
    status, answer, _ = await till.delivers(5, 6)

    assert (status, answer["stored"]) == (200, 2)
    assert set((await states(till)).values()) == {"applied"}
    _, ledger, _ = await tenant.get("/v1/ledger/balances")
    assert {row["account"]: row["amount_minor"] for row in ledger["balances"]}["cash"] == 9 * 700


async def test_a_whole_lost_run_is_applied_at_once(tenant: TenantFixture, till: Till) -> None:
    await with_a_hole(till)
    await lose(tenant, till, 3, 6)

    status, answer, _ = await till.delivers(2, 8)

    assert (status, answer["stored"], answer["duplicates"]) == (200, 4, 3)
    assert set((await states(till)).values()) == {"applied"}


async def test_lost_lines_of_another_disk_are_a_fork(tenant: TenantFixture, till: Till) -> None:
    till.sells(2)
    clone = till.clone()
    till.sells(7, name="TEA")
    clone.sells(4, name="WINE")
    await till.delivers(1, 2)
    await till.delivers(7, 9)
    await lose(tenant, till, 3, 6)
    assert (await clone.delivers(3, 4))[0] == 200

    status, answer, _ = await clone.delivers(5, 6)

    assert (status, answer["sequence"], answer["branch"], answer["kept_through"]) == (409, 5, 1, 6)
    assert sorted(await states(till)) == [1, 2, 7, 8, 9]
    rows = await till.rows("select sequence from till.events where tenant_id = $1 and branch = 1 order by 1")
    assert [row["sequence"] for row in rows] == [3, 4, 5, 6]


async def test_only_an_owner_declares_a_loss(tenant: TenantFixture, till: Till) -> None:
    await with_a_hole(till)
    manager = await tenant.key_for("manager")

    path = f"/v1/terminals/{till.terminal_id}/epochs/1/lost"
    assert (await manager.post(path, {"from": 3, "to": 6}))[0] == 403


async def test_a_long_queue_applies_in_several_transactions(
    tenant: TenantFixture, till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("central.uplink.ingest.turn_lines_max", 4)
    monkeypatch.setattr("central.uplink.turns.turn_lines_max", 4)
    till.sells(20)
    await till.delivers(2, 20)

    status, answer, _ = await till.delivers(1, 1)

    assert (status, answer["applied_through"], answer["queued"], answer["missing"]) == (200, 20, [], [])
    position = await till.position()
    assert position["applied_through"] == 20
    assert (await till.sells(1).delivers(21, 21))[1]["applied_through"] == 21
