"""Terminals over HTTP: how they stand, what an old or revoked one may do (contract, sections 2 to 4)."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from central import terminals
from central.tenant_session import operator, tenant_session
from central.terminals import PositionMove
from tests.central.conftest import Central, TenantFixture
from tests.central.terminals_fixture import TerminalFixture, enrol_again, make_terminal, new_terminal

STATUS: dict[str, Any] = {
    "agent_version": "0.1.0",
    "pending": 3,
    "oldest_pending_at": "2026-11-24T10:00:00Z",
    "catalogue_through": "2026-11-24T10:00:00Z",
    "clock_offset_ms": -120,
    "disk_free_bytes": 10**9,
    "open_shift": str(uuid4()),
    "devices": [{"id": "printer", "kind": "printer", "state": "ready"}],
}


async def shown(terminal: TerminalFixture) -> dict[str, Any]:
    status, answer, _ = await terminal.tenant.get(f"/v1/terminals/{terminal.terminal_id}")
    assert status == 200
    found: dict[str, Any] = answer
    return found


async def move(terminal: TerminalFixture, **changed: Any) -> datetime:
    """Move the terminal's position as the uplink does; the time of it."""
    services = terminal.tenant.services
    now = services.clock()
    fields: dict[str, Any] = {
        "terminal_id": terminal.terminal_id,
        "epoch": terminal.epoch,
        "applied_through": 0,
        "applied_hash": terminal.first_prev,
        "queued": (),
        "stored_lines": 0,
        "last_created_at": None,
        "receipt_counter": 0,
    }
    async with tenant_session(services.database, operator(terminal.tenant.tenant_id)) as session:
        await terminals.lock_positions(session, [(terminal.terminal_id, terminal.epoch)])
        await terminals.move_positions(session, [PositionMove(**(fields | changed))], now)
    return now


async def test_a_terminal_that_was_never_enrolled_is_new(tenant: TenantFixture, location_id: UUID) -> None:
    made = await make_terminal(tenant, location_id)
    _, answer, _ = await tenant.get("/v1/terminals")
    (terminal,) = answer["terminals"]

    assert set(made) >= {"terminal_id", "enrolment_code", "enrolment_expires_at"}
    assert (terminal["status"], terminal["epoch"], terminal["applied_through"]) == ("new", None, 0)
    assert (terminal["queued"], terminal["missing"], terminal["last_seen_at"]) == ([], [], None)
    assert terminal["lag_seconds"] == 0


async def test_an_enrolled_terminal_is_active_and_shows_what_it_reports(terminal: TerminalFixture) -> None:
    status, _, _ = await terminal.post("/v1/sync/status", STATUS)
    answer = await shown(terminal)

    assert status == 204
    assert (answer["status"], answer["epoch"], answer["receipt_prefix"]) == ("active", 1, "HH1-1A-")
    assert {name: answer[name] for name in STATUS} == STATUS
    assert answer["last_seen_at"] is not None
    assert answer["lag_seconds"] > 0


@pytest.mark.parametrize(
    "wrong", [{"pending": -1}, {"pending": 1.5}, {"agent_version": None}, {"oldest_pending_at": "yesterday"}]
)
async def test_a_wrong_report_is_refused_with_its_field(terminal: TerminalFixture, wrong: dict[str, Any]) -> None:
    status, answer, _ = await terminal.post("/v1/sync/status", STATUS | wrong)

    assert (status, answer["field"]) == (422, next(iter(wrong)))


async def test_a_terminal_with_nothing_pending_has_no_lag(terminal: TerminalFixture) -> None:
    created_at = terminal.tenant.services.clock() - timedelta(hours=2)
    await move(terminal, applied_through=1, applied_hash="ab" * 32, last_created_at=created_at)
    await terminal.post("/v1/sync/status", STATUS)
    behind = (await shown(terminal))["lag_seconds"]
    await terminal.post("/v1/sync/status", STATUS | {"pending": 0})

    assert 7200 <= behind < 7260
    assert (await shown(terminal))["lag_seconds"] == 0


async def test_the_position_names_what_is_queued_and_what_is_missing(terminal: TerminalFixture) -> None:
    queued = ((20, 25), (27, 27), (40, 50))
    await move(terminal, applied_through=17, applied_hash="ab" * 32, queued=queued, stored_lines=35)
    _, position, _ = await terminal.get("/v1/sync/position")
    answer = await shown(terminal)

    assert position["applied_through"] == 17
    assert position["applied_hash"] == "ab" * 32
    assert position["queued"] == answer["queued"] == [[20, 25], [27, 27], [40, 50]]
    assert position["missing"] == answer["missing"] == [[18, 19], [26, 26], [28, 39]]


async def test_an_answer_names_the_first_hundred_ranges(terminal: TerminalFixture) -> None:
    await move(terminal, queued=tuple((2 * number, 2 * number) for number in range(1, 150)))
    _, position, _ = await terminal.get("/v1/sync/position")

    assert (len(position["queued"]), len(position["missing"])) == (100, 100)


@pytest.mark.parametrize(
    ("last_sequence", "last_hash", "status"),
    [
        (5, "ab" * 32, "active"),
        (9, "cd" * 32, "active"),
        (5, "cd" * 32, "suspect"),
        (4, "ab" * 32, "suspect"),
        (..., ..., "active"),
    ],
)
async def test_a_journal_that_contradicts_what_is_stored_makes_its_terminal_suspect(
    terminal: TerminalFixture, last_sequence: Any, last_hash: Any, status: str
) -> None:
    await move(terminal, applied_through=5, applied_hash="ab" * 32)
    await terminal.renew_token(last_sequence=last_sequence, last_hash=last_hash)

    assert (await shown(terminal))["status"] == status


async def test_an_empty_journal_is_no_contradiction(terminal: TerminalFixture) -> None:
    await terminal.renew_token(last_sequence=0, last_hash=terminal.first_prev)

    assert (await shown(terminal))["status"] == "active"


async def test_a_fork_in_any_epoch_shows_until_its_branch_is_resolved(terminal: TerminalFixture) -> None:
    second = await enrol_again(terminal)
    services = terminal.tenant.services
    for forked, status in ((True, "forked"), (False, "active")):
        async with tenant_session(services.database, operator(terminal.tenant.tenant_id)) as session:
            await terminals.mark_forked(session, terminal.terminal_id, 1, forked=forked)
        assert (await shown(second))["status"] == status


async def test_a_revoked_terminal_is_served_nothing(terminal: TerminalFixture, tenant: TenantFixture) -> None:
    status, _, _ = await tenant.post(f"/v1/terminals/{terminal.terminal_id}/revocation", {})
    refused = [
        await terminal.get("/v1/sync/position"),
        await terminal.post("/v1/sync/status", STATUS),
        await terminal.get("/v1/sync/changes"),
    ]

    assert status == 204
    assert [(code, answer["type"]) for code, answer, _ in refused] == [(403, "/problems/revoked")] * 3
    assert (await shown(terminal))["status"] == "revoked"


async def test_one_epoch_can_be_revoked_alone(terminal: TerminalFixture, tenant: TenantFixture) -> None:
    second = await enrol_again(terminal)
    path = f"/v1/terminals/{terminal.terminal_id}/revocation"
    status, _, _ = await tenant.post(path, {"epoch": 1})
    unknown, _, _ = await tenant.post(path, {"epoch": 3})

    assert (status, unknown) == (204, 404)
    assert (await terminal.get("/v1/sync/position"))[0] == 403
    assert (await second.get("/v1/sync/position"))[0] == 200
    assert (await shown(second))["status"] == "active"


async def test_a_revoked_terminal_can_be_enrolled_anew(terminal: TerminalFixture, tenant: TenantFixture) -> None:
    await tenant.post(f"/v1/terminals/{terminal.terminal_id}/revocation", {})
    second = await enrol_again(terminal)

    assert (await shown(second))["status"] == "active"
    assert (await second.get("/v1/sync/position"))[0] == 200


async def test_an_old_epoch_may_only_deliver(terminal: TerminalFixture) -> None:
    await enrol_again(terminal)
    position, _, _ = await terminal.get("/v1/sync/position")
    changes, answer, _ = await terminal.get("/v1/sync/changes")
    status, _, _ = await terminal.post("/v1/sync/status", STATUS)

    assert (position, changes, status) == (200, 403, 403)
    assert answer["type"] == "/problems/forbidden"


SHARED = ["/v1/products/lookup?barcode=4006381333931", "/v1/receipts/HH1-1A-1"]


@pytest.mark.parametrize("path", SHARED)
async def test_what_a_terminal_shares_with_the_back_office_asks_whether_it_may_still_be_served(
    terminal: TerminalFixture, path: str
) -> None:
    first, _, _ = await terminal.get(path)
    second = await enrol_again(terminal)
    replaced, forbidden, _ = await terminal.get(path)
    await terminal.tenant.post(f"/v1/terminals/{terminal.terminal_id}/revocation", {})
    status, revoked, _ = await second.get(path)

    assert first in (200, 404)
    assert (replaced, forbidden["type"]) == (403, "/problems/forbidden")
    assert (status, revoked["type"]) == (403, "/problems/revoked")


async def test_a_terminal_may_not_read_the_back_office(terminal: TerminalFixture) -> None:
    for path in ("/v1/terminals", f"/v1/terminals/{terminal.terminal_id}", f"/v1/terminals/{uuid4()}", "/v1/locations"):
        assert (await terminal.get(path))[0] == 403


async def test_an_api_key_may_not_call_as_a_terminal(tenant: TenantFixture) -> None:
    for path in ("/v1/sync/position", "/v1/sync/changes"):
        assert (await tenant.get(path))[0] == 403


async def test_a_terminal_is_renamed_and_taken_out_of_service(terminal: TerminalFixture) -> None:
    path = f"/v1/terminals/{terminal.terminal_id}"
    status, changed, _ = await terminal.tenant.patch(path, {"label": "Front", "out_of_service_from": "2026-12-01"})
    _, cleared, _ = await terminal.tenant.patch(path, {"out_of_service_from": None, "revision": 2})
    stale, _, _ = await terminal.tenant.patch(path, {"label": "Back", "revision": 2})
    null, answer, _ = await terminal.tenant.patch(path, {"label": None})

    assert (status, changed["label"], changed["out_of_service_from"]) == (200, "Front", "2026-12-01")
    assert (cleared["out_of_service_from"], cleared["revision"]) == (None, 3)
    assert (stale, null, answer["field"]) == (409, 422, "label")


async def test_terminals_are_listed_by_pages_and_by_location(tenant: TenantFixture, location_id: UUID) -> None:
    made = [(await make_terminal(tenant, location_id, f"Till {number}"))["terminal_id"] for number in range(3)]
    _, first, _ = await tenant.get(f"/v1/terminals?limit=2&location_id={location_id}")
    _, second, _ = await tenant.get(f"/v1/terminals?limit=2&location_id={location_id}&cursor={first['next_cursor']}")
    nowhere, _, _ = await tenant.get(f"/v1/terminals?location_id={uuid4()}")

    assert [one["terminal_id"] for one in first["terminals"] + second["terminals"]] == made
    assert nowhere == 404


async def test_another_tenants_terminal_is_as_one_that_does_not_exist(
    central: Central, terminal: TerminalFixture
) -> None:
    other = await central.tenant("Else")
    calls = [("GET", "", None), ("PATCH", "", {"label": "Mine"}), ("POST", "/enrolment", None)]
    for method, path, body in [*calls, ("POST", "/revocation", {})]:
        theirs = await other.request(method, f"/v1/terminals/{terminal.terminal_id}{path}", body)
        nobodys = await other.request(method, f"/v1/terminals/{uuid4()}{path}", body)
        assert theirs[:2] == nobodys[:2]
        assert theirs[0] == 404
    assert (await terminal.get("/v1/sync/position"))[0] == 200


async def test_after_a_restore_no_epoch_is_given_twice(terminal: TerminalFixture) -> None:
    services = terminal.tenant.services
    async with tenant_session(services.database, operator(terminal.tenant.tenant_id)) as session:
        await terminals.after_restore(session)
    second = await enrol_again(terminal)

    assert second.epoch == 1_000_002
    assert second.enrolment["receipt_prefix"] == "HH1-1BDWGP-"


async def test_positions_are_locked_and_moved_for_many_terminals_at_once(
    central: Central, tenant: TenantFixture, location_id: UUID
) -> None:
    several = [await new_terminal(tenant, location_id, f"Till {number}") for number in range(3)]
    keys = [(one.terminal_id, one.epoch) for one in several]
    now = central.services.clock()
    async with tenant_session(central.services.database, operator(tenant.tenant_id)) as session:
        positions = await terminals.lock_positions(session, [*reversed(keys), (uuid4(), 1)])
        moves = [
            PositionMove(
                terminal_id=terminal_id,
                epoch=epoch,
                applied_through=number,
                applied_hash=f"{number:064x}",
                queued=((number + 2, number + 3),),
                stored_lines=number + 2,
                last_created_at=now,
                receipt_counter=number * 10,
            )
            for number, (terminal_id, epoch) in enumerate(keys)
        ]
        await terminals.move_positions(session, moves, now)
        await terminals.move_positions(session, [], now)
    async with tenant_session(central.services.database, operator(tenant.tenant_id)) as session:
        moved = await terminals.lock_positions(session, keys)
        key = await terminals.public_key(session, *keys[0])
        nobody = await terminals.public_key(session, uuid4(), 1)

    assert list(positions) == sorted(keys)
    assert all(position.newest_epoch and position.applied_through == 0 for position in positions.values())
    assert [moved[one].applied_through for one in keys] == [0, 1, 2]
    assert [moved[one].queued for one in keys] == [((2, 3),), ((3, 4),), ((4, 5),)]
    assert [moved[one].receipt_counter for one in keys] == [0, 10, 20]
    assert key is not None
    assert (key.public_key_text, key.first_prev) == (several[0].public_key, several[0].first_prev)
    assert nobody is None
    assert terminals.cached_public_key(tenant.tenant_id, *keys[0]) is key
