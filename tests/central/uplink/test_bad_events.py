"""A bad event among good ones: it alone is held, its terminal and its neighbours go on."""

import asyncio
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pytest

from central import sales
from central.tenant_session import TenantSession
from central.uplink.second_reading import read_again
from protocol.chain import line_hash
from tests.central.conftest import Central, TenantFixture
from tests.central.uplink.conftest import NewTill
from tests.central.uplink.tills import Till
from tests.trade import till_log


def raw_line(till: Till, **changed: Any) -> bytes:
    """The next line of the till's journal, written by hand."""
    envelope = {
        "sequence": len(till.journal.lines) + 1,
        "prev": till.journal.last_hash,
        "type": "TILL_LOG",
        "version": 1,
        "created_at": "2026-11-24T12:00:00Z",
        "business_date": "2026-11-24",
        "payload": {"kind": "reprint", "data": {}},
        **changed,
    }
    line = json.dumps(envelope, separators=(",", ":")).encode()
    till.journal.lines.append(line)
    return line


async def states(till: Till) -> list[str]:
    rows = await till.rows(
        "select state from till.events where tenant_id = $1 and terminal_id = $2 order by sequence", till.terminal_id
    )
    return [row["state"] for row in rows]


UNREADABLE: list[dict[str, Any]] = [
    {"payload": {}},
    {"payload": {"kind": 7}},
    {"payload": {"kind": "nul\u0000"}},
    {"payload": {"kind": "x", "data": {"deep": ["\ud800"]}}},
    {"type": "SALE", "payload": {"sale_id": "no"}},
    {"type": "CASH_MOVEMENT", "payload": {"direction": "UP", "amount_minor": 1}},
    {"type": "CASH_MOVEMENT", "payload": {"direction": "IN", "amount_minor": 1.0}},
    {"type": "CASH_MOVEMENT", "payload": {"direction": "IN", "amount_minor": 10**12 + 1}},
    {"created_at": "yesterday"},
    {"created_at": "1999-12-31T23:59:59Z"},
    {"created_at": "2026-11-24T12:00:00+01:00"},
    {"business_date": "2026-02-30"},
    {"business_date": "2100-01-01"},
]


async def test_what_cannot_be_read_is_held_and_the_rest_goes_on(till: Till) -> None:
    for changed in UNREADABLE:
        raw_line(till, **changed)
    till.logs(1)

    status, answer, _ = await till.delivers()

    assert (status, answer["applied_through"]) == (200, len(UNREADABLE) + 1)
    assert await states(till) == ["unreadable"] * len(UNREADABLE) + ["applied"]
    unreadable = [found["sequence"] for found in answer["exceptions"] if found["code"] == "unreadable"]
    assert unreadable == list(range(1, len(UNREADABLE) + 1))


@pytest.mark.parametrize("changed", [{"type": "LOYALTY"}, {"type": "SALE", "version": 2}, {"version": -1}])
async def test_a_newer_terminal_never_stalls_on_an_older_central(till: Till, changed: dict[str, Any]) -> None:
    raw_line(till, **changed)
    till.logs(1)

    status, answer, _ = await till.delivers()

    assert (status, answer["applied_through"]) == (200, 2)
    assert (1, "unknown-type") in [(found["sequence"], found["code"]) for found in answer["exceptions"]]
    assert await states(till) == ["unknown", "applied"]


async def test_a_queued_line_that_cannot_be_read_is_held_when_its_turn_comes(till: Till) -> None:
    till.logs(1)
    raw_line(till, payload={})
    till.logs(1)
    status, answer, _ = await till.delivers(2, 3)
    assert answer["exceptions"] == []

    status, answer, _ = await till.delivers(1, 1)

    assert (status, answer["applied_through"]) == (200, 3)
    assert [(found["sequence"], found["code"]) for found in answer["exceptions"]] == [(2, "unreadable")]


def poison(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make PostgreSQL refuse any TILL_LOG of the kind `poison`, as it refuses a value that it cannot keep."""
    real = sales.book

    async def book(session: TenantSession, events: Sequence[sales.AppliedEvent], now: datetime) -> sales.Booked:
        if any(b'"poison"' in event.line for event in events):
            await session.driver.execute("select $1::text", "a\0b")
        return await real(session, events, now)

    monkeypatch.setattr(sales, "book", book)


async def test_one_event_that_postgresql_refuses_is_held_alone(
    till: Till, new_till: NewTill, monkeypatch: pytest.MonkeyPatch, tenant: TenantFixture
) -> None:
    neighbours = [(await new_till(f"Till {number}")).sells(2) for number in range(2, 6)]
    poison(monkeypatch)
    till.sells(2)
    till.appends(till_log("poison"))
    till.sells(1)

    answers = await asyncio.gather(till.delivers(), *(neighbour.delivers() for neighbour in neighbours))

    assert [status for status, _, _ in answers] == [200] * 5
    assert await states(till) == ["applied", "applied", "unreadable", "applied"]
    mine = answers[0][1]
    assert mine["applied_through"] == 4
    assert [(f["sequence"], f["code"]) for f in mine["exceptions"]] == [(3, "unreadable")]
    _, ledger, _ = await tenant.get("/v1/ledger/balances")
    assert {row["account"]: row["amount_minor"] for row in ledger["balances"]}["cash"] == 11 * 700


async def test_our_own_fault_is_a_500_for_its_terminal_alone(
    till: Till, new_till: NewTill, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = sales.book

    async def book(session: TenantSession, events: Sequence[sales.AppliedEvent], now: datetime) -> sales.Booked:
        if any(b'"fault"' in event.line for event in events):
            raise ZeroDivisionError
        return await real(session, events, now)

    monkeypatch.setattr(sales, "book", book)
    other = (await new_till("Other")).sells(2)
    till.appends(till_log("fault"))

    (status, answer, _), (others, _, _) = await asyncio.gather(till.delivers(), other.delivers())

    assert (status, answer["type"].rpartition("/")[2], others) == (500, "internal", 200)
    assert await states(till) == []


async def test_what_can_be_read_after_a_fix_is_applied_late(
    till: Till, central: Central, tenant: TenantFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        poison(broken)
        till.appends(till_log("poison"))
        raw_line(till, payload={})
        till.sells(1)
        await till.delivers()
    assert await states(till) == ["unreadable", "unreadable", "applied"]

    found = await read_again(central.services, tenant.tenant_id)

    assert (found.tried, found.applied) == (2, 1)
    assert await states(till) == ["applied", "unreadable", "applied"]
    rows = await till.rows(
        "select sequence, status from till.exceptions where tenant_id = $1 and code = 'unreadable' order by sequence"
    )
    assert [(row["sequence"], row["status"]) for row in rows] == [(1, "withdrawn"), (2, "open")]
    assert (await read_again(central.services, tenant.tenant_id)).applied == 0


async def test_what_stays_poison_stays_held(
    till: Till, central: Central, tenant: TenantFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    poison(monkeypatch)
    till.appends(till_log("poison"))
    await till.delivers()

    found = await read_again(central.services, tenant.tenant_id)

    assert (found.tried, found.applied) == (1, 0)
    rows = await till.rows("select status from till.exceptions where tenant_id = $1 and code = 'unreadable'")
    assert [row["status"] for row in rows] == ["open"]


async def test_unknown_fields_are_kept_in_the_bytes(till: Till) -> None:
    line = raw_line(till, more={"a": 1}, payload={"kind": "x", "novel": [1, 2]})

    status, answer, _ = await till.delivers()

    assert (status, answer["last_hash"]) == (200, line_hash(line))
    (row,) = await till.rows("select line, kind from till.events where tenant_id = $1")
    assert (row["line"], row["kind"]) == (line, "x")
