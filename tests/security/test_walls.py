"""Three walls between tenants, each knocked on alone."""

from typing import Any
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import text

from central.database import Database
from central.tenant_session import operator, tenant_session
from tests.central.conftest import Central, TenantFixture

COUNT = text("select count(*) from till.api_keys")
INSERT = text("insert into till.tenant_counters (tenant_id) values (:tenant_id)")
COUNT_OF = text("select count(*) from till.api_keys where tenant_id = :tenant_id")


@pytest.fixture
async def other(central: Central) -> TenantFixture:
    return await central.tenant("Other")


async def test_without_a_tenant_nothing_is_found_and_nothing_is_written(
    central: Central, tenant: TenantFixture, database: Database
) -> None:
    async with database.connection() as connection:
        assert (await connection.execute(COUNT)).scalar() == 0
        with pytest.raises(Exception, match="row-level security"):
            await connection.execute(
                text("insert into till.tenant_counters (tenant_id) values (:tenant_id)"),
                {"tenant_id": tenant.tenant_id},
            )


async def test_a_query_that_forgets_the_tenant_finds_the_sessions_alone(
    database: Database, tenant: TenantFixture, other: TenantFixture
) -> None:
    await other.key_for("viewer")
    async with tenant_session(database, operator(tenant.tenant_id)) as session:
        assert (await session.execute(COUNT)).scalar() == 1
        assert (await session.execute(COUNT_OF, {"tenant_id": other.tenant_id})).scalar() == 0


@pytest.mark.parametrize(
    "statement",
    [
        "insert into till.settings (tenant_id, scope, overrides, revision) values ($1, $1, '{}', 1)",
        "update till.api_keys set tenant_id = $1",
    ],
)
async def test_nothing_is_written_into_another_tenant(
    database: Database, tenant: TenantFixture, other: TenantFixture, statement: str
) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
        async with tenant_session(database, operator(tenant.tenant_id)) as session:
            await session.driver.execute(statement, other.tenant_id)


async def test_nothing_of_another_tenant_is_changed_or_deleted(
    database: Database, tenant: TenantFixture, other: TenantFixture
) -> None:
    async with tenant_session(database, operator(tenant.tenant_id)) as session:
        updated = await session.driver.execute(
            "update till.tenants set name = 'x' where tenant_id = $1", other.tenant_id
        )
        deleted = await session.driver.execute("delete from till.api_keys where tenant_id = $1", other.tenant_id)

    assert (updated, deleted) == ("UPDATE 0", "DELETE 0")


async def test_with_row_level_security_down_every_list_still_names_its_tenant(
    central: Central, tenant: TenantFixture, other: TenantFixture, superuser_address: str
) -> None:
    await other.post("/v1/users", {"email": "a@b.example", "password": "long enough, I hope", "role": "owner"})
    await other.post("/v1/cashiers", {"name": "Anna", "number": "1", "pin": "2580", "role": "cashier"})
    connection = await asyncpg.connect(superuser_address)
    tables = await connection.fetch("select relname from pg_class where relrowsecurity")
    for table in tables:
        await connection.execute(f"alter table till.{table['relname']} disable row level security")
    await connection.close()

    for path, member in (("api-keys", "api_keys"), ("users", "users"), ("cashiers", "cashiers"), ("audit", "audit")):
        _, mine, _ = await tenant.get(f"/v1/{path}")
        _, theirs, _ = await other.get(f"/v1/{path}")
        ids = [{str(row) for row in found[member]} for found in (mine, theirs)]
        assert ids[0].isdisjoint(ids[1])
        assert theirs[member]


async def test_a_connection_that_comes_back_after_an_error_has_no_tenant(
    database: Database, tenant: TenantFixture
) -> None:
    with pytest.raises(asyncpg.UndefinedTableError):
        async with tenant_session(database, operator(tenant.tenant_id)) as session:
            await session.driver.execute("select * from till.no_such_table")
    async with database.connection() as connection:
        setting = (await connection.execute(text("select current_setting('app.tenant_id', true)"))).scalar()
        assert (setting or "", (await connection.execute(COUNT)).scalar()) == ("", 0)


async def test_a_plan_that_is_cached_serves_each_tenant_its_own(
    database: Database, tenant: TenantFixture, other: TenantFixture
) -> None:
    await other.key_for("viewer")
    counts: dict[UUID, set[Any]] = {tenant.tenant_id: set(), other.tenant_id: set()}
    for _ in range(10):
        for tenant_id, found in counts.items():
            async with tenant_session(database, operator(tenant_id)) as session:
                found.add(await session.driver.fetchval("select count(*) from till.api_keys"))

    assert counts == {tenant.tenant_id: {1}, other.tenant_id: {2}}


@pytest.mark.parametrize(
    "attempt",
    [
        "set role till_owner",
        "set session authorization till_owner",
        "set session authorization postgres",
        "alter table till.api_keys no force row level security",
        "alter role till_app bypassrls",
        "drop policy tenant on till.api_keys",
        "select * from till.deployment_login",
        "create table till.mine (x int)",
        "create function public.mine() returns int language sql as 'select 1'",
        "copy till.api_keys from stdin",
        "copy (select 1) to program 'id'",
        "select pg_read_file('PG_VERSION')",
    ],
)
async def test_the_role_that_central_serves_as_has_no_way_past_the_walls(
    database: Database, tenant: TenantFixture, attempt: str
) -> None:
    with pytest.raises((asyncpg.InsufficientPrivilegeError, asyncpg.FeatureNotSupportedError)):
        async with tenant_session(database, operator(tenant.tenant_id)) as session:
            await session.driver.execute(attempt)


@pytest.mark.parametrize("reset", ["reset all", "reset role", "reset session authorization", "discard temp"])
async def test_a_reset_never_widens_what_is_seen(
    database: Database, tenant: TenantFixture, other: TenantFixture, reset: str
) -> None:
    await other.key_for("viewer")
    async with tenant_session(database, operator(tenant.tenant_id)) as session:
        await session.driver.execute(reset)
        assert await session.driver.fetchval("select count(*) from till.api_keys") <= 1
        assert await session.driver.fetchval("select current_user") == "till_app"


async def test_a_copy_out_shows_the_sessions_tenant_alone(
    database: Database, tenant: TenantFixture, other: TenantFixture
) -> None:
    copied = bytearray()

    async def take(chunk: bytes) -> None:
        copied.extend(chunk)

    async with tenant_session(database, operator(tenant.tenant_id)) as session:
        await session.driver.copy_from_query("select tenant_id from till.tenants", output=take)

    assert copied.decode().split() == [str(tenant.tenant_id)]
