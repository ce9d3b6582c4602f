"""What an outage looks like from inside: `DatabaseUnavailableError`, nothing half done, well again by itself."""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text

from central.database import Database, DatabaseUnavailableError
from central.tenant_session import TenantSession, operator, tenant_session
from tests.central.conftest import TenantFixture, central, start_central, tenant

__all__ = ["central", "start_central", "tenant"]

TERMINATE = (
    "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'till_app' and datname = current_database()"
)
COUNT = text("select count(*) from till.api_keys")


@pytest.fixture
async def admin(superuser_address: str) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(superuser_address)
    yield connection
    await connection.close()


async def test_after_all_connections_were_cut_the_next_requests_go_through(tenant: TenantFixture, admin: Any) -> None:
    await tenant.get("/v1/settings")
    await admin.execute(TERMINATE)
    statuses = [(await tenant.get("/v1/settings"))[0] for _ in range(4)]

    # The first may meet a cut that its connection has not noticed yet.
    assert statuses[1:] == [200, 200, 200]
    assert statuses[0] in (200, 503)


async def test_a_connection_that_is_cut_in_a_transaction_is_an_outage_and_nothing_is_kept(
    database: Database, tenant: TenantFixture, admin: Any
) -> None:
    async def cut_in_the_middle() -> None:
        async with tenant_session(database, operator(tenant.tenant_id)) as session:
            await session.driver.execute("update till.tenants set name = 'half' where tenant_id = $1", tenant.tenant_id)
            await admin.execute(TERMINATE)
            await session.execute(COUNT)

    with pytest.raises(DatabaseUnavailableError):
        await cut_in_the_middle()

    assert await admin.fetchval("select name from till.tenants") == "Corner Shop"


async def test_a_commit_that_is_cut_off_is_an_outage(database: Database, tenant: TenantFixture, admin: Any) -> None:
    told: list[str] = []

    async def cut_at_the_end() -> None:
        async with tenant_session(database, operator(tenant.tenant_id)) as session:
            session.after_commit(lambda: told.append("committed"))
            await admin.execute(TERMINATE)

    with pytest.raises(DatabaseUnavailableError):
        await cut_at_the_end()

    assert told == []


async def test_a_lock_that_is_not_given_in_time_is_an_outage(
    database: Database, tenant: TenantFixture, admin: Any
) -> None:
    async def wait_for_it() -> None:
        async with tenant_session(database, operator(tenant.tenant_id)) as session:
            await session.driver.execute("set local lock_timeout = '50ms'")
            await session.execute(text("select count(*) from till.tenants"))

    await admin.execute("begin; lock till.tenants in access exclusive mode")
    with pytest.raises(DatabaseUnavailableError):
        await wait_for_it()
    await admin.execute("rollback")


async def test_a_pool_that_stays_empty_is_an_outage_within_two_seconds(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = Database(database.address, connections=1)
    monkeypatch.setattr(small.engine.sync_engine.pool, "_timeout", 0.05)
    async with small.connection():
        with pytest.raises(DatabaseUnavailableError):
            async with small.connection():
                pass
    await small.close()


async def test_an_error_of_the_statement_is_no_outage(database: Database, tenant: TenantFixture) -> None:
    with pytest.raises(asyncpg.DivisionByZeroError):
        async with tenant_session(database, operator(tenant.tenant_id)) as session:
            await session.driver.execute("select 1 / 0")


async def test_a_swallowed_error_is_not_taken_for_a_commit(database: Database, tenant: TenantFixture) -> None:
    async def swallow() -> None:
        async with tenant_session(database, operator(tenant.tenant_id)) as session:
            with pytest.raises(asyncpg.DivisionByZeroError):
                await session.driver.execute("select 1 / 0")

    with pytest.raises(RuntimeError, match="swallowed"):
        await swallow()


async def test_a_savepoint_fails_alone(database: Database, tenant: TenantFixture, admin: Any) -> None:
    async def fail(session: TenantSession) -> None:
        async with session.savepoint():
            await session.driver.execute("update till.tenants set name = 'lost'")
            await session.driver.execute("select 1 / 0")

    async with tenant_session(database, operator(tenant.tenant_id)) as session:
        await session.driver.execute("update till.tenants set name = 'kept' where tenant_id = $1", tenant.tenant_id)
        with pytest.raises(asyncpg.DivisionByZeroError):
            await fail(session)

    assert await admin.fetchval("select name from till.tenants") == "kept"


async def test_a_full_disk_is_an_outage_not_a_fault_of_the_request(tenant: TenantFixture, admin: Any) -> None:
    await admin.execute(
        "create function till.full() returns trigger language plpgsql as $$"
        " begin raise exception using errcode = '53100', message = 'No space left on device'; end $$;"
        " create trigger full_disk before insert on till.api_keys execute function till.full();"
        " grant execute on function till.full() to till_app"
    )
    status, problem, headers = await tenant.post("/v1/api-keys", {"label": "x", "role": "viewer"})

    assert (status, problem["type"], headers["Retry-After"]) == (503, "/problems/database-unavailable", "1")
    assert "space" not in str(problem)
