"""A cloned or restored disk: its lines are kept as a branch, none booked unseen, none lost (contract, section 4)."""

from typing import Any

import pytest

from tests.central.conftest import TenantFixture
from tests.central.uplink.conftest import NewTill
from tests.central.uplink.tills import Till


def forked(answered: Any, **expected: Any) -> None:
    """A kept fork with the members that a test names."""
    status, answer, _ = answered
    assert (status, answer["type"].rpartition("/")[2]) == (409, "chain-fork"), answer
    assert {name: answer[name] for name in expected} == expected


async def branches(tenant: TenantFixture, till: Till) -> list[dict[str, Any]]:
    status, answer, _ = await tenant.get(f"/v1/terminals/{till.terminal_id}/branches")
    assert status == 200, answer
    found: list[dict[str, Any]] = answer["branches"]
    return found


async def resolve(tenant: TenantFixture, till: Till, branch: int, action: str) -> int:
    path = f"/v1/terminals/{till.terminal_id}/branches/{branch}/resolution"
    status, _, _ = await tenant.post(path, {"action": action, "note": "seen"})
    return status


async def balances(tenant: TenantFixture) -> dict[str, int]:
    _, answer, _ = await tenant.get("/v1/ledger/balances")
    return {row["account"]: row["amount_minor"] for row in answer["balances"]}


async def lines_on(till: Till, branch: int) -> list[tuple[int, str]]:
    rows = await till.rows(
        "select sequence, state from till.events where tenant_id = $1 and branch = $2 order by sequence", branch
    )
    return [(row["sequence"], row["state"]) for row in rows]


async def status_of(tenant: TenantFixture) -> str:
    _, answer, _ = await tenant.get("/v1/terminals")
    return str(answer["terminals"][0]["status"])


async def cloned(till: Till, shared: int = 2) -> Till:
    till.sells(shared)
    return till.clone()


async def test_a_clone_that_delivers_second_is_kept_as_a_branch(tenant: TenantFixture, till: Till) -> None:
    clone = await cloned(till)
    till.sells(2, name="TEA")
    clone.sells(3, name="WINE")
    assert (await till.delivers())[0] == 200
    before = await balances(tenant)

    forked(await clone.delivers(1, 4), sequence=3, branch=1, kept_through=4)
    forked(await clone.delivers(5, 5), sequence=5, branch=1, kept_through=5)

    assert await balances(tenant) == before
    assert await status_of(tenant) == "forked"
    assert await lines_on(till, 1) == [(3, "kept"), (4, "kept"), (5, "kept")]
    (branch,) = await branches(tenant, till)
    assert branch["status"] == "open"
    assert branch["hangs_on"] == {"branch": None, "sequence": 2}
    assert (branch["sequence"], branch["kept_through"], branch["lines"]) == (3, 5, 3)


async def test_a_clone_that_delivers_first_leaves_the_branch_to_the_original(till: Till) -> None:
    clone = await cloned(till)
    till.sells(2, name="TEA")
    clone.sells(1, name="WINE")
    assert (await clone.delivers())[0] == 200

    forked(await till.delivers(), sequence=3, branch=1, kept_through=4)

    status, answer, _ = await clone.sells(1, name="WINE").delivers(4, 4)
    assert (status, answer["forked"], answer["applied_through"]) == (200, True, 4)


async def test_a_clone_whose_lines_are_queued_becomes_a_branch_when_the_gap_closes(
    tenant: TenantFixture, till: Till
) -> None:
    clone = await cloned(till)
    till.sells(2, name="TEA")
    clone.sells(4, name="WINE")
    await till.delivers(1, 2)
    status, answer, _ = await clone.delivers(5, 6)
    assert (status, answer["forked"], answer["queued"]) == (200, False, [[5, 6]])

    status, answer, _ = await till.delivers(3, 4)

    assert (status, answer["forked"], answer["applied_through"]) == (200, True, 4)
    assert (answer["queued"], answer["missing"]) == ([], [])
    assert await lines_on(till, 1) == [(5, "kept"), (6, "kept")]
    forked(await clone.delivers(3, 4), sequence=3, branch=1, kept_through=6)
    (branch,) = await branches(tenant, till)
    assert (branch["sequence"], branch["hangs_on"]) == (3, {"branch": None, "sequence": 2})


async def test_what_fits_before_the_fork_is_stored_on_the_chain(till: Till) -> None:
    clone = await cloned(till, shared=4)
    clone.sells(2, name="WINE")
    till.sells(1, name="TEA")
    await till.delivers(1, 2)
    await till.delivers(5, 5)

    forked(await clone.delivers(3, 6), sequence=5, branch=1, kept_through=6)

    position = await till.position()
    assert (position["applied_through"], position["queued"]) == (5, [])


async def test_a_repeated_fork_is_answered_alike_and_kept_once(till: Till) -> None:
    clone = await cloned(till)
    till.sells(1, name="TEA")
    clone.sells(2, name="WINE")
    await till.delivers()

    for _ in range(2):
        forked(await clone.delivers(), sequence=3, branch=1, kept_through=4)

    assert len(await lines_on(till, 1)) == 2


async def test_a_branch_with_a_hole_is_kept_through_its_last_line_before_it(till: Till) -> None:
    clone = await cloned(till)
    till.sells(9, name="TEA")
    clone.sells(6, name="WINE")
    await till.delivers()

    forked(await clone.delivers(3, 4), branch=1, kept_through=4)
    forked(await clone.delivers(7, 8), sequence=7, branch=1, kept_through=4)
    forked(await clone.delivers(5, 6), sequence=5, branch=1, kept_through=8)


async def test_two_clones_are_two_branches(tenant: TenantFixture, till: Till) -> None:
    first, second = await cloned(till), till.clone()
    till.sells(2, name="TEA")
    first.sells(2, name="WINE")
    second.sells(2, name="BEER")
    await till.delivers()

    forked(await first.delivers(), branch=1, kept_through=4)
    forked(await second.delivers(), branch=2, kept_through=4)
    grandchild = first.clone()
    grandchild.sells(1, name="CAKE")
    forked(await first.sells(1, name="WINE").delivers(5, 5), branch=1)
    forked(await grandchild.delivers(3, 5), sequence=3, branch=3, kept_through=5)

    hangs = [branch["hangs_on"] for branch in await branches(tenant, till)]
    assert hangs == [
        {"branch": None, "sequence": 2},
        {"branch": None, "sequence": 2},
        {"branch": 1, "sequence": 4},
    ]


async def test_an_adopted_branch_is_applied_and_later_lines_of_it_at_once(tenant: TenantFixture, till: Till) -> None:
    clone = await cloned(till)
    till.sells(1, name="TEA")
    clone.sells(2, name="WINE")
    await till.delivers()
    await clone.delivers()
    assert (await balances(tenant))["cash"] == 3 * 700

    assert await resolve(tenant, till, 1, "adopt") == 204

    assert (await balances(tenant))["cash"] == 5 * 700
    assert await lines_on(till, 1) == [(3, "applied"), (4, "applied")]
    assert await status_of(tenant) == "active"
    forked(await clone.sells(1, name="WINE").delivers(5, 5), sequence=5, branch=1, kept_through=5)
    assert (await balances(tenant))["cash"] == 6 * 700
    found = await till.rows(
        "select branch, sequence from till.exceptions where tenant_id = $1 and code = 'adopted-branch' order by 1, 2"
    )
    assert [(row["branch"], row["sequence"]) for row in found] == [(1, 3), (1, 4), (1, 5)]
    status, answer, _ = await till.sells(1, name="TEA").delivers(4, 4)
    assert (status, answer["forked"]) == (200, False)


async def test_a_discarded_branch_keeps_its_lines_and_books_nothing(tenant: TenantFixture, till: Till) -> None:
    clone = await cloned(till)
    till.sells(1, name="TEA")
    clone.sells(2, name="WINE")
    await till.delivers()
    await clone.delivers()
    before = await balances(tenant)

    assert await resolve(tenant, till, 1, "discard") == 204

    assert await balances(tenant) == before
    assert await lines_on(till, 1) == [(3, "kept"), (4, "kept")]
    forked(await clone.sells(1, name="WINE").delivers(5, 5), branch=1)
    assert await balances(tenant) == before
    assert await resolve(tenant, till, 1, "adopt") == 409


async def test_an_adopted_branch_waits_for_the_line_that_it_hangs_on(tenant: TenantFixture, till: Till) -> None:
    clone = await cloned(till, shared=4)
    till.sells(1, name="TEA")
    clone.sells(2, name="WINE")
    await till.delivers(3, 5)
    forked(await clone.delivers(5, 6), sequence=5, branch=1)

    assert await resolve(tenant, till, 1, "adopt") == 204
    assert await balances(tenant) == {}

    status, answer, _ = await till.delivers(1, 2)
    assert (status, answer["applied_through"]) == (200, 5)
    assert (await balances(tenant))["cash"] == 7 * 700
    assert await lines_on(till, 1) == [(5, "applied"), (6, "applied")]


async def test_holes_of_an_adopted_branch_are_passed_over(tenant: TenantFixture, till: Till) -> None:
    clone = await cloned(till)
    till.sells(9, name="TEA")
    clone.sells(4, name="WINE")
    await till.delivers()
    await clone.delivers(3, 3)
    await clone.delivers(6, 6)

    assert await resolve(tenant, till, 1, "adopt") == 204
    assert await lines_on(till, 1) == [(3, "applied"), (6, "applied")]

    forked(await clone.delivers(4, 5), branch=1, kept_through=6)
    assert {state for _, state in await lines_on(till, 1)} == {"applied"}
    assert (await balances(tenant))["cash"] == 15 * 700


async def test_a_branch_has_a_bound(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("central.uplink.branches.branch_lines_max", 3)
    clone = await cloned(till)
    till.sells(1, name="TEA")
    clone.sells(4, name="WINE")
    await till.delivers()
    forked(await clone.delivers(1, 5), branch=1, kept_through=5)

    status, answer, headers = await clone.delivers(6, 6)

    assert (status, answer["type"].rpartition("/")[2]) == (429, "branch-full")
    assert "Retry-After" in headers
    assert len(await lines_on(till, 1)) == 3
    assert (await till.sells(1, name="TEA").delivers(4, 4))[0] == 200


async def test_a_fork_harms_nobody_in_the_same_transaction(till: Till, new_till: NewTill) -> None:
    clone = await cloned(till)
    till.sells(1, name="TEA")
    clone.sells(1, name="WINE")
    await till.delivers()
    other = (await new_till("Other")).sells(3)

    forked(await clone.delivers())

    assert (await other.delivers())[0] == 200


async def test_a_disk_that_forks_at_its_first_line_is_kept_too(till: Till) -> None:
    clone = till.clone()
    till.sells(1, name="TEA")
    clone.sells(2, name="WINE")
    await till.delivers()

    forked(await clone.delivers(), sequence=1, branch=1, kept_through=2)


@pytest.mark.parametrize("role", ["manager", "viewer"])
async def test_only_an_owner_resolves(tenant: TenantFixture, till: Till, role: str) -> None:
    clone = await cloned(till)
    clone.sells(1, name="WINE")
    till.sells(1, name="TEA")
    await till.delivers()
    await clone.delivers()
    client = await tenant.key_for(role)

    path = f"/v1/terminals/{till.terminal_id}/branches"
    assert (await client.get(path))[0] == 200
    assert (await client.post(f"{path}/1/resolution", {"action": "adopt"}))[0] == 403


async def test_branches_of_nobody_here_are_not_found(tenant: TenantFixture, till: Till) -> None:
    unknown = "01920000-0000-7000-8000-000000000000"

    assert (await tenant.get(f"/v1/terminals/{unknown}/branches"))[0] == 404
    assert await resolve(tenant, till, 1, "adopt") == 404
    path = f"/v1/terminals/{till.terminal_id}/branches/1/resolution"
    assert (await tenant.post(path, {"action": "burn"}))[0] == 422


@pytest.mark.parametrize("decisions", [[(1, "discard"), (2, "adopt")], [(2, "adopt"), (1, "discard")]])
async def test_an_adopted_branch_does_not_wait_for_a_discarded_one(
    tenant: TenantFixture, till: Till, decisions: list[tuple[int, str]]
) -> None:
    clone = await cloned(till)
    till.sells(1, name="TEA")
    clone.sells(2, name="WINE")
    grandchild = clone.clone()
    clone.sells(1, name="WINE")
    grandchild.sells(1, name="CAKE")
    await till.delivers()
    forked(await clone.delivers(), branch=1)
    forked(await grandchild.delivers(), sequence=3, branch=2, kept_through=5)

    for branch, action in decisions:
        assert await resolve(tenant, till, branch, action) == 204

    assert await lines_on(till, 1) == [(3, "kept"), (4, "kept"), (5, "kept")]
    assert await lines_on(till, 2) == [(5, "applied")]
    assert (await balances(tenant))["cash"] == 4 * 700
    assert await status_of(tenant) == "active"
