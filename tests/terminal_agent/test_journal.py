"""The journal's invariants, each test named by the number that it holds (see `terminal_agent/journal.py`)."""

import asyncio
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path

import msgspec
import pytest

from migrations.terminal.journal import migrations
from protocol.chain import first_prev, line_hash
from protocol.enrolment import EnrolAnswer
from protocol.events import Payload, TillLog
from protocol.lines import read_line
from terminal_agent.chain_check import JournalBrokenError, check_chain, check_file
from terminal_agent.database import connect, migrate, transaction, wal_pages_max
from terminal_agent.disk_space import DiskSpace
from terminal_agent.identity import add_enrolment
from terminal_agent.journal import (
    Appended,
    Batch,
    Committed,
    Draft,
    Journal,
    JournalError,
    JournalFullError,
    OpenSaleAfter,
    Printed,
    Remembered,
)
from terminal_agent.journal_reading import lines_from, read_open_sale_ended, receipt_line
from tests.trade import cart, sale

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
TODAY = date(2026, 11, 24)
KEY = "5mKcVTzVZcNbyLVnhgJ8lFhD8w4lXnB6oSzEBn4q6Gs="
ANSWER = EnrolAnswer(
    terminal_id="01a20000-0000-7000-8000-000000000001",
    epoch=1,
    issuer="https://till.example",
    location_id="01a20000-0000-7000-8000-000000000002",
    tenant_name="Corner Shop",
    location_name="High Street",
    currency="EUR",
    price_mode="tax_inclusive",
    tax_rounding="receipt",
    cash_rounding_minor=1,
    timezone="Europe/London",
    receipt_prefix="T1-",
    pin_key="",
    journal_keep_days=400,
)


def enrolled(path: Path) -> None:
    with closing(connect(path, "FULL")) as connection:
        migrate(connection, migrations)
        with transaction(connection):
            add_enrolment(connection, server="https://till.example", public_key=KEY, answer=ANSWER, at=NOW)


def open_journal(path: Path, *, reserve: int = 0) -> Journal:
    space = DiskSpace(path.with_name("reserve"), bytes_reserved=reserve, free_bytes_min=0)
    space.keep_reserve()
    return Journal(path, space)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    enrolled(tmp_path / "journal.sqlite")
    return tmp_path / "journal.sqlite"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    opened = open_journal(path)
    yield opened
    opened.close()


def coffee() -> Payload:
    return sale(cart("1 x COFFEE @ 3.50"), number="filled in by the journal")


def one(payload: Payload, *, remembered: Remembered | None = None, prints: bool = True) -> Batch:
    return Batch((Draft(payload, NOW, TODAY),), prints=_paper if prints else None, remembered=remembered)


def _paper(events: Sequence[Committed]) -> list[Printed]:
    return [Printed(0, b"paper", events[0].receipt_number)]


def leave_slips(connection: sqlite3.Connection, state: str) -> None:
    """The slips that were queued are in that state, as a process that was killed leaves them."""
    connection.execute(
        "insert into print_jobs (job_id, receipt_number, copy, state, changed_at)"
        " select job_id, receipt_number, copy, ?, 'then' from queued_prints",
        (state,),
    )


def lines(journal: Journal) -> list[bytes]:
    return [line for _, line, _ in lines_from(journal.reader, journal.current, 1, 1_000)]


def count(journal: Journal, table: str) -> int:
    return int(journal.reader.execute(f"select count(*) from {table}").fetchone()[0])


async def test_1_a_sequence_number_is_given_once_without_gaps(journal: Journal) -> None:
    for _ in range(3):
        await journal.append(one(coffee()))
    with pytest.raises(JournalError):
        await journal.append(one(TillLog(kind="training", data="x" * 300_000)))
    await journal.append(one(coffee()))

    assert [read_line(line).sequence for line in lines(journal)] == [1, 2, 3, 4]


async def test_1_a_journal_that_is_opened_again_goes_on_where_it_was(path: Path) -> None:
    for _ in range(2):
        journal = open_journal(path)
        await journal.append(one(coffee()))
        journal.close()

    journal = open_journal(path)
    assert [read_line(line).sequence for line in lines(journal)] == [1, 2]
    journal.close()


async def test_2_a_line_is_kept_as_the_bytes_that_were_committed(journal: Journal) -> None:
    appended = await journal.append(one(coffee()))

    assert lines(journal) == [appended.events[0].line]
    assert appended.events[0].hash == line_hash(appended.events[0].line)


async def test_3_a_print_job_exists_if_and_only_if_its_event_does(journal: Journal) -> None:
    await journal.append(one(coffee()))

    def breaks(events: Sequence[Committed]) -> list[Printed]:
        raise ValueError("the paper cannot be made")

    with pytest.raises(ValueError, match="paper"):
        await journal.append(Batch((Draft(coffee(), NOW, TODAY),), prints=breaks))
    assert (count(journal, "journal"), count(journal, "queued_prints")) == (1, 1)


async def test_4_the_lines_form_a_chain_that_names_its_writer(journal: Journal) -> None:
    for _ in range(3):
        await journal.append(one(coffee()))

    prev = first_prev(ANSWER.terminal_id, 1, KEY)
    for line in lines(journal):
        assert read_line(line).prev == prev
        prev = line_hash(line)


async def test_5_receipt_numbers_count_from_one_without_gaps(journal: Journal) -> None:
    await journal.append(one(coffee()))
    await journal.append(one(TillLog(kind="sign_in"), prints=False))
    huge = sale(cart(*["1 x COFFEE @ 3.50"] * 1_500), number="x")
    with pytest.raises(JournalError):
        await journal.append(one(huge))
    second = await journal.append(one(coffee()))

    assert second.events[0].receipt_number == "T1-2"


async def test_5_a_receipt_is_found_by_its_number(journal: Journal) -> None:
    """Among others, whatever lies between; a number that was never given is not found."""
    for payload in (coffee(), TillLog(kind="sign_in"), coffee(), TillLog(kind="x"), TillLog(kind="y"), coffee()):
        await journal.append(one(payload, prints=not isinstance(payload, TillLog)))

    found = {number: receipt_line(journal.reader, f"T1-{number}") for number in range(6)}

    assert {number: line and read_line(line).sequence for number, line in found.items()} == {
        0: None,
        1: 1,
        2: 3,
        3: 6,
        4: None,
        5: None,
    }
    for nonsense in ("", "T1-", "T1-x", "T2-1", "T1-01", "T1-1 ", "T1--1", "T1-" + "9" * 400, "1"):
        assert receipt_line(journal.reader, nonsense) is None


async def test_6_an_answer_is_remembered_with_what_it_answers_for(journal: Journal) -> None:
    def answer(events: Sequence[Committed]) -> bytes:
        return str(events[0].sequence).encode()

    appended = await journal.append(one(coffee(), remembered=Remembered("once", "fingerprint", answer)))
    with pytest.raises(JournalError):
        await journal.append(one(coffee(), remembered=Remembered("once", "fingerprint", answer)))

    assert appended.answer == b"1"
    assert journal.reader.execute("select command_id, answer from journal").fetchall() == [("once", b"1")]


def test_7_the_journal_is_written_ahead_and_synced_at_each_commit(journal: Journal) -> None:
    assert journal.reader.execute("pragma journal_mode").fetchone() == ("wal",)
    assert journal._connection.execute("pragma synchronous").fetchone() == (2,)


async def test_8_what_ends_the_open_sale_is_in_the_sales_own_transaction(journal: Journal) -> None:
    def write(connection: sqlite3.Connection) -> None:
        raise sqlite3.IntegrityError("the open sale cannot be written")

    with pytest.raises(JournalError):
        await journal.append(Batch((Draft(coffee(), NOW, TODAY),), open_sale=lambda: OpenSaleAfter(write=write)))

    assert count(journal, "journal") == 0


async def test_8_a_sale_that_is_over_stays_so_in_a_new_enrolment(journal: Journal, path: Path) -> None:
    await journal.append(Batch((Draft(coffee(), NOW, TODAY),), open_sale=lambda: OpenSaleAfter(ended=7)))
    journal.close()
    with closing(connect(path, "FULL")) as connection, transaction(connection):
        answer = msgspec.structs.replace(ANSWER, epoch=2, receipt_prefix="T1B-")
        add_enrolment(connection, server="https://till.example", public_key=KEY, answer=answer, at=NOW)
    again = open_journal(path)
    await again.append(one(coffee()))

    assert read_open_sale_ended(again.reader) == 7
    assert again.counters.receipts == 1
    assert receipt_line(again.reader, "T1-1") != receipt_line(again.reader, "T1B-1")
    again.close()


async def test_lines_that_are_missing_at_the_end_are_noticed(journal: Journal) -> None:
    """By what central acknowledged, or by the slip that was begun."""
    for _ in range(3):
        await journal.append(one(coffee()))
    check_chain(journal.reader, journal.current)
    await journal.write(lambda connection: leave_slips(connection, "printed"))
    last = journal.current.base_position + 3
    await journal.write(lambda connection: connection.execute("delete from journal where position = ?", (last,)))  # type: ignore[arg-type]
    with pytest.raises(JournalBrokenError, match="sequence 3 of epoch 1 is missing at the end"):
        check_chain(journal.reader, journal.current)
    await journal.write(lambda connection: connection.execute("delete from print_jobs"))  # type: ignore[arg-type]
    check_chain(journal.reader, journal.current)
    await journal.write(
        lambda connection: connection.execute("update deliveries set acknowledged_through = 3")  # type: ignore[arg-type]
    )
    with pytest.raises(JournalBrokenError, match="sequence 3 of epoch 1 is missing at the end"):
        check_chain(journal.reader, journal.current)


class FailingCommit:
    """A connection whose next commit answers with an I/O error, after it did (or did not) happen."""

    def __init__(
        self, connection: sqlite3.Connection, *, happens: bool, code: int = sqlite3.SQLITE_IOERR_FSYNC
    ) -> None:
        self._connection = connection
        self._happens = happens
        self._code = code
        self._failed = False

    def execute(self, statement: str, *parameters: object) -> sqlite3.Cursor:
        alone = statement.startswith("insert into journal") and not self._connection.in_transaction
        if (statement == "commit" or alone) and not self._failed:
            self._failed = True
            if self._happens:
                self._connection.execute(statement, *parameters)  # type: ignore[arg-type]
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorcode = self._code
            raise error
        return self._connection.execute(statement, *parameters)  # type: ignore[arg-type]

    def __getattr__(self, name: str) -> object:
        return getattr(self._connection, name)


@pytest.mark.parametrize("happens", [True, False])
@pytest.mark.parametrize("events", [1, 2])
async def test_9_after_a_commit_that_failed_in_the_disk_the_journal_is_looked_at(
    journal: Journal, happens: bool, events: int
) -> None:
    await journal.append(one(coffee()))
    journal._connection = FailingCommit(journal._connection, happens=happens)  # type: ignore[assignment]

    async def append() -> Appended:
        remembered = Remembered("once", "f", lambda events: b"sold")
        return await journal.append(Batch((Draft(coffee(), NOW, TODAY),) * events, _paper, remembered))

    if happens:
        assert (await append()).answer == b"sold"
    else:
        with pytest.raises(JournalError):
            await append()
        assert (await append()).answer == b"sold"
    assert [read_line(line).sequence for line in lines(journal)] == list(range(1, events + 2))
    assert not isinstance(journal._connection, FailingCommit)


async def test_10_a_sale_whose_money_was_taken_gets_the_reserve(path: Path) -> None:
    journal = open_journal(path, reserve=65_536)
    reserve = path.with_name("reserve")
    assert reserve.stat().st_size == 65_536
    full = FailingCommit(journal._connection, happens=False, code=sqlite3.SQLITE_FULL)
    journal._connection = full  # type: ignore[assignment]

    await journal.append(one(coffee()))

    assert not reserve.exists()
    assert count(journal, "journal") == 1
    journal.close()


def test_no_sale_waits_for_a_log_that_grows(journal: Journal, path: Path) -> None:
    log = path.with_name("journal.sqlite-wal")
    database = path.stat().st_size
    asyncio.run(journal.grow_log())
    grown = log.stat().st_size
    for _ in range(10):
        journal.append_now(one(coffee()))

    assert grown >= wal_pages_max * 4_096
    assert (log.stat().st_size, path.stat().st_size) == (grown, database)
    check_file(journal.reader)


async def test_a_log_that_finds_no_room_to_grow_leaves_all_as_it_was(journal: Journal) -> None:
    await journal.append(one(coffee()))
    pages = journal._connection.execute("pragma page_count").fetchone()[0]
    journal._connection.execute(f"pragma max_page_count={pages + 50}")

    with pytest.raises(JournalFullError):
        await journal.grow_log()
    await journal.append(one(coffee()))

    assert [read_line(line).sequence for line in lines(journal)] == [1, 2]
    check_file(journal.reader)


def test_a_disk_without_room_is_known_before_money_is_taken(tmp_path: Path) -> None:
    room = os.statvfs(tmp_path).f_bavail * os.statvfs(tmp_path).f_frsize
    roomy = DiskSpace(tmp_path / "reserve", bytes_reserved=1_024, free_bytes_min=1_024)
    short = DiskSpace(tmp_path / "reserve", bytes_reserved=1_024, free_bytes_min=room * 2)

    assert not roomy.is_short()
    assert short.is_short()
