"""A terminal's SQLite files: opened with the pragmas that make a commit survive a power cut, and written by one thread.

WAL with `synchronous=FULL` lost nothing in simulated power cuts, NORMAL did; each pragma's answer is asserted, because
SQLite refuses some of them by answering another value rather than by raising.
"""

import asyncio
import contextlib
import os
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, Literal, TypeVar

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

busy_ms_max: Final = 5_000
wal_pages_max: Final = 1_000
room_bytes_min: Final = 64 * 1024
when_damaged: Final = "keep a copy of the state directory, and enrol into a new one with a new code"
_page_bytes: Final = 4_096
_spilling_pages: Final = 10
"""So few that SQLite writes what a transaction changes before it ends."""
_DAMAGE: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})

Durability = Literal["FULL", "NORMAL"]
_SYNCHRONOUS: Final[dict[Durability, int]] = {"NORMAL": 1, "FULL": 2}
_Result = TypeVar("_Result")


class DatabaseError(Exception):
    """A database of the terminal cannot be opened; the message names the next step."""


class NewerDatabaseError(DatabaseError):
    """The state directory was written by a newer version of this program."""


def connect(path: Path, durability: Durability, *, if_damaged: str = when_damaged) -> sqlite3.Connection:
    """A connection in which a transaction begins only where code says `begin`.

    Raises `DatabaseError` where the file is no database (then a person does as `if_damaged` says) or the disk takes no
    write-ahead log.
    """
    try:
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=256)
        _set(connection, f"busy_timeout={busy_ms_max}", busy_ms_max)
        _set(connection, "journal_mode=wal", "wal")
        connection.execute(f"pragma synchronous={durability}").fetchall()
        _set(connection, "synchronous", _SYNCHRONOUS[durability])
        _set(connection, f"wal_autocheckpoint={wal_pages_max}", wal_pages_max)
        connection.execute("pragma foreign_keys=on").fetchall()
        connection.execute("pragma temp_store=memory").fetchall()
    except sqlite3.Error as error:
        raise DatabaseError(_why_not_opened(path, error, if_damaged)) from error
    return connection


def migrate(connection: sqlite3.Connection, migrations: Migrations) -> None:
    """Bring the schema up to date. Raises `NewerDatabaseError` where it is ahead of this program."""
    database = Database(connection)
    known = _names(migrations)
    ahead = [migration.name for migration in migrations.applied(database) if migration.name not in known]
    if ahead:
        raise NewerDatabaseError(
            f"the state directory is of a newer version ({ahead[0]}); install that version of till-terminal"
        )
    migrations.apply(database)


def is_older(connection: sqlite3.Connection, migrations: Migrations) -> bool:
    """Whether the database was written by an older version of this program, and `migrate` would change it."""
    return bool(migrations.pending(Database(connection)))


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """Everything inside, or nothing: commits at the end, rolls back on an exception."""
    connection.execute("begin immediate")
    try:
        yield connection
        connection.execute("commit")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            connection.execute("rollback")
        raise


def grow_log(connection: sqlite3.Connection) -> None:
    """Make the write-ahead log as long as it gets: a commit that lengthens a file waits for more than its own bytes.

    What is written for it is rolled back, and never comes into the database.
    """
    (pages,) = connection.execute("pragma cache_size").fetchone()
    connection.execute(f"pragma cache_size={_spilling_pages}")
    try:
        connection.execute("begin immediate")
        connection.execute("create table growth (zeros blob not null)")
        connection.execute(
            "insert into growth (zeros) values (zeroblob(?))", ((wal_pages_max + _spilling_pages) * _page_bytes,)
        )
    finally:
        if connection.in_transaction:
            connection.execute("rollback")
        connection.execute(f"pragma cache_size={pages}")


class Writer:
    """The one thread that writes to a database, so that the event loop never waits for a disk."""

    def __init__(self, name: str) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)

    async def run(self, work: Callable[[], _Result]) -> _Result:
        """Do `work` after all that was handed over before; a cancelled caller doesn't stop what has begun."""
        return await self.submit(work)

    def submit(self, work: Callable[[], _Result]) -> Awaitable[_Result]:
        """`run`, handed over before this returns; the answer may be awaited later."""
        return asyncio.get_running_loop().run_in_executor(self._thread, work)

    def close(self) -> None:
        """Wait for what was handed over, then end the thread."""
        self._thread.shutdown(wait=True)


def _why_not_opened(path: Path, error: sqlite3.Error, if_damaged: str) -> str:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in _DAMAGE:
        return f"{path} is damaged ({error}); {if_damaged}"
    room = os.statvfs(path.parent)
    if room.f_bavail * room.f_frsize < room_bytes_min:
        return f"the disk under {path} is full; free some space (`df` shows it), then try again"
    return f"{path} cannot be opened ({error}); see `df`, who owns it, and the system's log"


def _set(connection: sqlite3.Connection, pragma: str, expected: object) -> None:
    answer = connection.execute(f"pragma {pragma}").fetchone()
    if answer is None or answer[0] != expected:
        raise sqlite3.OperationalError(f"pragma {pragma} answered {answer}")


def _names(migrations: Migrations) -> set[str]:
    empty = Database(memory=True)
    try:
        return {migration.name for migration in migrations.pending(empty)}
    finally:
        empty.close()
