"""A journal that an older version of the program wrote, and what becomes of it."""

import asyncio
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from sqlite_utils import Database

from migrations.terminal.journal import migrations
from terminal_agent.database import connect, transaction
from terminal_agent.identity import add_enrolment, positions_per_enrolment
from terminal_agent.journal import Journal
from terminal_agent.journal_reading import Counters, read_pruned, receipt_line
from terminal_agent.journal_tools import terminal_summary
from terminal_agent.printing.spool import Spool, printed_document
from terminal_agent.state_directory import StateDirectory, StateDirectoryBusyError
from terminal_agent.suspended import Suspended
from tests.terminal_agent.test_journal import ANSWER, KEY, coffee, one, open_journal

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
BASE = positions_per_enrolment
RECEIPTS = {11: 8, 13: 9, 14: 10, 16: 11}
"""Sequences of receipts and their counters; 12 and 15 are other events, and all before 11 were pruned."""
STATES = {3: "unconfirmed", 11: "printed", 13: "printed", 14: "unconfirmed", 16: "queued"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Two slips are printed, two wait for a person, one is queued; a sale is open."""
    path = tmp_path / "journal.sqlite"
    with closing(connect(path, "FULL")) as connection:
        migrations.apply(Database(connection), stop_before="m003_one_row_for_a_sale")
        with transaction(connection):
            add_enrolment(connection, server="https://till.example", public_key=KEY, answer=ANSWER, at=NOW)
            connection.execute(
                "insert into counters (enrolment, sequence, last_hash, receipts, last_business_date, z_number,"
                " total_sales_minor, total_refunds_minor, pruned_through, pruned_hash)"
                " values (1, 16, 'hash 16', 11, '2026-11-23', 4, 1234, 56, 10, 'hash 10')"
            )
            for sequence in range(11, 17):
                number = f"T1-{RECEIPTS[sequence]}" if sequence in RECEIPTS else None
                connection.execute(
                    "insert into journal (position, hash, type, receipt_number, document_id, line)"
                    " values (?, ?, 'SALE', ?, ?, ?)",
                    (BASE + sequence, f"hash {sequence}", number, f"sale {sequence}", f"line {sequence}".encode()),
                )
            for sequence, state in STATES.items():
                connection.execute(
                    "insert into print_jobs (position, receipt_number, state, queued_at, changed_at, document)"
                    " values (?, ?, ?, 'then', 'then', ?)",
                    (BASE + sequence, f"T1-{RECEIPTS.get(sequence, 2)}", state, f"slip {sequence}".encode()),
                )
            connection.execute(
                "insert into command_results (command_id, fingerprint, answered_at, answer)"
                " values ('tender', 'of it', 'then', x'01')"
            )
            connection.execute(
                "insert into suspended (sale, changed_at, cart, commands, serial, boot_id)"
                " values ('open', 'then', ?, ?, 7, 'boot')",
                (b"null", b'["scan"]'),
            )
    return path


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    opened = open_journal(path)
    yield opened
    opened.close()


def test_it_is_not_changed_under_a_terminal_of_the_older_version_that_runs(path: Path) -> None:
    directory = StateDirectory(path.parent)
    content = path.read_bytes()
    with directory.locked(), pytest.raises(StateDirectoryBusyError, match="older version; restart it"):
        terminal_summary(directory)

    assert path.read_bytes() == content
    assert terminal_summary(directory)["last_sequence"] == 16
    with directory.locked():
        assert terminal_summary(directory)["prints_queued"] == 1


def test_its_slips_are_printed_and_asked_about_as_before(journal: Journal, tmp_path: Path) -> None:
    spool = Spool(journal, rendering=tmp_path, now=lambda: NOW, on_change=lambda: None)
    asyncio.run(spool.recover())

    assert (spool.queued, spool.unconfirmed) == (1, ("T1-2", "T1-10"))
    assert spool._next_job() == (BASE + 16, b"slip 16")
    assert [printed_document(journal.reader, f"T1-{number}") for number in (2, 8, 11)] == [
        b"slip 3",
        b"slip 11",
        b"slip 16",
    ]


def test_its_receipts_are_found_by_their_numbers(journal: Journal) -> None:
    assert {number: receipt_line(journal.reader, f"T1-{number}") for number in range(7, 13)} == {
        7: None,
        8: b"line 11",
        9: b"line 13",
        10: b"line 14",
        11: b"line 16",
        12: None,
    }


def test_its_chain_and_its_totals_go_on(journal: Journal) -> None:
    assert journal.counters == Counters(16, "hash 16", 11, date(2026, 11, 23), 4, 1234, 56)
    assert read_pruned(journal.reader, journal.current).through == 10

    journal.append_now(one(coffee()))

    assert journal.counters.receipts == 12
    assert journal.counters.total_sales_minor == 1234 + 350


def test_its_answers_and_its_open_sale_are_found(journal: Journal) -> None:
    suspended = Suspended(journal.reader)

    assert list(suspended.commands) == ["scan"]
    assert suspended.next_serial() == 8
    assert journal.reader.execute("select answer from command_results").fetchall() == [(b"\x01",)]
