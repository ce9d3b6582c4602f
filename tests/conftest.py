"""One real PostgreSQL for all workers of a test run, and a fresh database for each test that asks.

The first worker that needs the server starts it; the controller stops it and deletes its cluster at the end. A run
that was killed leaves its server behind: the next run clears it away.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import hypothesis
import pytest

from central.database import Database
from central.database.embedded import EmbeddedPostgres, application, superuser
from central.database.migrate import create_database, migrate
from tests.databases import TestServer, template_name

__all__ = ["TestServer"]

# The same examples each time, and as long as they take: a run that fails can be run again. `search` looks for others.
hypothesis.settings.register_profile("same", derandomize=True, database=None, deadline=None)
hypothesis.settings.register_profile("search", deadline=None, print_blob=True)
hypothesis.settings.load_profile("same")

_variable = "TILLSTREAM_TEST_POSTGRESQL"
_prefix = "tillstream-tests-"
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
    os.environ[_variable] = str(Path(tempfile.gettempdir()) / f"{_prefix}{os.getpid()}")
    turn = Path(tempfile.gettempdir()) / f"tillstream-tests.{os.getuid()}.lock"
    with turn.open("a") as lock:  # of two runs that start at once, one clears and the other finds it done
        fcntl.flock(lock, fcntl.LOCK_EX)
        for leftover in Path(tempfile.gettempdir()).glob(f"{_prefix}*"):
            pid = leftover.name.removeprefix(_prefix)
            if pid.isdigit() and not _is_alive(int(pid)):
                _destroy(leftover)


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput") and _variable in os.environ:
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


@pytest.fixture(scope="session")
def lending_server(postgresql: EmbeddedPostgres) -> TestServer:
    """Keeps what one worker's tests lend each other."""
    return TestServer(postgresql)


@pytest.fixture
async def test_server(lending_server: TestServer, postgresql_turn: Path) -> TestServer:
    """The server with its template migrated, once a run."""
    with postgresql_turn.open("a+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.seek(0)
        if lock.read() != "migrated":
            await create_database(lending_server.address(superuser, "postgres"), template_name)
            await migrate(lending_server.address(superuser, template_name))
            lock.write("migrated")
    return lending_server


@pytest.fixture
async def database_name(test_server: TestServer) -> AsyncIterator[str]:
    """A migrated database of the test's own on the shared server."""
    name = await test_server.lend()
    yield name
    await test_server.take_back(name)


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
