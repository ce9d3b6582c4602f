"""Following over HTTP: snapshot, long poll, wake-ups, refusals, compression (contract, section 5)."""

import asyncio
import gzip
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
import zstandard
from sqlalchemy import QueuePool, text

from central.database.deployment import renew_incarnation
from central.tenant_session import operator, tenant_session
from tests.central.conftest import Central, TenantFixture
from tests.central.terminals_fixture import (
    TerminalFixture,
    enrol_again,
    make_location,
    new_terminal,
)


async def changes(terminal: TerminalFixture, cursor: str | None = None, **query: Any) -> tuple[int, Any, Any]:
    asked = {name: str(value) for name, value in ({"cursor": cursor} | query).items() if value is not None}
    return await terminal.get("/v1/sync/changes", params=asked)


async def caught_up(terminal: TerminalFixture) -> str:
    """The cursor of a terminal that has everything."""
    cursor: str | None = None
    while True:
        status, answer, _ = await changes(terminal, cursor)
        assert status == 200, answer
        found: str = answer["cursor"]
        cursor = found
        if not answer["more"]:
            return found


async def make_tax_group(tenant: TenantFixture, code: str = "VAT") -> str:
    """Something that every location needs."""
    component = {"code": code, "rate_ppm": 200_000}
    status, made, _ = await tenant.post("/v1/tax-groups", {"code": code, "name": code, "components": [component]})
    assert status == 201, made
    found: str = made["tax_group_id"]
    return found


@asynccontextmanager
async def waiting(central: Central, terminal: TerminalFixture, cursor: str) -> AsyncIterator[asyncio.Task[Any]]:
    """A long poll of a terminal that has looked once and waits by now."""
    before = await last_poll(terminal)
    poll = asyncio.create_task(changes(terminal, cursor, wait=30))
    async with asyncio.timeout(10):
        while not poll.done() and await last_poll(terminal) == before:
            pass
    yield poll
    poll.cancel()
    await asyncio.gather(poll, return_exceptions=True)


async def last_poll(terminal: TerminalFixture) -> UUID | None:
    tenant = terminal.tenant
    async with tenant_session(tenant.services.database, operator(tenant.tenant_id)) as session:
        found: UUID | None = await session.driver.fetchval(
            "select polling from till.terminals where tenant_id = $1 and terminal_id = $2",
            tenant.tenant_id,
            terminal.terminal_id,
        )
        return found


async def test_a_fresh_terminal_gets_its_settings_first(terminal: TerminalFixture) -> None:
    group_id = await make_tax_group(terminal.tenant)
    status, answer, headers = await changes(terminal)

    assert status == 200
    assert [(one["entity"], one["id"], one["op"]) for one in answer["changes"]] == [
        ("setting", "settings", "put"),
        ("tax_group", group_id, "put"),
    ]
    assert answer["changes"][0]["data"]["price_mode"] == "tax_inclusive"
    assert answer["more"] is False
    assert answer["catalogue_through"].endswith("Z")
    assert headers["Cache-Control"] == "no-store"


async def test_a_snapshot_goes_on_into_deltas(terminal: TerminalFixture) -> None:
    cursor = await caught_up(terminal)
    group_id = await make_tax_group(terminal.tenant)
    _, answer, _ = await changes(terminal, cursor)
    _, nothing, _ = await changes(terminal, answer["cursor"])

    assert [(one["entity"], one["id"]) for one in answer["changes"]] == [("tax_group", group_id)]
    assert (nothing["changes"], nothing["more"]) == ([], False)
    assert nothing["catalogue_through"] >= answer["catalogue_through"]


async def test_pages_are_as_long_as_asked_for(terminal: TerminalFixture) -> None:
    for number in range(4):
        await make_tax_group(terminal.tenant, f"T{number}")
    cursor, sizes, more = None, [], True
    while more:
        _, answer, _ = await changes(terminal, cursor, limit=2)
        cursor, more = answer["cursor"], answer["more"]
        sizes.append(len(answer["changes"]))

    assert sizes == [2, 2, 1]


@pytest.mark.parametrize(
    ("query", "field"),
    [({"limit": 0}, "limit"), ({"limit": 1001}, "limit"), ({"wait": 61}, "wait"), ({"wait": "x"}, "wait")],
)
async def test_a_wrong_query_is_refused_with_its_field(
    terminal: TerminalFixture, query: dict[str, Any], field: str
) -> None:
    status, answer, _ = await changes(terminal, **query)

    assert (status, answer["field"]) == (422, field)


async def test_a_change_wakes_who_waits(central: Central, terminal: TerminalFixture) -> None:
    cursor = await caught_up(terminal)
    async with waiting(central, terminal, cursor) as poll:
        started = time.monotonic()
        group_id = await make_tax_group(terminal.tenant)
        status, answer, _ = await poll

    assert (status, [one["id"] for one in answer["changes"]]) == (200, [group_id])
    assert time.monotonic() - started < 5


async def test_who_waits_holds_no_connection(central: Central, terminal: TerminalFixture) -> None:
    cursor = await caught_up(terminal)
    async with waiting(central, terminal, cursor) as poll:
        pool = central.services.database.engine.pool
        assert isinstance(pool, QueuePool)
        async with asyncio.timeout(10):
            while pool.checkedout():
                await central.anybody().get("/healthz")
        assert not poll.done()


async def test_a_change_of_another_location_does_not_wake(central: Central, terminal: TerminalFixture) -> None:
    elsewhere = await new_terminal(terminal.tenant, await make_location(terminal.tenant, "HH2"))
    cursor = await caught_up(terminal)
    theirs = await caught_up(elsewhere)
    async with waiting(central, terminal, cursor) as poll, waiting(central, elsewhere, theirs) as their_poll:
        await terminal.tenant.patch(f"/v1/locations/{elsewhere.location_id}", {"receipt_footer": "Bye"})
        status, answer, _ = await their_poll
        assert not poll.done()

    assert (status, [one["entity"] for one in answer["changes"]]) == (200, ["setting"])


async def test_another_tenants_change_does_not_wake(central: Central, terminal: TerminalFixture) -> None:
    other = await central.tenant("Else")
    cursor = await caught_up(terminal)
    async with waiting(central, terminal, cursor) as poll:
        await make_tax_group(other, "THEIRS")
        group_id = await make_tax_group(terminal.tenant, "OURS")
        _, answer, _ = await poll

    assert [one["id"] for one in answer["changes"]] == [group_id]


async def test_a_wait_that_is_over_answers_nothing_new(terminal: TerminalFixture) -> None:
    cursor = await caught_up(terminal)
    status, answer, _ = await changes(terminal, cursor, wait=1)

    assert (status, answer["changes"], answer["more"]) == (200, [], False)


async def test_a_second_poll_ends_the_first_with_an_empty_answer(central: Central, terminal: TerminalFixture) -> None:
    cursor = await caught_up(terminal)
    async with waiting(central, terminal, cursor) as first:
        second = asyncio.create_task(changes(terminal, cursor, wait=30))
        status, answer, _ = await first
        group_id = await make_tax_group(terminal.tenant)
        _, woken, _ = await second

    assert (status, answer["changes"]) == (200, [])
    assert [one["id"] for one in woken["changes"]] == [group_id]


async def test_a_second_poll_on_another_node_ends_the_first(
    central: Central, terminal: TerminalFixture, start_central: Any
) -> None:
    second_node = await start_central(central.services.database)
    cursor = await caught_up(terminal)
    async with waiting(central, terminal, cursor) as first:
        terminal.url = second_node.url
        async with waiting(second_node, terminal, cursor):
            central.services.wakeups.notify(f"changes:{terminal.tenant.tenant_id}:{terminal.location_id}")
            status, answer, _ = await first

    assert (status, answer["changes"]) == (200, [])


async def test_who_is_revoked_while_waiting_is_told(central: Central, terminal: TerminalFixture) -> None:
    cursor = await caught_up(terminal)
    async with waiting(central, terminal, cursor) as poll:
        await terminal.tenant.post(f"/v1/terminals/{terminal.terminal_id}/revocation", {})
        status, answer, _ = await poll

    assert (status, answer["type"]) == (403, "/problems/revoked")


async def test_who_waits_is_answered_when_the_server_stops(central: Central, terminal: TerminalFixture) -> None:
    cursor = await caught_up(terminal)
    async with waiting(central, terminal, cursor) as poll:
        central.services.wakeups.stop()
        status, answer, _ = await poll

    assert (status, answer["changes"]) == (200, [])


async def test_a_cursor_of_another_is_gone(central: Central, terminal: TerminalFixture) -> None:
    colleague = await new_terminal(terminal.tenant, terminal.location_id)
    elsewhere = await new_terminal(terminal.tenant, await make_location(terminal.tenant, "HH2"))
    other = await central.tenant("Else")
    foreigner = await new_terminal(other, await make_location(other))
    cursors = [await caught_up(one) for one in (colleague, elsewhere, foreigner)]
    for cursor in [*cursors, "", "forged", "A" * 5000]:
        status, answer, _ = await changes(terminal, cursor)
        assert (status, answer["type"]) == (410, "/problems/cursor-gone"), cursor


async def test_a_cursor_of_the_epoch_before_is_gone(terminal: TerminalFixture) -> None:
    cursor = await caught_up(terminal)
    second = await enrol_again(terminal)

    assert (await changes(second, cursor))[0] == 410
    assert (await changes(second))[0] == 200


async def test_a_cursor_of_another_incarnation_is_gone(central: Central, terminal: TerminalFixture) -> None:
    cursor = await caught_up(terminal)
    await renew_incarnation(central.services.database, uuid4())
    status, _, _ = await changes(terminal, cursor)
    async with central.services.database.connection() as connection:
        renewed = (await connection.execute(text("select incarnation from till.deployment_state"))).scalar_one()
    _, position, _ = await terminal.get("/v1/sync/position")

    assert (status, position["incarnation"]) == (410, str(renewed))


@pytest.mark.parametrize("encoding", ["zstd", "gzip", None])
async def test_a_page_is_compressed_as_the_terminal_takes_it(terminal: TerminalFixture, encoding: str | None) -> None:
    for number in range(12):
        await make_tax_group(terminal.tenant, f"T{number}")
    url, headers = f"{terminal.url}/v1/sync/changes", {"Authorization": f"Bearer {terminal.token}"}
    headers["Accept-Encoding"] = encoding or "identity"
    async with terminal.http.get(url, headers=headers, auto_decompress=False) as answer:
        body, encoded = await answer.read(), answer.headers.get("Content-Encoding")
        assert answer.headers["Vary"] == "Accept-Encoding"
    if encoding == "zstd":
        body = zstandard.decompress(body)
    elif encoding == "gzip":
        body = gzip.decompress(body)

    assert encoded == encoding
    assert len(msgspec.json.decode(body)["changes"]) == 13


async def test_each_terminal_of_a_location_gets_the_same(terminal: TerminalFixture) -> None:
    await make_tax_group(terminal.tenant)
    colleague = await new_terminal(terminal.tenant, terminal.location_id)
    _, ours, _ = await changes(terminal)
    _, theirs, _ = await changes(colleague)

    assert ours["changes"] == theirs["changes"]
    assert len(ours["changes"]) == 2
