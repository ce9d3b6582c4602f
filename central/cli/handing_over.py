"""Connections handed from the process that accepts them to the worker processes that serve them.

`Sharing` is the accepting side, `connections_from` the serving one; between the two lies a Unix socket pair for each
worker, the channel. One way it carries a byte with each connection's descriptor, the other way a byte for each
connection that was taken, and one for each that ended.
"""

import asyncio
import resource
import socket
import ssl
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final, NoReturn

import structlog
from aiohttp import web

from central.config import backlog

accept_pause_seconds: Final = 0.25
full_pause_seconds: Final = 0.25
untaken_max: Final = 64
"""Handed over to a worker that did not take them yet; while all have so many, the next wait in the backlog."""
descriptors_kept: Final = 128
"""Of a worker's, for all that is no connection of a client: its database's, its files."""
told_bytes_max: Final = 65_536
taken_at_once_max: Final = 64
_taken: Final = b"+"
_ended: Final = b"-"

log = structlog.get_logger("central.cli")


class Sharing:
    """Accepts connections and hands each to the worker that has fewest open ones; among equals they go in turn."""

    def __init__(self, listener: socket.socket, *, connections_max: int | None = None) -> None:
        """Of a bound, non-blocking socket; a worker has at most so many open, or what its descriptors allow."""
        self._listener = listener
        self._connections_max = connections_max or _connections_max()
        self._open: dict[socket.socket, int] = {}
        self._untaken: dict[socket.socket, deque[socket.socket]] = {}
        self._some, self._changed = asyncio.Event(), asyncio.Event()

    @property
    def open(self) -> list[int]:
        """How many connections each worker has; first the one that was given none for longest."""
        return list(self._open.values())

    def add(self, channel: socket.socket) -> None:
        """A worker that serves what comes through its channel, until that ends or it is removed."""
        channel.setblocking(False)
        self._open[channel] = 0
        self._untaken[channel] = deque()
        asyncio.get_running_loop().add_reader(channel, self._hear, channel)
        self._some.set()
        self._changed.set()

    def remove(self, channel: socket.socket) -> None:
        """Give what it did not take to others, where there are any, and it nothing more; it may be gone already."""
        if self._open.pop(channel, None) is None:
            return
        asyncio.get_running_loop().remove_reader(channel)
        for connection in self._untaken.pop(channel):
            if not self._hand_over(connection):
                connection.close()
        if not self._open:
            self._some.clear()

    async def run(self) -> NoReturn:
        """Listen as soon as a worker serves. Raises `OSError` where the address is taken."""
        loop = asyncio.get_running_loop()
        await self._some.wait()
        self._listener.listen(backlog)
        while True:
            await self._some.wait()  # else what comes waits in the backlog
            try:
                connection, _ = await loop.sock_accept(self._listener)
            except OSError as error:  # no descriptor is free, as a rule: the listener stays readable
                log.warning("accepting_failed", error=error.strerror, pause_seconds=accept_pause_seconds)
                await asyncio.sleep(accept_pause_seconds)
                continue
            while not self._hand_over(connection):
                self._changed.clear()
                with suppress(TimeoutError):  # of room in the kernel's own queue nobody tells
                    async with asyncio.timeout(full_pause_seconds):
                        await self._changed.wait()

    def _hand_over(self, connection: socket.socket) -> bool:
        """Whether a worker got it."""
        for channel in sorted(self._open, key=self._open.__getitem__):
            if self._open[channel] >= self._connections_max or len(self._untaken[channel]) >= untaken_max:
                continue
            try:
                socket.send_fds(channel, [b"\0"], [connection.fileno()])
            except OSError:  # the channel is full, or its worker dead, which `_hear` will hear
                continue
            self._open[channel] = self._open.pop(channel) + 1  # at the end: ties go in turn
            self._untaken[channel].append(connection)
            return True
        return False

    def _hear(self, channel: socket.socket) -> None:
        try:
            told = channel.recv(told_bytes_max)
        except BlockingIOError:
            return
        except OSError:  # it died with connections unread
            told = b""
        if not told:
            self.remove(channel)
        for _ in range(told.count(_taken)):
            self._untaken[channel].popleft().close()
        if ended := told.count(_ended):
            self._open[channel] -= ended
        self._changed.set()


@asynccontextmanager
async def connections_from(
    channel: socket.socket, server: web.Server, tls: ssl.SSLContext | None = None
) -> AsyncIterator[None]:
    """Serve what comes through a channel; on leaving nothing more is taken, and the channel is closed."""
    receiver = _Receiver(channel, server, tls)
    try:
        yield
    finally:
        await receiver.close()


def _connections_max() -> int:
    """A worker has the limits of the process that starts it."""
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(descriptors - descriptors_kept, descriptors // 2)


class _Receiver:
    def __init__(self, channel: socket.socket, server: web.Server, tls: ssl.SSLContext | None) -> None:
        self._channel, self._server, self._tls = channel, server, tls
        self._untold = bytearray()
        self._starting: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()
        self._lost = server.connection_lost
        server.connection_lost = self._connection_lost  # type: ignore[method-assign]
        channel.setblocking(False)
        self._loop.add_reader(channel, self._receive)

    async def close(self) -> None:
        self._loop.remove_reader(self._channel)
        self._loop.remove_writer(self._channel)
        self._channel.close()
        for task in self._starting:
            task.cancel()
        await asyncio.gather(*self._starting, return_exceptions=True)

    def _receive(self) -> None:
        for _ in range(taken_at_once_max):
            if not self._take():
                break
        # Before anything is read from them: what was not taken may be given to another worker.
        self._tell()

    def _take(self) -> bool:
        """Whether there was a connection to take."""
        try:
            byte, descriptors, _, _ = socket.recv_fds(self._channel, 1, 1, socket.MSG_CMSG_CLOEXEC)
        except BlockingIOError:
            return False
        except OSError:
            byte = b""
        if not byte:  # the accepting process is gone, and this one's stdin has ended with it
            self._loop.remove_reader(self._channel)
            return False
        self._untold += _taken
        if not descriptors:  # the kernel found none free here
            log.warning("connection_dropped", reason="no file descriptor is free")
            self._untold += _ended
            return True
        task = self._loop.create_task(self._start(socket.socket(fileno=descriptors[0])))
        self._starting.add(task)
        task.add_done_callback(self._starting.discard)
        return True

    async def _start(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        try:
            await self._loop.connect_accepted_socket(self._server, connection, ssl=self._tls)
        except OSError:  # a handshake that failed is the client's affair, and of no protocol's that could be lost
            connection.close()
            self._end()

    def _connection_lost(self, handler: web.RequestHandler, exc: BaseException | None = None) -> None:
        self._lost(handler, exc)
        self._end()

    def _end(self) -> None:
        self._untold += _ended
        self._tell()

    def _tell(self) -> None:
        if not self._untold or self._channel.fileno() < 0:
            return
        try:
            del self._untold[: self._channel.send(self._untold)]
        except BlockingIOError:
            self._loop.add_writer(self._channel, self._tell)
        except OSError:  # nobody counts any more
            self._untold.clear()
        if not self._untold:
            self._loop.remove_writer(self._channel)
