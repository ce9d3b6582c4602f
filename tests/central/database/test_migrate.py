"""Migrations: what they refuse, and whom they make."""

import asyncpg
import pytest

from central.database import Database
from central.database.migrate import MigrationError, migrate, newest_version, standing
from tests.conftest import TestServer


async def test_the_role_that_central_serves_as_owns_nothing_and_bypasses_nothing(
    test_server: TestServer, database_name: str
) -> None:
    it = await standing(test_server.address("till_app", database_name))

    assert (it.role, it.administers, it.member, it.version) == ("till_app", False, False, newest_version())


async def test_migrating_twice_changes_nothing(superuser_address: str) -> None:
    assert await migrate(superuser_address) == newest_version()


async def test_a_database_of_a_newer_release_is_refused_in_one_line(superuser_address: str) -> None:
    connection = await asyncpg.connect(superuser_address)
    await connection.execute("update till.deployment_migration set version_num = '0999'")
    await connection.close()

    with pytest.raises(MigrationError, match=r"made by a newer Tillstream \(migration 0999"):
        await migrate(superuser_address)


async def test_the_role_that_central_serves_as_may_not_migrate(
    test_server: TestServer, database_name: str, database: Database
) -> None:
    with pytest.raises(MigrationError, match="may not migrate"):
        await migrate(test_server.address("till_app", database_name))
