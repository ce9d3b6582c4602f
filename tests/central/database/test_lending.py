"""A test's database is as new, though another test had it before."""

import asyncpg
import pytest

from central.database.embedded import application, superuser
from tests.databases import TestServer


async def test_a_lent_database_comes_back_without_its_rows_and_is_lent_again(test_server: TestServer) -> None:
    name = await test_server.lend()
    writer = await asyncpg.connect(test_server.address(superuser, name))
    await writer.execute(
        "insert into till.tenants (tenant_id, code, name, currency, created_at)"
        " values (gen_random_uuid(), 'shop', 'Shop', 'EUR', now())"
    )
    await test_server.take_back(name)
    with pytest.raises((asyncpg.PostgresConnectionError, asyncpg.InterfaceError)):
        await writer.execute("select 1")
    again = await test_server.lend()
    reader = await asyncpg.connect(test_server.address(superuser, again))
    found = await reader.fetchval("select count(*) from till.tenants")
    await reader.close()
    await test_server.take_back(again)

    assert (again, found) == (name, 0)


@pytest.mark.parametrize(
    "change",
    [
        "alter table till.tenants disable trigger all",
        "alter table till.tenants disable row level security",
        "alter table till.tenants drop constraint tenants_pkey cascade",
        f"grant truncate on till.tenants to {application}",
        "create table till.mine (x int)",
        "create function public.mine() returns int language sql as 'select 1'",
        "update till.deployment_state set incarnation = gen_random_uuid()",
        "update till.deployment_migration set version_num = '9999'",
    ],
)
async def test_a_database_that_a_test_changed_for_good_is_lent_to_nobody(test_server: TestServer, change: str) -> None:
    name = await test_server.lend()
    changer = await asyncpg.connect(test_server.address(superuser, name))
    await changer.execute(change)
    await changer.close()
    await test_server.take_back(name)
    again = await test_server.lend()
    await test_server.take_back(again)

    assert again != name
