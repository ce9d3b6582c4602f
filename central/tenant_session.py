"""The one door to the database: a transaction inside one tenant, for a caller who was authenticated.

Three walls stand between tenants: who may open this door, the tenant that `till.enter` sets for the transaction and
row-level security reads, and the tenant that every query names besides. Only the authenticated request, the
operator's commands and jobs open it.
"""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Literal, TypeAlias
from uuid import UUID

from msgspec import Struct
from sqlalchemy import CursorResult, Executable
from sqlalchemy.ext.asyncio import AsyncConnection

from central.database import Database, is_outage

Role: TypeAlias = Literal["owner", "manager", "viewer", "terminal"]


class Caller(Struct, frozen=True, kw_only=True):
    """Who is calling (contract, section 1). `id` is the key's, user's or terminal's; of a terminal the rest too."""

    kind: Literal["api_key", "user", "terminal", "operator", "job"]
    tenant_id: UUID
    role: Role
    id: str
    location_id: UUID | None = None
    terminal_id: UUID | None = None
    epoch: int | None = None


def operator(tenant_id: UUID, name: str = "till-central") -> Caller:
    """The operator's command, or a job, at work for a tenant."""
    return Caller(kind="operator", tenant_id=tenant_id, role="owner", id=name)


class TenantSession:
    """One transaction inside one tenant."""

    def __init__(self, connection: AsyncConnection, driver: Any, caller: Caller) -> None:
        self._connection = connection
        self._after_commit: list[Callable[[], Awaitable[None] | None]] = []
        self._topics: dict[str, None] = {}
        self._savepoints = 0
        self.driver = driver
        """asyncpg's own connection in the same transaction, for SQL that stands as SQL. Savepoints: `savepoint()`."""
        self.caller = caller
        self.tenant_id = caller.tenant_id
        self.database_seconds = 0.0

    async def execute(
        self, statement: Executable, params: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None
    ) -> CursorResult[Any]:
        """Run a statement of SQLAlchemy Core; it names the tenant itself."""
        started = time.perf_counter()
        try:
            return await self._connection.execute(statement, params)
        finally:
            self.database_seconds += time.perf_counter() - started

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """A part that can fail alone: on an exception the transaction is as it was before it."""
        self._savepoints += 1
        name = f"part_{self._savepoints}"
        await self.driver.execute(f"savepoint {name}")
        try:
            yield
        except BaseException:
            await self.driver.execute(f"rollback to savepoint {name}")
            raise
        await self.driver.execute(f"release savepoint {name}")

    def after_commit(self, callback: Callable[[], Awaitable[None] | None]) -> None:
        """Call it once the transaction is committed, in the order given; never after a rollback."""
        self._after_commit.append(callback)

    def wake(self, topic: str) -> None:
        """Wake whoever waits for the topic (`central.wakeups`) once the transaction is committed."""
        self._topics[topic] = None

    async def committed(self, notify: Callable[[str], None]) -> None:
        for topic in self._topics:
            notify(topic)
        for callback in self._after_commit:
            waiting = callback()
            if waiting is not None:
                await waiting


@asynccontextmanager
async def tenant_session(database: Database, caller: Caller, *, reports: bool = False) -> AsyncIterator[TenantSession]:
    """Open a transaction inside the caller's tenant; commit on leaving, roll back on an exception.

    Raises `DatabaseUnavailableError` for an outage, at any statement or at the commit, whose outcome is then unknown.
    """
    if not isinstance(caller.tenant_id, UUID):
        raise TypeError("a tenant is a UUID")
    async with database.connection(reports=reports) as connection:
        raw = await connection.get_raw_connection()
        driver: Any = raw.driver_connection
        session = TenantSession(connection, driver, caller)
        started = time.perf_counter()
        try:
            # One message for both saves a trip; the text is made of a UUID's 36 characters and nothing else.
            await driver.execute(f"begin; select till.enter('{caller.tenant_id}')")
            session.database_seconds += time.perf_counter() - started
            yield session
            started = time.perf_counter()
            # A transaction that a failed statement has aborted answers ROLLBACK to COMMIT, without an error.
            if await driver.execute("commit") != "COMMIT":
                raise RuntimeError("a statement failed in this transaction and its error was swallowed")
            session.database_seconds += time.perf_counter() - started
        except BaseException:
            await _roll_back(connection, driver)
            raise
    await session.committed(database.notify)


async def _roll_back(connection: AsyncConnection, driver: Any) -> None:
    """Give the connection back clean, or not at all."""
    try:
        if driver.is_closed():
            await connection.invalidate()
        elif driver.is_in_transaction():
            await driver.execute("rollback", timeout=2)
    except Exception as error:
        driver.terminate()
        await connection.invalidate()
        if not is_outage(error):
            raise
