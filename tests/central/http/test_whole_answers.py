"""Answers in one piece and answers by aiohttp's own writer are the same to whoever asks."""

import asyncio
from email.utils import parsedate_to_datetime

import pytest

from central.http import whole_answers
from tests.central.conftest import Central, TenantFixture

Answer = tuple[str, dict[str, str], bytes]


class Peer:
    """A client that writes its requests by hand."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, key: str) -> None:
        self._reader = reader
        self._writer = writer
        self._key = key

    def ask(self, path: str, *, method: str = "GET", version: str = "1.1", headers: tuple[str, ...] = ()) -> None:
        lines = [f"{method} {path} HTTP/{version}", "Host: shop", f"Authorization: Bearer {self._key}", *headers]
        self._writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())

    async def answer(self, *, with_body: bool = True) -> Answer:
        status, *lines = (await self._reader.readuntil(b"\r\n\r\n")).decode().removesuffix("\r\n\r\n").split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        body = await self._reader.readexactly(int(headers["Content-Length"])) if with_body else b""
        return status, headers, body

    async def is_left(self) -> bool:
        """Whether the other side has ended the connection."""
        return await self._reader.read(1) == b""


@pytest.fixture
async def peer(central: Central, tenant: TenantFixture) -> Peer:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(central.url.rpartition(":")[2]))
    return Peer(reader, writer, tenant.key)


def without_moments(answer: Answer) -> Answer:
    status, headers, body = answer
    parsedate_to_datetime(headers["Date"])
    assert headers["Server-Timing"].startswith("db;dur=")
    return status, {name: value for name, value in headers.items() if name not in ("Date", "Server-Timing")}, body


async def test_both_ways_give_one_answer(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    peer.ask("/v1/settings")
    whole = without_moments(await peer.answer())
    monkeypatch.setattr(whole_answers, "body_bytes_max", 0)
    peer.ask("/v1/settings")
    by_aiohttp = without_moments(await peer.answer())

    assert whole == by_aiohttp
    assert whole[0] == "HTTP/1.1 200 OK"


async def test_requests_that_follow_at_once_are_answered_in_their_order(peer: Peer) -> None:
    for path in ("/v1/settings", "/v1/nothing", "/v1/locations", "/v1/settings"):
        peer.ask(path)
    settings, nothing, locations, again = [await peer.answer() for _ in range(4)]

    assert [of[0][9:12] for of in (settings, nothing, locations, again)] == ["200", "404", "200", "200"]
    assert settings[2] == again[2] != locations[2]


async def test_a_connection_that_is_to_end_ends_after_its_answer(peer: Peer) -> None:
    peer.ask("/v1/settings", headers=("Connection: close",))

    _, headers, _ = await peer.answer()

    assert headers["Connection"] == "close"
    assert await peer.is_left()


async def test_an_older_peer_is_told_what_becomes_of_its_connection(peer: Peer) -> None:
    peer.ask("/v1/settings", version="1.0", headers=("Connection: keep-alive",))
    status, headers, _ = await peer.answer()
    assert (status, headers["Connection"]) == ("HTTP/1.0 200 OK", "keep-alive")

    peer.ask("/v1/settings", version="1.0")
    await peer.answer()
    assert await peer.is_left()


async def test_a_connection_goes_on_after_answers_without_a_body(peer: Peer) -> None:
    peer.ask("/v1/settings", method="HEAD")
    status, _, _ = await peer.answer(with_body=False)
    assert status == "HTTP/1.1 405 Method Not Allowed"

    peer.ask("/v1/settings")
    status, _, _ = await peer.answer()
    assert status == "HTTP/1.1 200 OK"
