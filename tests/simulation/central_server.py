"""A central that can be killed, backed up and restored: the real application on a real PostgreSQL."""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack
from datetime import datetime
from importlib import import_module
from pathlib import Path

import asyncpg

from central.app import open_services, serve_on
from central.cli.after_restore import _after_restore
from central.cli.target import Target
from central.database import Database
from central.database.embedded import application, superuser
from central.http import Services
from central.uplink.resumption import Resumption
from central.wakeups import Wakeups
from tests.conftest import TestServer
from tests.simulation.postgres_line import PostgresLine

held_in_modules = (
    ("central.terminals.positions", "_epoch_keys"),
    ("central.products.known", "_known"),
    ("central.ledger.currency", "_currencies"),
)
"""What a process of central remembers, which goes when the process is killed."""


class CentralServer:
    """One deployment: its database, whichever that is now, and the process that serves it, when it runs."""

    def __init__(self, server: TestServer, clock: Callable[[], datetime]) -> None:
        self._server = server
        self._clock = clock
        self._stack = AsyncExitStack()
        self.line = PostgresLine()
        self.database_name = ""
        self.backups: list[str] = []
        self.url: str | None = None
        self._services: Services | None = None
        self._notary: asyncpg.Connection | None = None
        self._one_look = asyncio.Lock()

    @property
    def services(self) -> Services:
        assert self._services is not None, "central runs"
        return self._services

    @property
    def superuser_address(self) -> str:
        """The database behind central's back, for checkers."""
        return self._server.address(superuser, self.database_name)

    async def create(self, template: str | None = None) -> None:
        """A database of its own, as a copy of `template`, or with nobody in it yet."""
        self.database_name = await (self._server.make(template=template) if template else self._server.make())

    async def start(self) -> None:
        """A new process on the database as it is."""
        self.line = PostgresLine()
        address = await self.line.open(self._server.address(application, self.database_name))
        database = Database(address, connections=6)
        self._services = await open_services(database, wakeups=Wakeups())
        self._services.clock = self._clock
        listener = self._stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        await self._stack.enter_async_context(serve_on(self._services, listener))
        # What it goes on with by itself comes before what the schedule does next, so that a seed is always the same.
        await self._services.of(Resumption).has_looked.wait()
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"

    async def stored(self, hashes: Iterable[str]) -> set[str]:
        """Which lines are committed at this moment, seen behind central's back."""
        async with self._one_look:
            if self._notary is None:
                self._notary = await asyncpg.connect(self.superuser_address)
            rows = await self._notary.fetch(
                "select distinct line_hash from till.events where line_hash = any($1::bytea[])",
                [bytes.fromhex(one) for one in hashes],
            )
        return {row["line_hash"].hex() for row in rows}

    async def kill(self) -> None:
        """The process is gone: what its transactions had not committed is undone."""
        if self.url is None:
            return
        self.url = None
        self.line.cut()
        await self._stack.aclose()
        self._stack = AsyncExitStack()
        with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            await self.services.close()
        await self.line.close()
        self._services = None
        if self._notary is not None:
            await self._notary.close()
            self._notary = None
        for module, memory in held_in_modules:
            getattr(import_module(module), memory).clear()

    async def back_up(self) -> None:
        """Copy the database as it stands; central is down meanwhile."""
        await self.kill()
        self.backups.append(await self._server.make(template=self.database_name))
        await self.start()

    async def restore(self) -> None:
        """Go back to the latest backup, and say so with `after-restore`."""
        await self.kill()
        await self._server.drop(self.database_name)
        self.database_name = await self._server.make(template=self.backups[-1])
        target = Target(self._server.address(application, self.database_name), Path(), None)
        await _after_restore(target)
        await self.start()

    async def close(self) -> None:
        await self.kill()
        for name in filter(None, [self.database_name, *self.backups]):
            await self._server.drop(name)
