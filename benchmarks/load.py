"""A light load generator: prepared requests over raw connections, so that the load costs little by itself."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, cast

response_bytes_max: Final = 1024 * 1024


class LoadError(Exception):
    """An answer that is no 200: the benchmark would measure something else."""


@dataclass(frozen=True)
class Taken:
    """How long a load took."""

    seconds: float
    """Until every connection had all its answers."""
    per_second_with_all: float
    """Answers a second until the first connection had all of its own: after that the load is another one."""


def request(path: str, body: bytes, headers: dict[str, str]) -> bytes:
    """The bytes of a POST."""
    lines = [f"POST {path} HTTP/1.1", "Host: bench", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class _Connection(asyncio.Protocol):
    """Sends its requests one after the other, each when the answer to the one before is there."""

    def __init__(self, requests: Sequence[bytes], answered: Callable[[], None]) -> None:
        self._requests = iter(requests)
        self._answered = answered
        self._buffer = b""
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is none by its class

    def start(self) -> None:
        self._next()

    def _next(self) -> None:
        following = next(self._requests, None)
        if following is None:
            self.done.set_result(None)
            return
        assert self.transport is not None
        self.transport.write(following)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head_end = self._buffer.find(b"\r\n\r\n")
        if head_end < 0:
            return
        head = self._buffer[:head_end].lower()
        length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
        if len(self._buffer) < head_end + 4 + length:
            return
        answer, self._buffer = self._buffer, b""
        if not answer.startswith(b"HTTP/1.1 200") and not answer.startswith(b"HTTP/1.1 201"):
            self._fail(LoadError(answer[:2_000].decode(errors="replace")))
        elif b'"exceptions":[{' in answer:
            self._fail(LoadError(f"a sale raised an exception: {answer[-2_000:].decode(errors='replace')}"))
        else:
            self._answered()
            self._next()

    def connection_lost(self, error: Exception | None) -> None:
        self._fail(LoadError(f"the connection ended: {error}"))

    def _fail(self, error: LoadError) -> None:
        if not self.done.done():
            self.done.set_exception(error)


async def run(host: str, port: int, connections: Sequence[Sequence[bytes]]) -> Taken:
    """Send all that each connection has, as fast as the answers come. Raises `LoadError`."""
    loop = asyncio.get_running_loop()
    answers = 0
    first_done: tuple[int, float] | None = None

    def answered() -> None:
        nonlocal answers
        answers += 1

    def done(_: asyncio.Future[None]) -> None:
        nonlocal first_done
        if first_done is None:
            first_done = (answers, loop.time())

    made = [
        (await loop.create_connection(lambda own=own: _Connection(own, answered), host, port))[1]  # type: ignore[misc]
        for own in connections
    ]
    started = loop.time()
    for connection in made:
        connection.done.add_done_callback(done)
        connection.start()
    await asyncio.gather(*(connection.done for connection in made))
    seconds = loop.time() - started
    for connection in made:
        assert connection.transport is not None
        connection.transport.close()
    if first_done is None:
        raise LoadError("no connection has anything to send")
    count, at = first_done
    return Taken(seconds, count / (at - started))
