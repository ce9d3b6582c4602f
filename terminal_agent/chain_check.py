"""Whether a journal is still what was written: recounted line by line from what is kept, in slices of any length.

Lines that were pruned are stood for by the hash of the last of them, so that what is left still proves itself.
"""

import sqlite3
from typing import Final

from msgspec import Struct

from protocol.chain import line_hash
from protocol.lines import EnvelopeError, read_line
from terminal_agent.database import when_damaged
from terminal_agent.identity import Enrolment
from terminal_agent.journal_reading import last_told_of, lines_from, read_pruned

lines_per_slice_max: Final = 500


class JournalBrokenError(Exception):
    """A journal is not what it was written as; the message says where."""


class Checked(Struct, frozen=True):
    """How far an enrolment's chain was recounted: the last good sequence, its hash, and whether it is the end."""

    through: int
    last_hash: str
    lines: int = 0
    is_end: bool = False


def check_file(connection: sqlite3.Connection) -> None:
    """Whether the file is sound as SQLite sees it. Raises `JournalBrokenError`."""
    try:
        answer = connection.execute("pragma quick_check(1)").fetchone()[0]
    except sqlite3.DatabaseError as error:
        answer = str(error)
    if answer != "ok":
        raise JournalBrokenError(f"the file is damaged ({answer}); {when_damaged}")


def check_chain(connection: sqlite3.Connection, enrolment: Enrolment) -> Checked:
    """Recount a whole chain. Raises `JournalBrokenError` at the first line that is not as it was written."""
    checked = None
    while checked is None or not checked.is_end:
        checked = check_slice(connection, enrolment, checked)
    return checked


def check_slice(connection: sqlite3.Connection, enrolment: Enrolment, after: Checked | None) -> Checked:
    """Recount the next lines after those that were; None begins. Others may append and prune meanwhile.

    Raises `JournalBrokenError`.
    """
    connection.execute("begin")  # one snapshot of the lines and of where they should end
    try:
        return _check(connection, enrolment, after)
    finally:
        connection.execute("commit")


def _check(connection: sqlite3.Connection, enrolment: Enrolment, after: Checked | None) -> Checked:
    pruned = read_pruned(connection, enrolment)
    if after is None or after.through < pruned.through:
        after = Checked(pruned.through, pruned.last_hash)
    prev, expected = after.last_hash, after.through + 1
    last = after.through + lines_per_slice_max
    for sequence, line, stored_hash in lines_from(connection, enrolment, expected, last):
        _demand(sequence == expected, enrolment, expected, "is missing")
        try:
            envelope = read_line(bytes(line))
        except EnvelopeError as error:
            raise JournalBrokenError(f"sequence {sequence} of epoch {enrolment.answer.epoch}: {error}") from error
        _demand(envelope.sequence == sequence, enrolment, sequence, "bears another sequence")
        _demand(envelope.prev == prev, enrolment, sequence, "does not follow the line before it")
        prev = line_hash(bytes(line))
        _demand(stored_hash == prev, enrolment, sequence, "has other bytes than its hash says")
        expected += 1
    is_end = expected <= last
    if is_end:
        _demand(last_told_of(connection, enrolment) < expected, enrolment, expected, "is missing at the end")
    return Checked(expected - 1, prev, after.lines + expected - 1 - after.through, is_end)


def _demand(holds: bool, enrolment: Enrolment, sequence: int, what: str) -> None:
    if not holds:
        raise JournalBrokenError(
            f"sequence {sequence} of epoch {enrolment.answer.epoch} {what};"
            " keep a copy of the state directory, and call for help"
        )
