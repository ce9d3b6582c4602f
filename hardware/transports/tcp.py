"""A device behind a network socket, most often a printer on port 9100."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Sequence
from typing import Any

from hardware.addresses import TcpAddress
from hardware.transports.transport import NotThere, Transport

connect_seconds_max = 5.0
keepalive_idle_seconds = 10
keepalive_interval_seconds = 5
keepalive_probes = 3


class TcpTransport(Transport):
    """A TCP connection; network printers serve one client at a time, so one is kept open."""

    def __init__(self, address: TcpAddress) -> None:
        super().__init__(str(address))
        self._where = address
        self._socket: socket.socket | None = None

    async def identity(self) -> str:
        """The network address and port that the host's name stands for; as written where that cannot be told."""
        try:
            async with asyncio.timeout(connect_seconds_max):
                choices = await self._choices()
        except OSError:  # a time-out is one as well
            return self.address.lower()
        return "tcp:" + min(f"{where[0]}:{where[1]}" for *_, where in choices)

    async def _choices(self) -> Sequence[tuple[Any, ...]]:
        loop = asyncio.get_running_loop()
        return await loop.getaddrinfo(self._where.host, self._where.port, type=socket.SOCK_STREAM)

    async def _open(self) -> int:
        try:
            async with asyncio.timeout(connect_seconds_max):
                choices = await self._choices()
                self._socket = await _connect_first(choices)
        except TimeoutError:
            raise NotThere(
                f"{self.address} does not answer", "check that it is switched on and in the same network"
            ) from None
        except ConnectionRefusedError:
            raise NotThere(
                f"{self.address} refuses the connection", "switch it on, end what else prints on it, check the port"
            ) from None
        except OSError as error:
            raise NotThere(f"{self.address}: {error.strerror or error}", "check the address and the network") from None
        return self._socket.fileno()

    def _close(self, fd: int) -> None:
        connection, self._socket = self._socket, None
        if connection is not None:
            connection.close()


async def _connect_first(choices: Sequence[tuple[Any, ...]]) -> socket.socket:
    loop = asyncio.get_running_loop()
    last: OSError = OSError("the name has no address")
    for family, kind, protocol, _, where in choices:
        candidate = socket.socket(family, kind, protocol)
        candidate.setblocking(False)
        try:
            await loop.sock_connect(candidate, where)
        except OSError as error:
            candidate.close()
            last = error
            continue
        except BaseException:
            candidate.close()
            raise
        _keep_alive(candidate)
        return candidate
    raise last


def _keep_alive(connection: socket.socket) -> None:
    """Notice a printer that was unplugged from the network while nothing is sent to it."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (
        ("TCP_KEEPIDLE", keepalive_idle_seconds),
        ("TCP_KEEPINTVL", keepalive_interval_seconds),
        ("TCP_KEEPCNT", keepalive_probes),
    ):
        if hasattr(socket, option):
            with contextlib.suppress(OSError):  # a stack without this option keeps its own times
                connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
