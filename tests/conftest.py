"""One real PostgreSQL for all workers of a test run, and a fresh database for each test that asks.

The first worker that needs the server starts it; the controller stops it and deletes its cluster at the end. A run
that was killed leaves its server behind: the next run clears it away.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from central.database import Database
from central.database.embedded import EmbeddedPostgres, application, superuser
from central.database.migrate import create_database, migrate

_variable = "TILLSTREAM_TEST_POSTGRESQL"
_prefix = "tillstream-tests-"
_template = "template_central"
# A test's database need not outlive the machine: tests of durability start a server of their own.
_settings = {
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "autovacuum": "off",
    "max_wal_size": "4GB",
}


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput"):
        return
    for leftover in Path(tempfile.gettempdir()).glob(f"{_prefix}*"):
        pid = leftover.name.removeprefix(_prefix)
        if pid.isdigit() and not _is_alive(int(pid)):
            _destroy(leftover)
    os.environ[_variable] = str(Path(tempfile.gettempdir()) / f"{_prefix}{os.getpid()}")


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        _destroy(Path(os.environ[_variable]))


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _destroy(data_dir: Path) -> None:
    if not data_dir.exists():
        return
    server = EmbeddedPostgres(data_dir, settings=_settings)
    if server.cluster.exists():
        server.destroy()
    shutil.rmtree(data_dir, ignore_errors=True)


@dataclass(frozen=True)
class TestServer:
    """The PostgreSQL of this run, with a migrated database to copy from."""

    __test__ = False
    server: EmbeddedPostgres

    def address(self, role: str, database: str) -> str:
        return self.server.address(role, database)

    async def make(self, *, template: str = _template) -> str:
        """A fresh database; answers its name."""
        name = f"test_{uuid4().hex}"
        admin = await asyncpg.connect(self.address(superuser, "postgres"))
        try:
            await admin.execute(f"create database {name} template {template} strategy file_copy owner till_owner")
        finally:
            await admin.close()
        return name

    async def drop(self, name: str) -> None:
        admin = await asyncpg.connect(self.address(superuser, "postgres"))
        try:
            await admin.execute(f"drop database {name} with (force)")
        finally:
            await admin.close()


@pytest.fixture(scope="session")
def postgresql() -> EmbeddedPostgres:
    """The running server of this test run."""
    data_dir = Path(os.environ[_variable])
    data_dir.mkdir(mode=0o755, exist_ok=True)
    server = EmbeddedPostgres(data_dir, settings=_settings)
    server.enter()
    return server


@pytest.fixture(scope="session")
def postgresql_turn(postgresql: EmbeddedPostgres) -> Path:
    """A file to lock while one worker does what all need once."""
    return Path(os.environ[_variable]) / "template.lock"


@pytest.fixture
async def test_server(postgresql: EmbeddedPostgres, postgresql_turn: Path) -> TestServer:
    """The server with its template migrated, once a run."""
    with postgresql_turn.open("a+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.seek(0)
        if lock.read() != "migrated":
            await create_database(postgresql.address(superuser, "postgres"), _template)
            await migrate(postgresql.address(superuser, _template))
            lock.write("migrated")
    return TestServer(postgresql)


@pytest.fixture
async def database_name(test_server: TestServer) -> AsyncIterator[str]:
    """A fresh, migrated database on the shared server."""
    name = await test_server.make()
    yield name
    await test_server.drop(name)


@pytest.fixture
def superuser_address(test_server: TestServer, database_name: str) -> str:
    """The test's database as the cluster's superuser: for checks and corruptions behind central's back."""
    return test_server.address(superuser, database_name)


@pytest.fixture
async def database(test_server: TestServer, database_name: str) -> AsyncIterator[Database]:
    """The test's own database, as the role that central serves as."""
    database = Database(test_server.address(application, database_name))
    yield database
    await database.close()
