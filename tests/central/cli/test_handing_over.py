"""Connections handed to workers: evenly, to living ones alone, and none is lost where there is no room for it."""

import asyncio
import contextlib
import logging
import resource
import socket
import ssl
import struct
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from central.cli.handing_over import Sharing, connections_from, untaken_max
from tests.central.cli.test_tls import make_certificate

asked = b"GET / HTTP/1.1\r\nHost: central\r\n\r\n"


class Connection:
    """A client's, that stays open until the test closes it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.served_by = ""

    async def ask(self) -> "Connection":
        self.writer.write(asked)
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        self.served_by = (await self.reader.readexactly(length)).decode()
        return self


class Shared:
    """A listener whose connections workers of this process share."""

    def __init__(self, stack: AsyncExitStack, connections_max: int | None, tls: ssl.SSLContext | None) -> None:
        self.listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        self.listener.setblocking(False)
        self.sharing = Sharing(self.listener, connections_max=connections_max)
        self._stack, self._tls = stack, tls
        self._names = iter("abcdef")

    def channel(self) -> tuple[socket.socket, socket.socket]:
        """The accepting process's end, which it knows now, and the worker's."""
        ours, theirs = (self._stack.enter_context(end) for end in socket.socketpair())
        self.sharing.add(ours)
        return ours, theirs

    async def serve(self, theirs: socket.socket) -> None:
        name = next(self._names)

        async def handler(_request: web.BaseRequest) -> web.Response:
            return web.Response(text=name)

        await self._stack.enter_async_context(connections_from(theirs, web.Server(handler), self._tls))

    async def worker(self) -> socket.socket:
        """A worker that serves; its end of the channel."""
        _, theirs = self.channel()
        await self.serve(theirs)
        return theirs

    async def connect(self, tls: ssl.SSLContext | None = None) -> Connection:
        reader, writer = await asyncio.open_connection(*self.listener.getsockname(), ssl=tls)
        self._stack.callback(writer.close)
        return Connection(reader, writer)

    async def ask(self, count: int) -> list[Connection]:
        """So many connections, one after the other, each of which was answered."""
        return [await (await self.connect()).ask() for _ in range(count)]


@asynccontextmanager
async def shared(*, connections_max: int | None = None, tls: ssl.SSLContext | None = None) -> AsyncIterator[Shared]:
    async with AsyncExitStack() as stack:
        it = Shared(stack, connections_max, tls)
        accepting = asyncio.create_task(it.sharing.run())
        try:
            yield it
        finally:
            accepting.cancel()
            await asyncio.wait([accepting])


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0)


def by_worker(connections: list[Connection]) -> Counter[str]:
    return Counter(connection.served_by for connection in connections)


@contextlib.contextmanager
def no_descriptor_free() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


async def test_each_of_two_workers_gets_half_of_the_connections_that_stay_open() -> None:
    async with shared() as it:
        await it.worker()
        await it.worker()

        assert by_worker(await it.ask(20)) == {"a": 10, "b": 10}
        assert it.sharing.open == [10, 10]


async def test_the_worker_whose_connections_ended_gets_the_next_ones() -> None:
    async with shared() as it:
        await it.worker()
        await it.worker()
        connections = await it.ask(20)
        for connection in [each for each in connections if each.served_by == "a"][:6]:
            connection.writer.close()
        await until(lambda: sum(it.sharing.open) == 14)

        assert by_worker(await it.ask(6)) == {"a": 6}


async def test_what_would_have_gone_to_a_worker_that_died_goes_to_another() -> None:
    async with shared() as it:
        ours, theirs = it.channel()
        await it.worker()
        theirs.close()

        assert by_worker(await it.ask(3)) == {"a": 3}
        it.sharing.remove(ours)
        assert it.sharing.open == [3]


async def test_without_a_living_worker_connections_wait_for_the_next_one() -> None:
    async with shared() as it:
        _, theirs = it.channel()
        theirs.close()
        await until(lambda: it.sharing.open == [])
        waiting = [asyncio.create_task((await it.connect()).ask()) for _ in range(5)]
        await it.worker()

        assert by_worker(list(await asyncio.gather(*waiting))) == {"a": 5}


async def test_what_a_worker_did_not_take_before_it_died_goes_to_another() -> None:
    async with shared() as it:
        _, theirs = it.channel()
        waiting = [asyncio.create_task((await it.connect()).ask()) for _ in range(5)]
        await until(lambda: it.sharing.open == [5])
        await it.worker()
        theirs.close()

        assert by_worker(list(await asyncio.gather(*waiting))) == {"a": 5}
        assert it.sharing.open == [5]


async def test_workers_that_take_nothing_stop_accepting_until_they_do() -> None:
    async with shared() as it:
        ends = [it.channel()[1] for _ in range(2)]
        connections = [await it.connect() for _ in range(3 * untaken_max)]
        await until(lambda: it.sharing.open == [untaken_max, untaken_max])
        for theirs in ends:
            await it.serve(theirs)

        served = by_worker([await each.ask() for each in connections])
        assert (sum(served.values()), set(served)) == (3 * untaken_max, {"a", "b"})
        await until(lambda: sum(it.sharing.open) == 3 * untaken_max)
        assert abs(served["a"] - served["b"]) <= 2


async def test_full_channels_stop_accepting_until_there_is_room() -> None:
    async with shared() as it:
        ours, theirs = it.channel()
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)  # the least that the kernel gives
        connections = [await it.connect() for _ in range(60)]
        await until(lambda: sum(it.sharing.open) > 1)
        assert sum(it.sharing.open) < 60
        await it.serve(theirs)

        assert by_worker([await each.ask() for each in connections]) == {"a": 60}


async def test_a_worker_gets_no_more_connections_than_it_has_descriptors_for() -> None:
    async with shared(connections_max=2) as it:
        await it.worker()
        first, *_ = await it.ask(2)
        third = await it.connect()
        answer = asyncio.create_task(third.ask())
        assert it.sharing.open == [2]
        first.writer.close()

        assert (await answer).served_by == "a"
        assert it.sharing.open == [2]


async def test_accepting_pauses_while_no_descriptor_is_free_and_says_so() -> None:
    async with shared() as it:
        await it.worker()
        (connection,) = await it.ask(1)
        with socket.socket() as raw, capture_logs() as logs:
            raw.setblocking(False)
            with no_descriptor_free():
                raw.connect_ex(it.listener.getsockname())
                await until(lambda: bool(logs))
                await connection.ask()
            assert [line["event"] for line in logs] == ["accepting_failed"]
            await until(lambda: it.sharing.open == [2])


async def test_a_connection_that_found_no_descriptor_in_its_worker_is_told_as_ended() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, socket.create_server(("127.0.0.1", 0)) as any_socket, capture_logs() as logs:
        ours.setblocking(False)

        async def handler(_request: web.BaseRequest) -> web.Response:
            raise AssertionError

        async with connections_from(theirs, web.Server(handler)):
            with no_descriptor_free():
                socket.send_fds(ours, [b"\0"], [any_socket.fileno()])
                await until(lambda: bool(logs))

            assert ours.recv(10) == b"+-"
    assert [line["event"] for line in logs] == ["connection_dropped"]


async def test_a_failed_handshake_harms_nobody_and_is_told_as_ended(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cert, key = make_certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    trusting = ssl.create_default_context(cafile=str(cert))
    async with shared(tls=context) as it:
        await it.worker()
        kept = await (await it.connect(trusting)).ask()
        garbage, silent, cut_off = [await it.connect() for _ in range(3)]
        await until(lambda: it.sharing.open == [4])
        garbage.writer.write(asked)
        silent.writer.close()
        cut_off.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        cut_off.writer.transport.abort()
        await until(lambda: it.sharing.open == [1])

        assert (await kept.ask()).served_by == "a"
        await (await it.connect(trusting)).ask()
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_leaving_finishes_what_is_under_way_and_closes_idle_connections() -> None:
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def slow(_request: web.Request) -> web.Response:
        reached.set()
        await go_on.wait()
        return web.Response(text="finished")

    app = web.Application()
    app.router.add_get("/", slow)
    runner = web.AppRunner(app, handle_signals=False)
    await runner.setup()
    assert runner.server is not None
    async with shared() as it:
        _, theirs = it.channel()
        async with connections_from(theirs, runner.server):
            idle, busy = [await it.connect() for _ in range(2)]
            await until(lambda: len(runner.server.connections) == 2)  # type: ignore[union-attr]
            answer = asyncio.create_task(busy.ask())
            await reached.wait()
        cleaning = asyncio.create_task(runner.cleanup())
        assert await idle.reader.read() == b""
        go_on.set()

        assert (await answer).served_by == "finished"
        await cleaning
        assert await busy.reader.read() == b""


async def test_what_is_written_goes_out_at_once() -> None:
    async def handler(request: web.BaseRequest) -> web.Response:
        assert request.transport is not None
        inner = request.transport.get_extra_info("socket")
        return web.Response(text=str(inner.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)))

    async with shared() as it:
        _, theirs = it.channel()
        async with connections_from(theirs, web.Server(handler)):
            assert by_worker(await it.ask(1)) == {"1": 1}
