"""What a terminal does each hour for itself: recounts its journal, drops what it need not keep. Nothing waits for it.

It works in slices, on threads and connections of its own, and pauses in between, so that no sale waits longer than for
one small transaction.
"""

import asyncio
import contextlib
import sqlite3
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final, TypeVar

import structlog
from msgspec import Struct

from protocol.lines import write_time
from terminal_agent.catalogue import Catalogue
from terminal_agent.chain_check import Checked, JournalBrokenError, check_file, check_slice
from terminal_agent.clock import Clock
from terminal_agent.database import connect, when_damaged
from terminal_agent.identity import Enrolment
from terminal_agent.journal import Journal
from terminal_agent.pruning import forget_answers, old_answers, prune_lines

check_seconds: Final = 3_600.0
pause_seconds: Final = 0.05
_CHECKED_AT: Final = "journal_checked_at"
_FAULT: Final = "journal_fault"
_DAMAGE: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_IOERR})
_Result = TypeVar("_Result")
_log = structlog.get_logger()


class Health(Struct, frozen=True):
    """When the journal was recounted last, and what was wrong with it, if anything was."""

    checked_at: str | None = None
    fault: str | None = None


class Housekeeping:
    """The hourly work on one state directory; `on_change` hears when the journal's health is another."""

    def __init__(
        self,
        journal: Journal,
        catalogue: Catalogue,
        clock: Clock,
        *,
        on_change: Callable[[], None],
        wait: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._journal = journal
        self._catalogue = catalogue
        self._clock = clock
        self._on_change = on_change
        self._wait = wait
        self.health = read_health(journal.reader)

    async def run(self) -> None:
        """Begin at once, then each hour, until cancelled."""
        while True:
            await self.check()
            await self.prune()
            await self.drop_receipts()
            await self._wait(check_seconds)

    async def check(self) -> None:
        """Recount every chain; what is wrong is kept and shown until a later recount finds it right."""
        fault = None
        try:
            await self._recount()
        except JournalBrokenError as error:
            fault = str(error)
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode & 0xFF not in _DAMAGE:
                raise
            fault = f"the journal cannot be read ({error}); {when_damaged}"
        if fault is not None:
            _log.error("journal-broken", reason=fault)
        health = Health(write_time(self._clock.now()), fault)
        changed = health.fault != self.health.fault
        self.health = health
        if changed:
            self._on_change()
        await self._journal.write(lambda connection: _keep(connection, health))

    async def prune(self) -> None:
        """Drop old lines that central has, and answers that nobody will ask for again; by the server's time alone."""
        server_time = self._clock.server_time
        if server_time is None or self.health.fault is not None:
            return
        for enrolment in self._journal.enrolments:
            dropped = 0
            while count := await self._in_transaction(
                lambda connection, of=enrolment: prune_lines(connection, of, server_time)  # type: ignore[misc]
            ):
                dropped += count
                await self._wait(pause_seconds)
            if dropped:
                _log.info("journal-pruned", epoch=enrolment.answer.epoch, lines=dropped)
        while ids := await asyncio.to_thread(self._read, lambda connection: old_answers(connection, server_time)):
            await self._journal.write(lambda connection, ids=ids: forget_answers(connection, ids))  # type: ignore[misc]
            await self._wait(pause_seconds)

    async def drop_receipts(self) -> None:
        """Drop the replica's receipts that are past the days for which they are kept on a till."""
        today = self._clock.server_date(self._journal.current.zone)
        days = self._catalogue.settings.receipt_days_on_till
        if today is None or days is None:
            return
        while await self._catalogue.drop_receipts(today - timedelta(days=days)):
            await self._wait(pause_seconds)

    async def _recount(self) -> None:
        await asyncio.to_thread(self._read, check_file)
        for enrolment in self._journal.enrolments:
            checked: Checked | None = None
            while checked is None or not checked.is_end:
                checked = await asyncio.to_thread(self._read, _next_slice(enrolment, checked))
                await self._wait(pause_seconds)

    async def _in_transaction(self, work: Callable[[sqlite3.Connection], _Result]) -> _Result:
        results: list[_Result] = []
        await self._journal.write(lambda connection: results.append(work(connection)))
        return results[0]

    def _read(self, work: Callable[[sqlite3.Connection], _Result]) -> _Result:
        """On a thread, with a connection of its own."""
        with contextlib.closing(connect(self._journal.path, "FULL")) as connection:
            return work(connection)


def read_health(connection: sqlite3.Connection) -> Health:
    """What the last recount found, as it was written down."""
    facts = dict(connection.execute("select name, value from facts where name in (?, ?)", (_CHECKED_AT, _FAULT)))
    return Health(facts.get(_CHECKED_AT), facts.get(_FAULT))


def _next_slice(enrolment: Enrolment, after: Checked | None) -> Callable[[sqlite3.Connection], Checked]:
    return lambda connection: check_slice(connection, enrolment, after)


def _keep(connection: sqlite3.Connection, health: Health) -> None:
    connection.execute("delete from facts where name = ?", (_FAULT,))
    rows = [(_CHECKED_AT, health.checked_at)] + ([] if health.fault is None else [(_FAULT, health.fault)])
    connection.executemany("insert or replace into facts (name, value) values (?, ?)", rows)
