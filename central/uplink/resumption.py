"""Turns that a crash cut short, found again: when a process starts, and now and then, for another's may not come back.

A turn too long for one transaction is taken in several (`Uplink.go_on`). What a process that ended in between has left
would else wait for that terminal's next body.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Final
from uuid import UUID

import structlog

from central import terminals
from central.database import DatabaseUnavailableError
from central.http import Services
from central.tenancy import tenants
from central.tenant_session import operator, tenant_session
from central.uplink.repository import QUERIES
from central.uplink.uplink import Uplink

epochs_per_page_max: Final = 500
"""Read at once; they are taken on one after the other, each in transactions of `turn_lines_max` lines."""
round_seconds: Final = 300.0

_start: Final = (UUID(int=0), 0)

log = structlog.get_logger("central.uplink")


class Resumption:
    """Looks through every tenant for as long as the process serves: `services.of(Resumption).start()`."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._task: asyncio.Task[None] | None = None
        self.has_looked = asyncio.Event()
        """Set once the first look is over."""

    def start(self) -> None:
        """Begin to look, at once; once a process."""
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def look(self) -> int:
        """Go on with what any tenant's epochs have left; how many lines of chains and branches were applied."""
        applied = 0
        uplink = self._services.of(Uplink)
        for _, tenant_id in await tenants.every_tenant(self._services.database):
            async for terminal_id, epoch in self._unfinished(tenant_id):
                try:
                    turn = await uplink.go_on(tenant_id, terminal_id, epoch)
                except DatabaseUnavailableError:
                    raise
                except Exception as error:
                    # One epoch that cannot go on must not keep the others waiting.
                    log.error("resumption failed", exc_info=error, terminal_id=str(terminal_id), epoch=epoch)
                else:
                    applied += turn.applied
        return applied

    async def _unfinished(self, tenant_id: UUID) -> AsyncIterator[terminals.EpochKeyPair]:
        for unfinished in (self._with_lines_left, self._with_queue_in_turn):
            after = _start
            while page := await unfinished(tenant_id, after):
                for after in page:
                    yield after

    async def _with_lines_left(self, tenant_id: UUID, after: terminals.EpochKeyPair) -> list[terminals.EpochKeyPair]:
        async with tenant_session(self._services.database, operator(tenant_id, "uplink")) as session:
            rows = await session.driver.fetch(QUERIES.unfinished_epochs, tenant_id, *after, epochs_per_page_max)
        return [(row["terminal_id"], row["epoch"]) for row in rows]

    async def _with_queue_in_turn(self, tenant_id: UUID, after: terminals.EpochKeyPair) -> list[terminals.EpochKeyPair]:
        async with tenant_session(self._services.database, operator(tenant_id, "uplink")) as session:
            return await terminals.epochs_in_turn(session, after, epochs_per_page_max)

    async def _run(self) -> None:
        while True:
            try:
                applied = await self.look()
                if applied:
                    log.info("resumption", lines=applied)
            except DatabaseUnavailableError:
                log.warning("resumption waits", reason="the database does not answer")
            self.has_looked.set()
            await asyncio.sleep(round_seconds)
