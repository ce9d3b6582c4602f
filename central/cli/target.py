"""Which central a command works on: the embedded PostgreSQL of a data directory, or a database by its address.

Every command works while `serve` runs on the same one and while it doesn't. However it is named, the command ends up
with a login that owns nothing and bypasses nothing (decision 0002).
"""

import asyncio
import errno
import functools
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import click
import msgspec
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from central.config import default_data_dir
from central.database import Database, DatabaseUnavailableError
from central.database.embedded import EmbeddedPostgres, EmbeddedPostgresError, application, superuser
from central.database.migrate import (
    MigrationError,
    application_address,
    create_database,
    known_versions,
    migrate,
    newest_version,
    standing,
)
from central.http import Services
from central.tenancy import tenants

command_connections_max = 2
disk_full = frozenset({errno.ENOSPC, errno.EDQUOT})
T = TypeVar("T")


class Failure(click.ClickException):
    """An expected failure: one line that names the next step."""

    exit_code = 1


class Target(msgspec.Struct, frozen=True):
    """What `--database-url`, `--data-dir` and `--pg-bin` name."""

    database_url: str | None
    data_dir: Path
    pg_bin: Path | None

    def embedded(self) -> EmbeddedPostgres:
        return EmbeddedPostgres(self.data_dir, binaries=self.pg_bin)


def target_options(command: Callable[..., T]) -> Callable[..., T]:
    """Give a command the three options; it gets them as `target`."""

    @click.option("--database-url", envvar="TILL_CENTRAL_DATABASE_URL", help="postgresql://… of a server of your own.")
    @click.option(
        "--data-dir",
        envvar="TILL_CENTRAL_DATA_DIR",
        type=click.Path(path_type=Path, file_okay=False),
        default=default_data_dir,
        show_default="/var/lib/tillstream/central for root, else ~/.local/share/tillstream/central",
        help="Where the embedded PostgreSQL keeps its data.",
    )
    @click.option(
        "--pg-bin",
        envvar="TILL_CENTRAL_PG_BIN",
        type=click.Path(path_type=Path, file_okay=False, exists=True),
        help="Binaries for the embedded PostgreSQL other than those that come along.",
    )
    @functools.wraps(command)
    def with_target(
        *arguments: Any, database_url: str | None, data_dir: Path, pg_bin: Path | None, **options: Any
    ) -> T:
        target = Target(database_url or None, data_dir.expanduser().absolute(), pg_bin)
        try:
            return command(*arguments, target=target, **options)
        except OSError as error:
            if error.filename is None and error.errno not in disk_full:
                raise
            raise Failure(_in_words(error, target)) from error

    return with_target


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a command's coroutine; errors that are no fault of ours become a `Failure`."""
    try:
        with asyncio.Runner(loop_factory=_event_loop) as runner:
            return runner.run(coroutine)
    except (EmbeddedPostgresError, MigrationError, tenants.TenantError) as error:
        raise Failure(str(error)) from error
    except DatabaseUnavailableError as error:
        raise Failure(f"the database does not answer ({error}): is it up? try again") from error


def _in_words(error: OSError, target: Target) -> str:
    """What the operating system refused, and what to do about it."""
    place = error.filename or target.data_dir
    if error.errno in disk_full:
        return f"no room is left where {place} lies: free some (`df {target.data_dir}`), then try again"
    if isinstance(error, PermissionError):
        return f"{place} is not ours to write: run as its owner, or name another --data-dir"
    return f"{place} cannot be used ({error.strerror}): name another --data-dir"


def _event_loop() -> asyncio.AbstractEventLoop:
    """uvloop's, where it is there."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop


@asynccontextmanager
async def serving_address(target: Target) -> AsyncIterator[str]:
    """The address that central serves with: on a running, migrated database, as the role that owns nothing.

    Raises `EmbeddedPostgresError`, `MigrationError`, `Failure`.
    """
    if target.database_url is not None:
        yield await _foreign(clean_url(target.database_url))
        return
    server = target.embedded()
    await asyncio.to_thread(server.enter)
    try:
        await prepare_embedded(server)
        yield server.address(application)
    finally:
        await asyncio.to_thread(server.leave)


async def prepare_embedded(server: EmbeddedPostgres) -> None:
    """Bring a running embedded server's database to this release."""
    try:
        version = (await standing(server.address(application))).version
    except MigrationError:  # not made yet
        version = None
    if version != newest_version():
        await create_database(server.address(superuser, "postgres"))
        await migrate(server.address(superuser))


def clean_url(url: str) -> str:
    """An address as the driver wants it. Raises `Failure`."""
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise Failure("the --database-url cannot be read: postgresql://user:password@host:5432/database") from error
    if parsed.get_backend_name() not in ("postgresql", "postgres"):
        raise Failure("the --database-url is not PostgreSQL's: postgresql://user:password@host:5432/database")
    return parsed.set(drivername="postgresql").render_as_string(hide_password=False)


async def _foreign(url: str) -> str:
    """On a server of the operator's own: an administrator's login migrates, and serves as `till_app`."""
    it = await standing(url)
    if it.administers:
        if it.version != newest_version():
            await migrate(url)
        return await application_address(url)
    if it.member:
        raise Failure(f"{it.role} is a member of another role: serve as till_app (`till-central migrate` says how)")
    if it.version is None or (it.version != newest_version() and it.version in known_versions()):
        raise Failure("the database is not at this release: run `till-central migrate` with the administrator's URL")
    if it.version not in known_versions():
        raise Failure(f"the database was made by a newer Tillstream (migration {it.version}): install that release")
    return url


@asynccontextmanager
async def opened_database(target: Target) -> AsyncIterator[Database]:
    """A command's few connections to the target."""
    async with serving_address(target) as address:
        database = Database(address, connections=command_connections_max, reports_connections=1)
        try:
            yield database
        finally:
            await database.close()


@asynccontextmanager
async def opened_services(target: Target) -> AsyncIterator[Services]:
    """A command's services: it wakes who waits in `serve`, and caches for itself."""
    from central.app import open_services  # app knows every domain; a command that needs none starts faster

    async with serving_address(target) as address:
        services = await open_services(Database(address, connections=command_connections_max, reports_connections=1))
        try:
            yield services
        finally:
            await services.close()


async def find_tenant(database: Database, named: str) -> UUID:
    """A tenant by its code or id. Raises `Failure`."""
    for code, tenant_id in await tenants.every_tenant(database):
        if named in (code, str(tenant_id)):
            return tenant_id
    raise Failure(f"there is no tenant {named}: `till-central tenant list` shows those there are")


def show(document: object, *, as_json: bool, text: str) -> None:
    """A command's result: one JSON document, or lines for a person."""
    click.echo(msgspec.json.encode(document).decode() if as_json else text)
