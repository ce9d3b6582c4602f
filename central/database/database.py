"""The pools of connections that central serves with, as the role `till_app`.

Connections are asyncpg's, pooled by SQLAlchemy and in autocommit: whoever takes one says `begin` itself
(`central.tenant_session` does, with the tenant in the same message).
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import asyncpg
from sqlalchemy import event
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from central.database.errors import DatabaseUnavailableError, is_outage

connections_max: Final = 10
reports_connections_max: Final = 2
connect_seconds_max: Final = 2.0
pool_wait_seconds_max: Final = 2.0
command_seconds_max: Final = 60.0
lock_wait_ms_max: Final = 4_000
report_ms_max: Final = 30_000
reader_prefix: Final = "till-central"


class Database:
    """A database by its address (`postgresql://till_app@…`), with a pool for work and a second one for reports."""

    def __init__(
        self, address: str, *, connections: int = connections_max, reports_connections: int = reports_connections_max
    ) -> None:
        self.address = address
        self.notify: Callable[[str], None] = _nobody_listens
        """Where sessions tell their topics after a commit: `Wakeups.notify`, where somebody waits for them."""
        self.engine = self._pool(connections, {"lock_timeout": str(lock_wait_ms_max)})
        self.reports = self._pool(reports_connections, {"statement_timeout": str(report_ms_max)})

    def _pool(self, size: int, settings: dict[str, str]) -> AsyncEngine:
        engine = create_async_engine(
            "postgresql+asyncpg://",
            async_creator=lambda: self._connect(settings),
            pool_size=size,
            max_overflow=0,
            pool_timeout=pool_wait_seconds_max,
            pool_use_lifo=True,
            isolation_level="AUTOCOMMIT",
        )
        event.listen(engine.sync_engine, "checkout", _refuse_closed)
        return engine

    async def _connect(self, settings: dict[str, str]) -> Any:
        return await asyncpg.connect(
            self.address,
            timeout=connect_seconds_max,
            command_timeout=command_seconds_max,
            server_settings={"application_name": reader_prefix, "jit": "off", "timezone": "UTC", **settings},
        )

    @asynccontextmanager
    async def connection(self, *, reports: bool = False) -> AsyncIterator[AsyncConnection]:
        """A connection in autocommit, for the few tables without a tenant; all else goes by `tenant_session`.

        Raises `DatabaseUnavailableError` where the server is away or the pool stays empty.
        """
        engine = self.reports if reports else self.engine
        try:
            async with engine.connect() as connection:
                yield connection
        except Exception as error:
            if is_outage(error):
                raise DatabaseUnavailableError(_reason(error)) from error
            raise

    async def listener(self) -> Any:
        """A connection of its own outside the pools, for `LISTEN`; the caller closes it."""
        try:
            return await self._connect({})
        except Exception as error:
            if is_outage(error):
                raise DatabaseUnavailableError(_reason(error)) from error
            raise

    async def tell(self, channel: str, topics: Sequence[str]) -> None:
        """`NOTIFY` whoever listens, outside any transaction. Raises `DatabaseUnavailableError`."""
        async with self.connection() as connection:
            driver: Any = (await connection.get_raw_connection()).driver_connection
            await driver.execute("select pg_notify($1, topic) from unnest($2::text[]) as topic", channel, list(topics))

    async def close(self) -> None:
        """Close every connection that is idle; those in use close when they come back."""
        await asyncio.gather(self.engine.dispose(), self.reports.dispose())


def _nobody_listens(topic: str) -> None:
    """Before wake-ups are set up, and in commands that serve nobody; whoever waits looks again by time."""


def _refuse_closed(connection: Any, _record: object, _proxy: object) -> None:
    """A connection whose server went away meanwhile is known without a trip: make new ones for all of that age."""
    if connection.driver_connection.is_closed():
        raise InvalidatePoolError


def _reason(error: BaseException) -> str:
    """A word for the log; the server's own text may quote values, so it stays out."""
    return type(getattr(error, "orig", None) or error).__name__
