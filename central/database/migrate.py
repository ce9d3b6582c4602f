"""Brings a database to this release: its two roles, its schema, and the versions that are new to it.

`till_owner` owns the schema and bypasses row-level security (a backfill would else change no row, and say nothing);
`till_app` is what central serves as: it owns nothing, bypasses nothing and is a member of nothing.
"""

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import Connection, make_url
from sqlalchemy.ext.asyncio import create_async_engine

import migrations.central
from central.database.embedded import application, database_name, owner
from central.database.errors import is_outage

lock_wait_ms_max: Final = 1_000
statement_seconds_max: Final = 600.0
postgresql_oldest: Final = 150_000
postgresql_newest: Final = 190_000
_lock_number: Final = 0x7469_6C6C  # "till"


class MigrationError(Exception):
    """The database cannot be brought to this release as things are; the text says what to do."""


class Standing:
    """How a login stands to a database: what it may do there, and how far the schema is."""

    def __init__(self, row: Mapping[str, Any], version: str | None) -> None:
        self.role: str = row["role"]
        self.administers: bool = row["superuser"] or row["bypasses"] or row["creates_roles"] or row["owns"]
        self.superuser: bool = row["superuser"]
        self.member: bool = row["member"]
        self.version = version


def newest_version() -> str:
    """The version that this release migrates to."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    if head is None:
        raise RuntimeError("there are no migrations")
    return head


def known_versions() -> frozenset[str]:
    """Every version that this release can work with."""
    return frozenset(script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions())


async def standing(address: str) -> Standing:
    """What the login of an address is in its database. Raises `MigrationError` where it cannot be reached."""
    connection = await _connect(address)
    try:
        row = await connection.fetchrow(
            """
            select r.rolname as role, r.rolsuper as superuser, r.rolbypassrls as bypasses, r.rolcreaterole as
                   creates_roles,
                   exists (select from pg_auth_members m where m.member = r.oid) as member,
                   exists (select from pg_namespace n where n.nspname = 'till' and n.nspowner = r.oid)
                   or exists (select from pg_class c where c.relowner = r.oid) as owns
            from pg_roles r where r.rolname = current_user
            """
        )
        return Standing(row, await _version(connection))
    finally:
        await connection.close()


async def create_database(superuser_address: str, name: str = database_name) -> None:
    """Make the roles and an empty database in a cluster of our own, unless they are there."""
    connection = await _connect(superuser_address)
    try:
        await _make_roles(connection, password=None)
        if not await connection.fetchval("select exists (select from pg_database where datname = $1)", name):
            await connection.execute(f'create database "{name}" owner {owner}')
            await connection.execute(f'revoke all on database "{name}" from public')
            await connection.execute(f'grant connect on database "{name}" to {application}')
    finally:
        await connection.close()


async def migrate(address: str) -> str:
    """Bring the database to this release, as an administrator or its owner; answers the version that it now has.

    Raises `MigrationError` where the login may not, or the database is of a newer release.
    """
    engine = create_async_engine("postgresql+asyncpg://", async_creator=lambda: _connect(address))
    try:
        async with engine.begin() as connection:
            driver: Any = (await connection.get_raw_connection()).driver_connection
            await connection.exec_driver_sql("select 1")
            # The coordinator is the one place that migrates, so a lock of one node's is enough.
            await driver.execute(f"select pg_advisory_xact_lock({_lock_number})")
            await _prepare(driver)
            await connection.run_sync(_upgrade)
    except asyncpg.InsufficientPrivilegeError as error:
        raise MigrationError(
            "this login may not migrate: use one that may create roles and schemas (the database's administrator)"
        ) from error
    finally:
        await engine.dispose()
    return newest_version()


async def application_address(address: str) -> str:
    """The address of the role that central serves as, on the server where `address` is the administrator's login."""
    connection = await _connect(address)
    try:
        new = secrets.token_urlsafe(32)
        await connection.execute("insert into till.deployment_login (password) values ($1) on conflict do nothing", new)
        password = await connection.fetchval("select password from till.deployment_login")
        url = make_url(address).set(drivername="postgresql", username=application, password=password)
        served_as = url.render_as_string(hide_password=False)
        if password == new or not await _lets_in(served_as):
            # token_urlsafe has no character that a literal would need to escape
            await connection.execute(f"alter role {application} login password '{password}'")
    finally:
        await connection.close()
    if not await _lets_in(served_as):
        raise MigrationError(
            f"the server lets {application} not in with its password: allow it in pg_hba.conf (scram-sha-256)"
        )
    return served_as


async def _lets_in(address: str) -> bool:
    try:
        connection = await asyncpg.connect(address, timeout=10)
    except asyncpg.InvalidAuthorizationSpecificationError:
        return False
    await connection.close()
    return True


async def _version(connection: Any) -> str | None:
    if await connection.fetchval("select to_regclass('till.deployment_migration')") is None:
        return None
    version = await connection.fetchval("select version_num from till.deployment_migration")
    return version if isinstance(version, str) else None


async def _prepare(driver: Any) -> None:
    """Roles and schema, where they are missing; then go on as the owner."""
    server = await driver.fetchval("select current_setting('server_version_num')::int")
    if not postgresql_oldest <= server < postgresql_newest:
        raise MigrationError(f"this PostgreSQL is {server // 10_000}: central works with 15 to 18")
    version = await _version(driver)
    if version is not None and version not in known_versions():
        raise MigrationError(
            f"this database was made by a newer Tillstream (migration {version}, this one knows {newest_version()}):"
            " install that release or a later one"
        )
    me = await driver.fetchval("select current_user")
    if me != owner:
        await _make_roles(driver, password=None)
        if not await driver.fetchval("select pg_has_role(current_user, $1, 'member')", owner):
            await driver.execute(f'grant {owner} to "{me}"')
        if not await driver.fetchval("select to_regnamespace('till') is not null"):
            await driver.execute(f"create schema till authorization {owner}")
        await driver.execute(f"set role {owner}")
    else:
        await driver.execute("create schema if not exists till")
    await driver.execute(f"grant usage on schema till to {application}")


async def _make_roles(driver: Any, *, password: str | None) -> None:
    for role, attributes in ((owner, "nologin bypassrls"), (application, "login")):
        if not await driver.fetchval("select exists (select from pg_roles where rolname = $1)", role):
            await driver.execute(f"create role {role} {attributes}")


def _upgrade(connection: Connection) -> None:
    config = _config()
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise MigrationError(f"the migration does not run: {error}") from error


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.central.__file__).parent))
    config.set_main_option("path_separator", "os")
    return config


async def _connect(address: str) -> Any:
    try:
        return await asyncpg.connect(
            address,
            timeout=10,
            command_timeout=statement_seconds_max,
            server_settings={"application_name": "till-central migrate", "lock_timeout": str(lock_wait_ms_max)},
        )
    except Exception as error:
        if is_outage(error) or isinstance(error, asyncpg.PostgresError):
            raise MigrationError(
                f"the database does not let us in ({type(error).__name__}): is it up, and is the address right?"
            ) from error
        raise
