"""The terminal's electronic journal: every event as one line of a hash chain, committed before anybody is told of it.

What is always true:

(1) A sequence number is given once: 1, 2, 3 … of an enrolment, without gaps.
(2) A line's bytes never change after commit.
(3) A slip exists if and only if its event does.
(4) A line's `prev` is the SHA-256 of the line before; the first one's names terminal, epoch and key.
(5) A receipt number is given with its line, counts from 1 without gaps, and is never given again.
(6) A command's answer is remembered if and only if what it committed is there.
(7) What `append` returned is on the disk: the commit was followed by its fsync.
(8) The open sale is gone if and only if its SALE is there.
(9) After a commit that failed in the disk nobody knows whether it happened: the connection is closed, opened anew, and
    the journal looked at. What is found is brought to the disk for certain; what is not is overwritten there before
    anybody hears that nothing was kept, since the write-ahead log may hold it whole, and a start after a power cut
    would find it. Where either fails too, nothing is appended until the terminal starts again.
(10) A sale whose money was taken finds room: where the disk is full, the reserve is given up for it.

A sale is one row, so that its commit writes few pages: its line, its slip, its answer, and where the chain, the totals
and the open sale stand after it.
"""

import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Final, TypeAlias

import msgspec
from msgspec import Struct

from migrations.terminal.journal import migrations
from protocol.chain import line_hash
from protocol.events import TYPES, Payload, Refund, Sale, ShiftClose, Void
from protocol.lines import write_line
from terminal_agent.database import Writer, connect, grow_log, migrate, transaction
from terminal_agent.disk_space import DiskSpace
from terminal_agent.identity import Enrolment, enrolments
from terminal_agent.journal_reading import Counters, read_counters, read_open_sale_ended

drafts_max: Final = 16
_FULL: Final = 13
_IO_ERROR: Final = 10
_Row: TypeAlias = tuple[object, ...]
_Slip: TypeAlias = tuple[str | None, int, bytes | None]
_NO_SLIP: Final[_Slip] = (None, 0, None)
_Command: TypeAlias = tuple[str | None, str | None, bytes | None]
_NO_COMMAND: Final[_Command] = (None, None, None)
_RECEIPTS: Final = (Sale, Refund)


class JournalError(Exception):
    """The journal could not keep what happened; nothing of it was kept."""


class JournalFullError(JournalError):
    """There is no room for what happened, the reserve included; nothing of it was kept."""


class JournalUnusableError(JournalError):
    """The disk under the journal failed, and what was kept is not known before the terminal starts again."""


class Draft(Struct, frozen=True):
    """An event before it has its place: a SALE or REFUND without its receipt number."""

    payload: Payload
    created_at: datetime
    business_date: date
    clock_offset_ms: int | None = None


class Committed(Struct, frozen=True):
    """An event in its place."""

    position: int
    sequence: int
    type: str
    payload: Payload
    created_at: datetime
    business_date: date
    line: bytes
    hash: str
    receipt_number: str | None


class Remembered(Struct, frozen=True):
    """What a front end is answered, should it repeat a command. `fingerprint` is of the command without its PIN."""

    command_id: str
    fingerprint: str
    answer: Callable[[Sequence[Committed]], bytes]


class Printed(Struct, frozen=True):
    """A slip for the spool, one an event: of which (by its index in the batch), with which receipt number."""

    event: int
    document: bytes
    receipt_number: str | None = None
    copy: bool = False


class OpenSaleAfter(Struct, frozen=True):
    """What becomes of the open sale: `ended`, the serial of the one that is over, or what writes it down."""

    ended: int = 0
    write: Callable[[sqlite3.Connection], None] | None = None


class Batch(Struct, frozen=True):
    """What one transaction appends; its functions run on the writer's thread, once the events are sealed, in the order
    of their names here.
    """

    drafts: tuple[Draft, ...]
    prints: Callable[[Sequence[Committed]], Sequence[Printed]] | None = None
    remembered: Remembered | None = None
    open_sale: Callable[[], OpenSaleAfter] | None = None


class Appended(Struct, frozen=True):
    """What a batch became; `answer` is what was remembered, if anything was."""

    events: tuple[Committed, ...]
    answer: bytes | None


class Journal:
    """The journal of a state directory: `append` from the event loop; `writer` is the one thread that writes."""

    def __init__(self, path: Path, space: DiskSpace) -> None:
        self.folder = path.parent
        self.unusable: str | None = None
        self.path = path
        self._space = space
        self.writer = Writer("journal")
        self._connection = connect(path, "FULL")
        migrate(self._connection, migrations)
        self.reader = connect(path, "FULL")
        self.enrolments: list[Enrolment] = enrolments(self._connection)
        self._counters = read_counters(self._connection, self.current) if self.enrolments else None
        self._open_sale_ended = read_open_sale_ended(self._connection)

    @property
    def current(self) -> Enrolment:
        """The enrolment that sells; there is one once the terminal is enrolled."""
        return self.enrolments[-1]

    @property
    def counters(self) -> Counters:
        assert self._counters is not None, "an enrolled terminal has counters"
        return self._counters

    async def append(self, batch: Batch) -> Appended:
        """Commit the batch and wait until it is on the disk.

        Raises `JournalError` where nothing was kept, `JournalUnusableError` where the disk failed.
        """
        return await self.writer.run(lambda: self.append_now(batch))

    async def grow_log(self) -> None:
        """Make the write-ahead log as long as it gets, so that no sale waits for that. Raises `JournalError`."""

        def work() -> None:
            self._check_usable()
            try:
                grow_log(self._connection)
            except sqlite3.Error as error:
                raise self._refusal(error) from error

        await self.writer.run(work)

    async def write(self, work: Callable[[sqlite3.Connection], None]) -> None:
        """Another small transaction on the writer's thread: spool states, the open sale, deliveries.

        Raises `JournalError` as `append` does.
        """
        await self.submit(work)

    def submit(self, work: Callable[[sqlite3.Connection], None]) -> Awaitable[None]:
        """`write`, handed over before this returns: whatever is appended later comes after it."""

        def in_transaction() -> None:
            self._check_usable()
            try:
                with transaction(self._connection) as connection:
                    work(connection)
            except sqlite3.Error as error:
                raise self._refusal(error) from error

        return self.writer.submit(in_transaction)

    def append_now(self, batch: Batch) -> Appended:
        """`append`, on the writer's own thread."""
        assert 0 < len(batch.drafts) <= drafts_max
        self._check_usable()
        sealed = _seal(batch.drafts, self.current, self.counters)
        events = tuple([event for event, _ in sealed])
        slips = {} if batch.prints is None else _slips(batch.prints(events))
        answer: bytes | None = None
        command = _NO_COMMAND
        if batch.remembered is not None:
            answer = batch.remembered.answer(events)
            command = (batch.remembered.command_id, batch.remembered.fingerprint, answer)
        open_sale = OpenSaleAfter() if batch.open_sale is None else batch.open_sale()
        ended = max(open_sale.ended, self._open_sale_ended)
        rows = [
            (*_row(event, after), ended, *slips.get(index, _NO_SLIP), *(_NO_COMMAND if index else command))
            for index, (event, after) in enumerate(sealed)
        ]
        try:
            self._insert(rows, open_sale)
        except sqlite3.Error as error:
            self._after_error(error, rows, open_sale, events[-1])
        self._counters, self._open_sale_ended = sealed[-1][1], ended
        return Appended(events, answer)

    def close(self) -> None:
        """Finish what was handed over and close the files."""
        self.writer.close()
        self.reader.close()
        self._connection.close()

    def _insert(self, rows: Sequence[_Row], open_sale: OpenSaleAfter) -> None:
        if len(rows) == 1 and open_sale.write is None:
            self._connection.execute(_INSERT, rows[0])  # a statement alone is a transaction
            return
        with transaction(self._connection) as connection:
            for row in rows:
                connection.execute(_INSERT, row)
            if open_sale.write is not None:
                open_sale.write(connection)

    def _after_error(
        self, error: sqlite3.Error, rows: Sequence[_Row], open_sale: OpenSaleAfter, last: Committed
    ) -> None:
        """Invariants (9) and (10): a full disk is tried once more without the reserve, a failed one is looked at."""
        if _code(error) == _FULL:
            self._space.release_reserve()
            try:
                self._insert(rows, open_sale)
            except sqlite3.Error as again:
                error = again
            else:
                return
        if _code(error) != _IO_ERROR or not self._was_kept(last):
            raise self._refusal(error, looked=True) from error

    def _refusal(self, error: sqlite3.Error, *, looked: bool = False) -> JournalError:
        """What an error of SQLite means to who asked; a failed disk is settled first."""
        code = _code(error)
        if code == _FULL:
            return JournalFullError("the disk is full; free some space, nothing was kept")
        if code != _IO_ERROR:
            return JournalError(f"the journal refused: {error}")
        if not looked:
            self._was_kept(None)
        return JournalError("the disk failed and nothing was kept; try once more")

    def _was_kept(self, event: Committed | None) -> bool:
        """Invariant (9): open the journal anew and look for an event; either way the disk is certain afterwards.

        Raises `JournalUnusableError` where it cannot be made so.
        """
        self._connection.close()
        try:
            self._connection = connect(self.path, "FULL")
            kept = event is not None and self._has(event)
            if kept:
                busy = self._connection.execute("pragma wal_checkpoint(truncate)").fetchone()[0]
                if busy:
                    raise sqlite3.OperationalError("the write-ahead log is in use")
            else:
                with transaction(self._connection) as connection:
                    connection.execute(_LOOKED)
        except Exception as error:
            self.unusable = (
                f"the disk under {self.path} failed ({error}), and nobody knows whether the last sale was kept: "
                "restart the terminal, and look at its last receipt before anything is rung up again"
            )
            raise JournalUnusableError(self.unusable) from error
        return kept

    def _has(self, event: Committed) -> bool:
        row = self._connection.execute("select hash from journal where position = ?", (event.position,)).fetchone()
        return row is not None and bool(row[0] == event.hash)

    def _check_usable(self) -> None:
        if self.unusable is not None:
            raise JournalUnusableError(self.unusable)


def _seal(drafts: Sequence[Draft], enrolment: Enrolment, counters: Counters) -> list[tuple[Committed, Counters]]:
    """Give each draft its sequence, its receipt number and its place in the chain; where that leaves them. Pure."""
    sealed: list[tuple[Committed, Counters]] = []
    for draft in drafts:
        payload = draft.payload
        receipts, receipt_number = counters.receipts, None
        z_number, sales, refunds = counters.z_number, counters.total_sales_minor, counters.total_refunds_minor
        if isinstance(payload, _RECEIPTS):
            receipts += 1
            receipt_number = f"{enrolment.answer.receipt_prefix}{receipts}"
            payload = msgspec.structs.replace(payload, receipt_number=receipt_number)
            if isinstance(payload, Sale):
                sales += payload.gross_minor
            else:
                refunds += payload.gross_minor
        elif isinstance(payload, ShiftClose):
            z_number += 1
        sequence = counters.sequence + 1
        try:
            line = write_line(
                sequence=sequence,
                prev=counters.last_hash,
                payload=payload,
                created_at=draft.created_at,
                business_date=draft.business_date,
                clock_offset_ms=draft.clock_offset_ms,
            )
        except ValueError as error:
            raise JournalError(f"{error}; split the sale in two") from error
        digest = line_hash(line)
        counters = Counters(sequence, digest, receipts, draft.business_date, z_number, sales, refunds)
        sealed.append(
            (
                Committed(
                    enrolment.base_position + sequence,
                    sequence,
                    TYPES[type(payload)][0],
                    payload,
                    draft.created_at,
                    draft.business_date,
                    line,
                    digest,
                    receipt_number,
                ),
                counters,
            )
        )
    return sealed


def _slips(prints: Sequence[Printed]) -> dict[int, _Slip]:
    """What of each event is to be printed."""
    return {of.event: (of.receipt_number, int(of.copy), of.document) for of in prints}


def _code(error: sqlite3.Error) -> int:
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def _row(event: Committed, after: Counters) -> _Row:
    original_id = None
    payload = event.payload
    if isinstance(payload, Refund):
        original_id = payload.original.sale_id if payload.original else None
    elif isinstance(payload, Void):
        original_id = payload.sale_id or payload.refund_id
    return (
        event.position,
        event.hash,
        event.type,
        event.receipt_number,
        None if original_id is None else str(original_id),
        event.line,
        event.business_date.isoformat(),
        after.receipts,
        after.z_number,
        after.total_sales_minor,
        after.total_refunds_minor,
    )


_INSERT: Final = (
    "insert into journal (position, hash, type, receipt_number, original_id, line, business_date, receipts, z_number,"
    " total_sales_minor, total_refunds_minor, open_sale_ended, slip_receipt_number, slip_is_copy, slip, command_id,"
    " fingerprint, answer)"
    " values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_LOOKED: Final = "insert or replace into facts (name, value) values ('disk_failed_at', datetime('now'))"
