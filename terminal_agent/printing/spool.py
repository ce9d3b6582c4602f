"""The print spool: which document may be printed twice, and which may not.

    queued        nothing of it has left                              prints when the printer can, as often as needed
                  (it stands in its event's row alone)
    sending       on the disk before byte 1: some may be on paper     after an error, crash or restart: unconfirmed
    sent          the printer holds the rest                          proof on the same line: printed; else unconfirmed
    printed       the printer's proof, or a person's word             again only as a copy, by request
    unconfirmed   a person must look: "did it come out whole?"        yes: printed; no: a new job headed COPY
    replaced      a person said no, and a copy was queued             never

Each step is on the disk before it happens, so a kill at any moment prints no document twice without COPY on it. A job
that waits for a person does not hold up those behind it. A state directory that finds itself copied, or in another
machine, leaves its queue to a person too: the one that it was copied from may have printed it.
"""

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec
import structlog

from hardware.devices import Attendance
from hardware.printers.document import document_from_json
from hardware.printers.escpos_driver import DrawerResult, PrinterDriver, Proof
from hardware.printers.rendering import render
from hardware.transports.transport import LineLost
from protocol.lines import write_time
from terminal_agent.journal import Journal
from terminal_agent.machine import Place

write_seconds_max: Final = 30.0
ask_again_seconds: Final = 1.0
idle_seconds_max: Final = 5.0
drawer_seconds_max: Final = 2.0
queued_counted_max: Final = 1_000
"""More are not counted at each sale: of a till whose printer is gone nobody needs to know how many slips it owes."""
_PLACE: Final = "place"
_COUNT_QUEUED: Final = "select count(*) from (select 1 from queued_prints limit ?)"
_log = structlog.get_logger()


class Spool:
    """The print jobs of a journal and the task that prints them."""

    def __init__(
        self,
        journal: Journal,
        *,
        rendering: Path,
        now: Callable[[], datetime],
        on_change: Callable[[], None],
        place: Place | None = None,
    ) -> None:
        """`place` is where the journal lies (`machine.place_of`), None where nobody looks."""
        self._journal = journal
        self._place = place
        self._rendering = rendering
        self._now = now
        self._on_change = on_change
        self._woken = asyncio.Event()
        self._idle = asyncio.Event()
        self._drawer_wanted = asyncio.Event()
        self._drawer_until = 0.0
        self._left_over = False
        self._is_recovered = False
        self.queued = 0
        self.unconfirmed: tuple[str, ...] = ()

    async def recover(self) -> None:
        """After a restart nobody knows what became of a job that was on its way, nor what the printer holds of it.

        Nothing is printed before. Raises `JournalError`.
        """
        place, at = self._place, write_time(self._now())

        def work(connection: sqlite3.Connection) -> None:
            _recover(connection, at)
            if place is not None:
                _look_around(connection, place, at)

        await self._journal.write(work)
        self._is_recovered = True
        self._left_over = _is_left_over(self._journal.reader)
        self.recount()

    def recount(self) -> None:
        """Count anew what waits; to be called after jobs were added or answered for."""
        reader = self._journal.reader
        self.queued = int(reader.execute(_COUNT_QUEUED, (queued_counted_max,)).fetchone()[0])
        rows = reader.execute(
            "select receipt_number from undecided_prints where state = 'unconfirmed' order by job_id"
        ).fetchall()
        self.unconfirmed = tuple(row[0] or "" for row in rows)
        self._on_change()

    def wake(self) -> None:
        """There is a new job."""
        self._idle.clear()
        self._woken.set()

    def open_drawer(self) -> None:
        """Open the drawer now or not at all: the wish lapses after `drawer_seconds_max`."""
        self._drawer_until = asyncio.get_running_loop().time() + drawer_seconds_max
        self._drawer_wanted.set()
        self._woken.set()

    async def settle(self, seconds: float) -> None:
        """Wait until nothing that can be printed waits, for so long at most."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._idle.wait()

    async def serve(self, driver: PrinterDriver, attendance: Attendance) -> None:
        """Print what is queued, one job after the other, until the line is lost.

        Raises `LineLost`, and `JournalError` where a step cannot be brought to the disk before it happens.
        """
        if not self._is_recovered or self._is_astray():
            await self.recover()
        if self._left_over:
            driver.leftover.expect()
            self._left_over = False
        while True:
            self._woken.clear()
            await self._pulse_drawer(driver)
            job = self._next_job()
            if job is None:
                self._idle.set()
                if await self._wait(idle_seconds_max):
                    continue
            status = await driver.status()
            attendance.report(status.reason or status.warning, "")
            if job is None:
                continue
            if not status.can_print:
                await self._wait(ask_again_seconds)
                continue
            await self._print(driver, attendance, *job)

    async def _print(self, driver: PrinterDriver, attendance: Attendance, job_id: int, document: bytes) -> None:
        parsed = document_from_json(document)
        buffer = await asyncio.to_thread(render, parsed, driver.profile, job_id=job_id, pickle_dir=self._rendering)
        await self._begin(job_id)
        sent = await driver.send(buffer, deadline=write_seconds_max)
        if not sent.complete:
            await self._mark(job_id, "unconfirmed", sent.error or "the line took only a part")
            raise LineLost(f"{driver.transport.address}: {sent.error}", "check the printer's cable and power")
        await self._mark(job_id, "sent", None)
        proof = await self._proof(driver, attendance, job_id)
        if proof is Proof.PRINTED:
            await self._mark(job_id, "printed", "proof")
            return
        if proof is Proof.NOT_GIVEN and driver.profile.sent_is_printed:
            await self._mark(job_id, "printed", "sent")
            return
        await self._mark(job_id, "unconfirmed", proof.value)
        if proof is not Proof.NOT_GIVEN:
            raise LineLost(f"{driver.transport.address}: no proof of the job", "look whether the receipt is whole")

    async def _proof(self, driver: PrinterDriver, attendance: Attendance, job_id: int) -> Proof:
        """Wait for the printer's proof; a drawer does not wait with it for somebody to put paper in.

        Where the model cannot open it meanwhile, the wish stands until the proof is there, or lapses.
        """
        if not driver.profile.realtime:
            return await driver.proof(job_id, waiting=lambda status: attendance.report(status.reason))
        proof = asyncio.ensure_future(driver.proof(job_id, waiting=lambda status: attendance.report(status.reason)))
        wish = asyncio.ensure_future(self._drawer_wanted.wait())
        try:
            while True:
                await asyncio.wait({proof, wish}, return_when=asyncio.FIRST_COMPLETED)
                if proof.done():
                    return proof.result()
                if self._takes_wish():
                    _say_unless_pulsed(await driver.pulse_in_real_time())
                wish = asyncio.ensure_future(self._drawer_wanted.wait())
        finally:
            wish.cancel()
            proof.cancel()
            await asyncio.gather(wish, proof, return_exceptions=True)

    async def _pulse_drawer(self, driver: PrinterDriver) -> None:
        if self._takes_wish():
            _say_unless_pulsed(await driver.open_drawer())

    def _takes_wish(self) -> bool:
        """Whether the drawer is to be opened now; a wish is granted once, or lapses."""
        wanted = self._drawer_wanted.is_set()
        in_time = asyncio.get_running_loop().time() < self._drawer_until
        self._drawer_wanted.clear()
        if wanted and not in_time:
            _log.warning("drawer-not-opened", reason="the printer was busy for too long")
        return wanted and in_time

    async def _wait(self, seconds: float) -> bool:
        """Whether something woke the spool in that time."""
        try:
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        except TimeoutError:
            return False
        return True

    def _next_job(self) -> tuple[int, bytes] | None:
        row = self._journal.reader.execute(
            "select job_id, document from queued_prints order by job_id limit 1"
        ).fetchone()
        return None if row is None else (int(row[0]), bytes(row[1]))

    def _is_astray(self) -> bool:
        """Whether a job is on its way although nobody prints: the disk failed when its end was to be written down."""
        row = self._journal.reader.execute(
            "select 1 from undecided_prints where state <> 'unconfirmed' limit 1"
        ).fetchone()
        return row is not None

    async def _begin(self, job_id: int) -> None:
        """Bring it to the disk that a queued job is on its way, before its first byte is."""
        at = write_time(self._now())

        def work(connection: sqlite3.Connection) -> None:
            _begin_queued(connection, "sending", None, at, job_id)

        await self._journal.write(work)
        self.recount()

    async def _mark(self, job_id: int, state: str, reason: str | None) -> None:
        """Bring a step to the disk before it happens."""
        at = write_time(self._now())
        await self._journal.write(lambda connection: _set_state(connection, job_id, state, reason, at))
        self.recount()


def answer_for(connection: sqlite3.Connection, receipt_number: str, *, whole: bool, at: datetime) -> None:
    """A person's word on an unconfirmed job; to be called inside a transaction."""
    state, reason = ("printed", "witness") if whole else ("replaced", "not whole")
    connection.execute(
        "update print_jobs set state = ?, reason = ?, changed_at = ?"
        " where receipt_number = ? and state = 'unconfirmed'",
        (state, reason, write_time(at), receipt_number),
    )


def printed_document(connection: sqlite3.Connection, receipt_number: str) -> bytes | None:
    """The document that was queued first for that number."""
    row = connection.execute(
        "select job_id, coalesce(document, (select slip from journal where position = job_id)) from print_jobs"
        " where receipt_number = ? and copy = 0"
        " union all select job_id, document from queued_prints where receipt_number = ? and copy = 0"
        " order by job_id desc limit 1",
        (receipt_number, receipt_number),
    ).fetchone()
    return None if row is None else bytes(row[1])


def _begin_queued(
    connection: sqlite3.Connection, state: str, reason: str | None, at: str, job_id: int | None = None
) -> int:
    """Write down that queued jobs, or one of them, are queued no more; answers how many."""
    return connection.execute(
        "insert into print_jobs (job_id, receipt_number, copy, state, reason, changed_at)"
        " select job_id, receipt_number, copy, ?1, ?2, ?3 from queued_prints where ?4 is null or job_id = ?4",
        (state, reason, at, job_id),
    ).rowcount


def _recover(connection: sqlite3.Connection, at: str) -> None:
    connection.execute(
        "update print_jobs set state = 'unconfirmed', reason = 'restart', changed_at = ?"
        " where job_id in (select job_id from undecided_prints where state <> 'unconfirmed')",
        (at,),
    )


def _look_around(connection: sqlite3.Connection, place: Place, at: str) -> None:
    """Where the journal is not where it was, what is queued may have come out at the place that it was copied from."""
    row = connection.execute("select value from facts where name = ?", (_PLACE,)).fetchone()
    kept = None if row is None else msgspec.json.decode(row[0], type=Place)
    moved = kept is not None and place.is_other_than(kept)
    known = place if kept is None or moved else place.with_what(kept)
    connection.execute(
        "insert or replace into facts (name, value) values (?, ?)", (_PLACE, msgspec.json.encode(known).decode())
    )
    if moved:
        asked = _begin_queued(connection, "unconfirmed", "moved", at)
        _log.warning("state-directory-moved", prints_to_confirm=asked)


def _is_left_over(connection: sqlite3.Connection) -> bool:
    """Whether the printer may still hold a part of the job that went to it last."""
    row = connection.execute(
        "select state from print_jobs where coalesce(reason, '') <> 'moved' order by job_id desc limit 1"
    ).fetchone()
    return row is not None and row[0] != "printed"


def _say_unless_pulsed(result: DrawerResult) -> None:
    if not result.pulsed:
        _log.warning("drawer-not-opened", reason=result.refused)


def _set_state(connection: sqlite3.Connection, job_id: int, state: str, reason: str | None, at: str) -> None:
    connection.execute(
        "update print_jobs set state = ?, reason = ?, changed_at = ? where job_id = ?", (state, reason, at, job_id)
    )
