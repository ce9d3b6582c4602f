"""What a terminal's journal says: its lines, where a chain stands, and a receipt by its number."""

import sqlite3
from collections.abc import Iterator
from datetime import date
from typing import Final

from msgspec import Struct

from terminal_agent.identity import Enrolment, enrolments, positions_per_enrolment


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


def read_counters(connection: sqlite3.Connection, enrolment: Enrolment) -> Counters:
    """Where an enrolment's chain stands: what its last line's row says, which is never pruned."""
    row = connection.execute(_LAST, _positions(enrolment)).fetchone()
    if row is None:
        return Counters(0, enrolment.first_prev, 0, None, 0, 0, 0)
    position, last_hash, receipts, day, z_number, sales, refunds = row
    return Counters(
        position - enrolment.base_position,
        last_hash,
        receipts,
        None if day is None else date.fromisoformat(day),
        z_number,
        sales,
        refunds,
    )


def read_open_sale_ended(connection: sqlite3.Connection) -> int:
    """The serial of the last open sale that is over, 0 where none ever was."""
    row = connection.execute("select open_sale_ended from journal order by position desc limit 1").fetchone()
    return 0 if row is None else int(row[0])


def read_pruned(connection: sqlite3.Connection, enrolment: Enrolment) -> Pruned:
    """How far an enrolment's lines were pruned; through 0 where none was."""
    through, last_hash = connection.execute(
        "select pruned_through, pruned_hash from deliveries where enrolment = ?", (enrolment.number,)
    ).fetchone()
    return Pruned(through, enrolment.first_prev if last_hash is None else last_hash)


def last_told_of(connection: sqlite3.Connection, enrolment: Enrolment) -> int:
    """The last sequence that there must be: central acknowledged it, or a slip of it was begun."""
    (acknowledged,) = connection.execute(
        "select acknowledged_through from deliveries where enrolment = ?", (enrolment.number,)
    ).fetchone()
    (printed,) = connection.execute(
        "select max(job_id) from print_jobs where job_id between ? and ?", _positions(enrolment)
    ).fetchone()
    return max(int(acknowledged), 0 if printed is None else int(printed) - enrolment.base_position)


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


def receipt_line(connection: sqlite3.Connection, receipt_number: str) -> bytes | None:
    """The line that bears a receipt number, None where no line here does.

    Each row counts the receipts up to it, so the line is found by halves: no index, which every sale would write.
    """
    for enrolment in reversed(enrolments(connection)):
        prefix = enrolment.answer.receipt_prefix
        count = receipt_number.removeprefix(prefix)
        if receipt_number.startswith(prefix) and count.isdecimal() and len(count) <= _COUNT_DIGITS_MAX:
            found = _line_of_count(connection, enrolment, int(count), receipt_number)
            if found is not None:
                return found
    return None


def _line_of_count(
    connection: sqlite3.Connection, enrolment: Enrolment, count: int, receipt_number: str
) -> bytes | None:
    low = enrolment.base_position + read_pruned(connection, enrolment).through + 1
    high = enrolment.base_position + read_counters(connection, enrolment).sequence
    while low < high:
        middle = (low + high) // 2
        row = connection.execute("select receipts from journal where position = ?", (middle,)).fetchone()
        if row is None or row[0] < count:
            low = middle + 1
        else:
            high = middle
    row = connection.execute(
        "select line from journal where position = ? and receipt_number = ?", (low, receipt_number)
    ).fetchone()
    return None if row is None else bytes(row[0])


def _positions(enrolment: Enrolment) -> tuple[int, int]:
    return enrolment.base_position + 1, enrolment.base_position + positions_per_enrolment - 1


_COUNT_DIGITS_MAX: Final = 15
_LAST: Final = (
    "select position, hash, receipts, business_date, z_number, total_sales_minor, total_refunds_minor"
    " from journal where position between ? and ? order by position desc limit 1"
)
