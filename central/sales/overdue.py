"""Events that waited in vain: their exceptions are raised when `original_wait_hours` are over, and not before."""

import asyncio
import contextlib
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog

from central.database import DatabaseUnavailableError
from central.http import Services
from central.sales.booked import NewException
from central.sales.exception_records import ExceptionRecord, raise_exceptions
from central.sales.receipts import SQL
from central.tenancy import settings, tenants
from central.tenant_session import TenantSession, operator, tenant_session

waiting_rows_max: Final = 1_000
"""Raised in one transaction; the rest comes with the next."""

round_seconds: Final = 60.0

_details: Final = {
    "original-not-found": "the sale that the refund names has not come",
    "void-unknown-sale": "what the void names has not come",
    "voucher-unknown": "the voucher was never sold here",
}

log = structlog.get_logger("central.sales")


async def raise_overdue(session: TenantSession, now: datetime, ids: Callable[[], UUID]) -> list[ExceptionRecord]:
    """Raise what waited for longer than its location's `original_wait_hours`; answers what is new.

    One that is taken by another process at the moment is left to it.
    """
    rows = await session.driver.fetch(SQL.overdue, session.tenant_id, now, waiting_rows_max)
    if not rows:
        return []
    rules = await settings.effective_for(session, {row["location_id"] for row in rows})
    over = [row for row in rows if now - row["since"] >= timedelta(hours=rules[row["location_id"]].original_wait_hours)]
    if not over:
        return []
    raised = await raise_exceptions(
        session,
        [
            NewException(
                (row["terminal_id"], row["epoch"], row["branch"], row["sequence"]),
                row["code"],
                _details[row["code"]],
                row["subject"],
            )
            for row in over
        ],
        now,
        ids,
    )
    await session.driver.execute(
        SQL.mark_overdue,
        session.tenant_id,
        [row["subject"] for row in over],
        [row["terminal_id"] for row in over],
        [row["epoch"] for row in over],
        [row["branch"] for row in over],
        [row["sequence"] for row in over],
    )
    return raised


class OverdueJob:
    """Looks through every tenant now and then, for as long as the process serves: `services.of(OverdueJob).start()`."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look; once a process."""
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def look(self) -> int:
        """Look through all tenants once; how many exceptions were raised."""
        raised = 0
        for _, tenant_id in await tenants.every_tenant(self._services.database):
            caller = operator(tenant_id, "overdue")
            async with tenant_session(self._services.database, caller) as session:
                raised += len(await raise_overdue(session, self._services.clock(), self._services.ids))
        return raised

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(round_seconds)
            try:
                await self.look()
            except DatabaseUnavailableError:
                log.warning("overdue.waits", reason="the database does not answer")
