"""A journal that an older version of the program wrote, and what becomes of it."""

import asyncio
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlite_utils import Database

from migrations.terminal.journal import migrations
from terminal_agent.database import connect, transaction
from terminal_agent.identity import add_enrolment, positions_per_enrolment
from terminal_agent.journal import Journal
from terminal_agent.printing.spool import Spool, printed_document
from terminal_agent.suspended import Suspended
from tests.terminal_agent.test_journal import ANSWER, KEY, open_journal

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
BASE = positions_per_enrolment


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """Two slips are printed, one waits for a person, one is queued; a sale is open."""
    path = tmp_path / "journal.sqlite"
    with closing(connect(path, "FULL")) as connection:
        migrations.apply(Database(connection), stop_before="m003_fewer_pages_for_a_sale")
        with transaction(connection):
            add_enrolment(connection, server="https://till.example", public_key=KEY, answer=ANSWER, at=NOW)
            for sequence, state in enumerate(("printed", "printed", "unconfirmed", "queued"), start=1):
                number = f"T1-{sequence}"
                connection.execute(
                    "insert into journal (position, hash, type, receipt_number, document_id, line)"
                    " values (?, 'hash', 'SALE', ?, ?, x'00')",
                    (BASE + sequence, number, f"sale {sequence}"),
                )
                connection.execute(
                    "insert into print_jobs (position, receipt_number, state, queued_at, changed_at, document)"
                    " values (?, ?, ?, 'then', 'then', ?)",
                    (BASE + sequence, number, state, f"slip {sequence}".encode()),
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
    opened = open_journal(path)
    yield opened
    opened.close()


def test_its_slips_are_printed_and_asked_about_as_before(journal: Journal, tmp_path: Path) -> None:
    spool = Spool(journal, rendering=tmp_path, now=lambda: NOW, on_change=lambda: None)
    asyncio.run(spool.recover())

    assert (spool.queued, spool.unconfirmed) == (1, ("T1-3",))
    assert spool._next_job() == (BASE + 4, b"slip 4")
    assert [printed_document(journal.reader, f"T1-{number}") for number in (1, 4)] == [b"slip 1", b"slip 4"]


def test_its_answers_and_its_open_sale_are_found(journal: Journal) -> None:
    suspended = Suspended(journal.reader)

    assert list(suspended.commands) == ["scan"]
    assert suspended.next_serial() == 8
    assert journal.reader.execute("select answer from command_results").fetchall() == [(b"\x01",)]
