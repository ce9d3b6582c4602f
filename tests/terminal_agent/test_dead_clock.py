"""A till whose clock is dead still finds out what time it is, and is not talked into a time that is over.

The machine of these tests has a good clock, so a dead one is played by a server ten years ahead: its certificate is
"not valid yet" here, and the terminal remembers a server time of those years.
"""

import contextlib
import sqlite3
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from protocol.lines import write_time
from terminal_agent.central_link import CentralLink, NotTrustedError
from terminal_agent.clock import Clock, released_at, system_time
from terminal_agent.identity import Enrolment
from tests.terminal_agent.certificates import DAY, NOW, Authority
from tests.terminal_agent.test_journal import ANSWER, KEY

THEN = NOW.replace(microsecond=0) + 3650 * DAY


def clock(source: Callable[[], datetime] = system_time, **facts: str) -> Clock:
    connection = sqlite3.connect(":memory:")
    connection.execute("create table facts (name text, value text)")
    connection.executemany("insert into facts values (?, ?)", facts.items())
    return Clock(connection, source)


@dataclass
class Server:
    """Somebody with a certificate who hands out tokens and the time."""

    says: datetime
    asked: list[str] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        token = {
            "access_token": "t",
            "token_type": "Bearer",
            "expires_in": 900,
            "server_time": write_time(self.says),
            "position": {
                "epoch": 1,
                "applied_through": 0,
                "applied_hash": "",
                "queued": [],
                "missing": [],
                "incarnation": "one",
            },
        }
        return web.json_response(token)


@contextlib.asynccontextmanager
async def serving(server: Server, **tls: Any) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls["context"])
    await site.start()
    yield f"https://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@contextlib.asynccontextmanager
async def linked(url: str, by: Clock, ca_file: Path) -> AsyncIterator[CentralLink]:
    link = CentralLink(
        Enrolment(1, url, KEY, ANSWER),
        Ed25519PrivateKey.generate(),
        by,
        ca_file=ca_file,
        journal_end=lambda: (0, ""),
        on_contact=lambda answered: None,
    )
    yield link
    await link.close()


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


async def test_a_dead_clock_gets_the_time_with_its_token_and_dates_the_rest_by_it(authority: Authority) -> None:
    server, by = Server(THEN + DAY / 2), clock(last_server_time=write_time(THEN))
    context = authority.server_context(begins=THEN - DAY, ends=THEN + DAY)
    async with serving(server, context=context) as url, linked(url, by, authority.file) as link:
        answer = await link.request("GET", "/v1/sync/position")

    assert answer.status == 200
    assert server.asked == ["/v1/oauth/token", "/v1/sync/position"]
    assert abs(by.now() - server.says) < timedelta(minutes=1)


async def test_what_follows_the_token_is_refused_where_the_certificate_does_not_hold_at_that_time(
    authority: Authority,
) -> None:
    """A certificate that was stolen and has expired by what its own server says."""
    server, by = Server(THEN + 2 * DAY), clock(last_server_time=write_time(THEN))
    context = authority.server_context(begins=THEN - DAY, ends=THEN + DAY)
    async with serving(server, context=context) as url, linked(url, by, authority.file) as link:
        with pytest.raises(NotTrustedError, match="has expired"):
            await link.request("GET", "/v1/sync/position")

    assert server.asked == ["/v1/oauth/token"]


async def test_a_dead_clock_is_not_told_a_time_that_is_over(authority: Authority) -> None:
    server, by = Server(THEN - DAY), clock(last_server_time=write_time(THEN))
    context = authority.server_context(begins=THEN - 2 * DAY, ends=THEN + DAY)
    async with serving(server, context=context) as url, linked(url, by, authority.file) as link:
        await link.token()

    assert by.offset_ms is None
    assert by.server_time == THEN
    assert by.now() >= by.server_time


async def test_a_dead_clock_still_asks_for_an_authority(authority: Authority, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = Authority(tmp_path / "other")
    server, by = Server(THEN), clock(last_server_time=write_time(THEN))
    context = other.server_context(begins=THEN - DAY, ends=THEN + DAY)
    async with serving(server, context=context) as url, linked(url, by, authority.file) as link:
        with pytest.raises(NotTrustedError, match="not trusted"):
            await link.token()

    assert server.asked == []


async def test_a_clock_that_is_right_goes_by_the_dates_from_the_first_call_on(authority: Authority) -> None:
    server, by = Server(THEN), clock(last_server_time=write_time(NOW - DAY))
    context = authority.server_context(begins=THEN - DAY, ends=THEN + DAY)
    async with serving(server, context=context) as url, linked(url, by, authority.file) as link:
        with pytest.raises(NotTrustedError, match="not valid yet"):
            await link.token()

    assert server.asked == []


async def test_central_may_put_its_own_clock_right(authority: Authority) -> None:
    """It was ten years ahead when the till heard it last; its certificate holds by the machine's clock."""
    server, by = Server(NOW), clock(last_server_time=write_time(THEN))
    async with serving(server, context=authority.server_context()) as url, linked(url, by, authority.file) as link:
        await link.token()

    assert abs(by.now() - NOW) < timedelta(minutes=5)


class Hands:
    """A clock's hands, set by the test."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at


def test_time_goes_on_from_the_last_server_time_after_the_battery_died() -> None:
    hands = Hands(datetime(1970, 1, 1, tzinfo=NOW.tzinfo))
    by = clock(hands, last_server_time=write_time(THEN), clock_offset_ms="250")
    begin = by.now()
    hands.at += timedelta(minutes=90)

    assert abs(begin - THEN) < timedelta(milliseconds=1)
    assert by.now() - begin == timedelta(minutes=90)
    assert by.is_dead()


def test_a_clock_that_was_set_back_an_hour_does_not_take_time_back() -> None:
    hands = Hands(THEN)
    by = clock(hands)
    by.learn(write_time(THEN), THEN)
    hands.at -= timedelta(hours=1)
    before = by.now()
    hands.at += timedelta(hours=2)

    assert before == by.floor
    assert by.now() == before + timedelta(hours=1)


def test_no_time_is_before_the_release() -> None:
    hands = Hands(datetime(1999, 1, 1, tzinfo=NOW.tzinfo))
    by = clock(hands)
    by.learn("2001-01-01T00:00:00.000Z", hands.at)

    assert by.now() == released_at
    assert (by.offset_ms, by.server_time) == (None, None)
