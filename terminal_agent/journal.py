"""The terminal's electronic journal: every event as one line of a hash chain, committed before anybody is told of it.

What is always true:

(1) A sequence number is given once: 1, 2, 3 … of an enrolment, without gaps.
(2) A line's bytes never change after commit.
(3) A print job exists if and only if its event does.
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
"""

import sqlite3
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from migrations.terminal.journal import migrations
from protocol.chain import line_hash
from protocol.events import TYPES, Payload, Refund, Sale, ShiftClose, Void, write_line, write_time
from terminal_agent.database import Writer, connect, migrate, transaction
from terminal_agent.disk_space import DiskSpace
from terminal_agent.identity import Enrolment, enrolments, positions_per_enrolment

drafts_max: Final = 16
_FULL: Final = 13
_IO_ERROR: Final = 10


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

    @property
    def receipt_number(self) -> str | None:
        return self.payload.receipt_number if isinstance(self.payload, Sale | Refund) else None


class Counters(Struct, frozen=True):
    """Where an enrolment's chain stands, and its perpetual totals."""

    sequence: int
    last_hash: str
    receipts: int
    last_business_date: date | None
    z_number: int
    total_sales_minor: int
    total_refunds_minor: int


class Pruned(Struct, frozen=True):
    """Through which sequence an enrolment's lines are gone, and the hash that the next one follows."""

    through: int
    last_hash: str


class Remembered(Struct, frozen=True):
    """What a front end is answered, should it repeat a command. `fingerprint` is of the command without its PIN."""

    command_id: str
    fingerprint: str
    answer: Callable[[Sequence[Committed]], bytes]


class Printed(Struct, frozen=True):
    """A document for the spool, one an event: of which (by its index in the batch), with which receipt number."""

    event: int
    document: bytes
    receipt_number: str | None = None
    copy: bool = False


class Batch(Struct, frozen=True):
    """What one transaction appends; its functions run on the writer's thread, in the order of their names here.

    `prints` and the answer of `remembered` see the sealed events; `ends_open_sale` answers the serial of the open sale
    that is over with them, else 0; `suspend` writes into the transaction.
    """

    drafts: tuple[Draft, ...]
    at: datetime
    prints: Callable[[Sequence[Committed]], Sequence[Printed]] | None = None
    remembered: Remembered | None = None
    ends_open_sale: Callable[[], int] | None = None
    suspend: Callable[[sqlite3.Connection], None] | None = None


class Appended(Struct, frozen=True):
    """What a batch became; `answer` is what was remembered, if anything was."""

    events: tuple[Committed, ...]
    answer: bytes | None


class Journal:
    """The journal of a state directory; `open` it, `append` from the event loop."""

    def __init__(self, path: Path, space: DiskSpace) -> None:
        self.folder = path.parent
        self.unusable: str | None = None
        self.path = path
        self._space = space
        self._writer = Writer("journal")
        self._connection = connect(path, "FULL")
        migrate(self._connection, migrations)
        self.reader = connect(path, "FULL")
        self.enrolments: list[Enrolment] = enrolments(self._connection)
        self._counters = self._load_counters()

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
        return await self._writer.run(lambda: self.append_now(batch))

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

        return self._writer.submit(in_transaction)

    def append_now(self, batch: Batch) -> Appended:
        """`append`, on the writer's own thread."""
        assert 0 < len(batch.drafts) <= drafts_max
        self._check_usable()
        events, after = _seal(batch.drafts, self.current, self.counters)
        try:
            answer = self._commit(batch, events, after)
        except sqlite3.Error as error:
            answer = self._after_error(error, batch, events, after)
        self._counters = after
        return Appended(events, answer)

    def close(self) -> None:
        """Finish what was handed over and close the files."""
        self._writer.close()
        self.reader.close()
        self._connection.close()

    def _commit(self, batch: Batch, events: tuple[Committed, ...], after: Counters) -> bytes | None:
        prints = () if batch.prints is None else batch.prints(events)
        remembered = batch.remembered
        answer = None if remembered is None else remembered.answer(events)
        ended = 0 if batch.ends_open_sale is None else batch.ends_open_sale()
        command = _NO_COMMAND if remembered is None else (remembered.command_id, remembered.fingerprint, answer)
        with transaction(self._connection) as connection:
            for event in events:
                connection.execute(_INSERT_LINE, (*_row(event), *command))
                command = _NO_COMMAND
            connection.execute(_UPDATE_COUNTERS, (*_counter_row(after), ended, self.current.number))
            if prints:
                insert_print_jobs(connection, events, prints, batch.at)
            if batch.suspend is not None:
                batch.suspend(connection)
        return answer

    def _after_error(
        self, error: sqlite3.Error, batch: Batch, events: tuple[Committed, ...], after: Counters
    ) -> bytes | None:
        """Invariants (9) and (10): a full disk is tried once more without the reserve, a failed one is looked at."""
        if _code(error) == _FULL:
            self._space.release_reserve()
            try:
                return self._commit(batch, events, after)
            except sqlite3.Error as again:
                error = again
        if _code(error) != _IO_ERROR or not self._was_kept(events[-1]):
            raise self._refusal(error, looked=True) from error
        if batch.remembered is None:
            return None
        row = self._connection.execute(
            "select answer from journal where command_id = ?", (batch.remembered.command_id,)
        ).fetchone()
        return None if row is None else bytes(row[0])

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

    def _load_counters(self) -> Counters | None:
        if not self.enrolments:
            return None
        return read_counters(self._connection, self.current.number)


def read_counters(connection: sqlite3.Connection, enrolment: int) -> Counters:
    """Where an enrolment's chain stands."""
    row = connection.execute(
        "select sequence, last_hash, receipts, last_business_date, z_number, total_sales_minor, total_refunds_minor"
        " from counters where enrolment = ?",
        (enrolment,),
    ).fetchone()
    day = None if row[3] is None else date.fromisoformat(row[3])
    return Counters(row[0], row[1], row[2], day, row[4], row[5], row[6])


def read_pruned(connection: sqlite3.Connection, enrolment: Enrolment) -> Pruned:
    """How far an enrolment's lines were pruned; through 0 where none was."""
    through, last_hash = connection.execute(
        "select pruned_through, pruned_hash from counters where enrolment = ?", (enrolment.number,)
    ).fetchone()
    return Pruned(through, enrolment.first_prev if last_hash is None else last_hash)


def insert_print_jobs(
    connection: sqlite3.Connection, events: Sequence[Committed], prints: Sequence[Printed], at: datetime
) -> None:
    """Put documents into the spool; to be called inside the transaction of their events."""
    queued_at = write_time(at)
    for of in prints:
        position = events[of.event].position
        connection.execute(
            "insert into print_jobs (job_id, receipt_number, copy, queued_at, changed_at, document)"
            " values (?, ?, ?, ?, ?, ?)",
            (position, of.receipt_number, int(of.copy), queued_at, queued_at, of.document),
        )


def lines_from(
    connection: sqlite3.Connection, enrolment: Enrolment, first: int, last: int
) -> Iterator[tuple[int, bytes, str]]:
    """(sequence, line, hash) of an enrolment's lines `first` to `last`, in order."""
    base = enrolment.base_position
    for position, line, hash_ in connection.execute(
        "select position, line, hash from journal where position between ? and ? order by position",
        (base + first, base + last),
    ):
        yield position - base, line, hash_


def _seal(drafts: Sequence[Draft], enrolment: Enrolment, counters: Counters) -> tuple[tuple[Committed, ...], Counters]:
    """Give each draft its sequence, its receipt number and its place in the chain. Pure."""
    events: list[Committed] = []
    for draft in drafts:
        payload = draft.payload
        receipts = counters.receipts
        if isinstance(payload, Sale | Refund):
            receipts += 1
            payload = msgspec.structs.replace(payload, receipt_number=f"{enrolment.answer.receipt_prefix}{receipts}")
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
        counters = Counters(
            sequence,
            digest,
            receipts,
            draft.business_date,
            counters.z_number + isinstance(payload, ShiftClose),
            counters.total_sales_minor + (payload.gross_minor if isinstance(payload, Sale) else 0),
            counters.total_refunds_minor + (payload.gross_minor if isinstance(payload, Refund) else 0),
        )
        events.append(
            Committed(
                enrolment.base_position + sequence,
                sequence,
                TYPES[type(payload)][0],
                payload,
                draft.created_at,
                draft.business_date,
                line,
                digest,
            )
        )
    return tuple(events), counters


def _code(error: sqlite3.Error) -> int:
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def sequence_of(position: int) -> int:
    """The sequence within its enrolment that a journal position stands for."""
    return position % positions_per_enrolment


def _row(event: Committed) -> tuple[object, ...]:
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
    )


def _counter_row(counters: Counters) -> tuple[object, ...]:
    day = counters.last_business_date
    return (
        counters.sequence,
        counters.last_hash,
        counters.receipts,
        None if day is None else day.isoformat(),
        counters.z_number,
        counters.total_sales_minor,
        counters.total_refunds_minor,
    )


_INSERT_LINE: Final = (
    "insert into journal (position, hash, type, receipt_number, original_id, line, command_id, fingerprint, answer)"
    " values (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_NO_COMMAND: Final = (None, None, None)
_UPDATE_COUNTERS: Final = (
    "update counters set sequence = ?, last_hash = ?, receipts = ?, last_business_date = ?, z_number = ?,"
    " total_sales_minor = ?, total_refunds_minor = ?, open_sale_ended = max(open_sale_ended, ?) where enrolment = ?"
)
_LOOKED: Final = "insert or replace into facts (name, value) values ('disk_failed_at', datetime('now'))"
