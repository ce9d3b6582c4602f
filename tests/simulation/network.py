"""The network between terminals and central: it loses, repeats, delays, reorders and cuts, and others answer on it.

A terminal gets a `Session` in place of its HTTP client. Each request meets a fate that the schedule's chance draws.
What central itself promised is noted here, at the wire: the lines of every body that it answered, and how.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from random import Random
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import zstandard
from multidict import CIMultiDict

from tests.simulation.schedule import Schedule

seconds_max = 20.0
held_max = 12

Fate = str
fates: dict[Fate, int] = {
    "passes": 62,
    "request lost": 5,
    "answer lost": 7,
    "request repeated": 5,
    "request delayed": 7,
    "request cut": 4,
    "answer cut": 4,
    "impostor": 4,
}


@dataclass(frozen=True)
class Asked:
    """A request as it left its terminal; `sender` is (terminal_id, epoch), where one is known."""

    sender: tuple[str, int]
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_body_of_events(self) -> bool:
        return self.path == "/v1/sync/events"


@dataclass(frozen=True)
class Heard:
    """An answer: what central, or somebody else, said."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    cut: bool = False


@dataclass(frozen=True)
class Promise:
    """A line that central answered for."""

    terminal_id: str
    epoch: int
    sequence: int
    hash: str


@dataclass
class Network:
    """Between everybody and wherever central is now."""

    schedule: Schedule
    central_url: Callable[[], str | None]
    stored: Callable[[Iterable[str]], Awaitable[set[str]]]
    """Which of some lines' hashes are committed in central's database now."""
    http: aiohttp.ClientSession
    faulty: bool = True
    promises: set[Promise] = field(default_factory=set)
    broken: set[Promise] = field(default_factory=set)
    """Lines that central answered for before they were committed."""
    forgotten: set[Promise] = field(default_factory=set)
    """Lines that central answered for and, back from a backup, does not have until they are sent again."""
    held: list[Asked] = field(default_factory=list)
    point: Callable[[str], Awaitable[None]] | None = None
    """Called before a request leaves and before its answer arrives: where a terminal may be killed."""
    _senders: dict[tuple[str, int], int] = field(default_factory=dict)

    async def request(self, asked: Asked) -> Heard:
        """One request and its fate. Raises what aiohttp raises where no answer comes."""
        await self._pass_point("before the request")
        fate = self._fate(asked)
        match fate:
            case "request lost":
                raise aiohttp.ClientConnectionError("lost")
            case "answer lost":
                await self.forward(asked)
                raise aiohttp.ServerDisconnectedError("lost on the way back")
            case "request repeated":
                heard = await asyncio.gather(self.forward(asked), self.forward(asked))
                result = self._chance(asked).choice(heard)
            case "request delayed":
                self._hold(asked)
                raise aiohttp.ServerTimeoutError("late")
            case "request cut":
                await self._cut_request(asked)
                raise aiohttp.ClientConnectionError("cut")
            case "answer cut":
                whole = await self.forward(asked)
                cut_at = self._chance(asked).randrange(len(whole.body) + 1)
                result = Heard(whole.status, whole.headers, whole.body[:cut_at], cut=True)
            case "impostor":
                result = self._impostor(asked)
            case _:
                result = await self.forward(asked)
        await self._pass_point("before the answer")
        return result

    async def deliver_held(self, count: int) -> None:
        """Let delayed requests arrive, in any order; nobody hears the answers."""
        for _ in range(min(count, len(self.held))):
            asked = self.held.pop(self.schedule.chance.randrange(len(self.held)))
            self.schedule.fault("late arrival", f"of {asked.path} from {_short(asked.sender)}")
            with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                await self.forward(asked)

    async def forget(self) -> None:
        """Central came back from a backup: what it answered for since then is for the terminals to send again."""
        stored = await self.stored(one.hash for one in self.promises)
        self.forgotten = {one for one in self.promises if one.hash not in stored}

    def lose(self, sender: tuple[str, int], sequences: set[int]) -> None:
        """No disk has these lines any more. What central forgot of them is gone for good, and nobody broke his word."""
        self.promises -= {
            one for one in self.forgotten if (one.terminal_id, one.epoch) == sender and one.sequence in sequences
        }

    async def forward(self, asked: Asked) -> Heard:
        """Bring a request to central and its answer back, whole. Raises `aiohttp.ClientError`."""
        url = self.central_url()
        if url is None:
            raise aiohttp.ClientConnectionError("central is down")
        timeout = aiohttp.ClientTimeout(total=seconds_max)
        async with self.http.request(
            asked.method, url + asked.path, headers=asked.headers, data=asked.body, timeout=timeout
        ) as answer:
            body = await answer.read()
            heard = Heard(answer.status, CIMultiDict(answer.headers), body)
        if asked.is_body_of_events:
            await self._note(asked, heard)
        return heard

    async def _note(self, asked: Asked, heard: Heard) -> None:
        """Write down what an answer to a body of events promises."""
        if heard.status not in (200, 409):
            return
        answer = json.loads(heard.body)
        lines = body_lines(asked)
        if heard.status == 409:
            if not answer["type"].endswith("chain-fork"):
                return
            lines = [line for line in lines if json.loads(line)["sequence"] <= answer["kept_through"]]
        given = [Promise(*asked.sender, json.loads(line)["sequence"], sha256(line).hexdigest()) for line in lines]
        self.promises.update(given)
        self.forgotten.difference_update(given)
        stored = await self.stored(one.hash for one in given)
        self.broken.update(one for one in given if one.hash not in stored)

    def _fate(self, asked: Asked) -> Fate:
        if not self.faulty:
            return "passes"
        fate = self._chance(asked).choices(list(fates), list(fates.values()))[0]
        if fate != "passes":
            self.schedule.fault(fate, f"{asked.method} {asked.path.split('?')[0]} of {_short(asked.sender)}")
        return fate

    def _hold(self, asked: Asked) -> None:
        if len(self.held) < held_max:
            self.held.append(asked)

    def _chance(self, asked: Asked) -> Random:
        """Each sender's own, whoever else is on the line; senders are told apart by who was first on it."""
        number = self._senders.setdefault(asked.sender, len(self._senders))
        return self.schedule.stream(f"network {number}")

    def _impostor(self, asked: Asked) -> Heard:
        """A captive portal, a proxy, a server that sends elsewhere: anything but central."""
        kind = self._chance(asked).randrange(6)
        html = CIMultiDict({"Content-Type": "text/html"})
        plain = CIMultiDict({"Content-Type": "application/json"})
        portal = b"<html>Welcome to the Wi-Fi</html>"
        return (
            Heard(200, html, portal),
            Heard(200, plain, b'{"status": "ok"}'),
            Heard(200, plain, portal),
            Heard(204, CIMultiDict(), b""),
            Heard(302, CIMultiDict({"Location": "http://portal.invalid/"}), b""),
            Heard(503, CIMultiDict({"Retry-After": "1"}), b""),
        )[kind]

    async def _cut_request(self, asked: Asked) -> None:
        """Send the first bytes of a request and break off."""
        url = self.central_url()
        if url is None:
            return
        parts = urlsplit(url)
        head = [f"{asked.method} {asked.path} HTTP/1.1", f"Host: {parts.netloc}"]
        head += [f"{name}: {value}" for name, value in asked.headers.items()]
        whole = "\r\n".join([*head, f"Content-Length: {len(asked.body)}", "", ""]).encode() + asked.body
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        writer.write(whole[: self._chance(asked).randrange(1, max(2, len(whole)))])
        with contextlib.suppress(OSError):
            await writer.drain()
            writer.close()
            await writer.wait_closed()
        del reader

    async def _pass_point(self, where: str) -> None:
        if self.point is not None:
            await self.point(where)


class Session:
    """What a terminal takes for its HTTP client."""

    def __init__(self, network: Network, sender: tuple[str, int]) -> None:
        self._network = network
        self._sender = sender

    @contextlib.asynccontextmanager
    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        data: bytes | None = None,
        **_: Any,
    ) -> AsyncIterator["Response"]:
        path = urlsplit(url).path
        if params:
            path += "?" + "&".join(f"{name}={value}" for name, value in params.items())
        asked = Asked(self._sender, method, path, dict(headers or {}), data or b"")
        yield Response(await self._network.request(asked))

    async def close(self) -> None:
        """Nothing is held open."""


class Response:
    """An answer as aiohttp's client shows it."""

    def __init__(self, heard: Heard) -> None:
        self._heard = heard
        self.status = heard.status
        self.headers = heard.headers
        self.content_type = heard.headers.get("Content-Type", "application/octet-stream").partition(";")[0].strip()
        self.content = self

    async def iter_chunked(self, size: int) -> AsyncIterator[bytes]:
        for start in range(0, len(self._heard.body), size):
            yield self._heard.body[start : start + size]
        if self._heard.cut:
            raise aiohttp.ClientPayloadError("the answer was cut")


def body_lines(asked: Asked) -> list[bytes]:
    """The lines of a body of events, as its sender wrote them."""
    raw = asked.body
    if asked.headers.get("Content-Encoding") == "zstd":
        raw = zstandard.ZstdDecompressor().decompressobj().decompress(raw)
    return raw.removesuffix(b"\n").split(b"\n")


def _short(sender: tuple[str, int]) -> str:
    return f"{sender[0][-6:]}/{sender[1]}"
