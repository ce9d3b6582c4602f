"""What a terminal need not keep for ever: lines that central has and that are old enough, and what hangs on them.

A line goes when central acknowledged it, `journal_keep_days` are over since it was written, by the server's own time,
and nothing here leans on it: the open shift is read back from its lines, and the last line is what the next follows.
Its slip goes with it, but for one that waits for a person's word.
The hash of the last line that went is kept, so that `journal verify` still proves the rest.
"""

import sqlite3
from datetime import datetime, timedelta
from typing import Final

from protocol.lines import EnvelopeError, read_line, write_time
from terminal_agent.identity import Enrolment
from terminal_agent.journal_reading import lines_from, read_counters, read_pruned

lines_per_transaction_max: Final = 200
answers_keep_days: Final = 30


def prune_lines(connection: sqlite3.Connection, enrolment: Enrolment, server_time: datetime) -> int:
    """Drop the oldest lines that may go; answers how many, `lines_per_transaction_max` at most.

    To be called inside a transaction, on the writer's thread.
    """
    begun = read_pruned(connection, enrolment)
    before = write_time(server_time - timedelta(days=enrolment.answer.journal_keep_days))
    through, last_hash = begun.through, begun.last_hash
    last = min(_last_that_may_go(connection, enrolment), begun.through + lines_per_transaction_max)
    for sequence, line, line_hash in lines_from(connection, enrolment, begun.through + 1, last):
        if sequence != through + 1 or not _is_older(bytes(line), before):
            break
        through, last_hash = sequence, line_hash
    if through == begun.through:
        return 0
    base = enrolment.base_position
    span = (base + begun.through + 1, base + through)
    connection.execute("delete from print_jobs where job_id between ? and ? and state in ('printed', 'replaced')", span)
    connection.execute(
        "update print_jobs set document = (select slip from journal where position = job_id)"
        " where job_id between ? and ?",
        span,
    )
    connection.execute("delete from journal where position between ? and ?", span)
    connection.execute(
        "update deliveries set pruned_through = ?, pruned_hash = ? where enrolment = ?",
        (through, last_hash, enrolment.number),
    )
    return through - begun.through


def old_answers(connection: sqlite3.Connection, server_time: datetime) -> list[str]:
    """The ids of some commands whose front end will not ask again; reads the whole table, so not on the event loop."""
    before = write_time(server_time - timedelta(days=answers_keep_days))
    rows = connection.execute(
        "select command_id from command_results where answered_at < ? limit ?", (before, lines_per_transaction_max)
    )
    return [row[0] for row in rows.fetchall()]


def forget_answers(connection: sqlite3.Connection, command_ids: list[str]) -> None:
    """To be called inside a transaction, on the writer's thread."""
    connection.executemany(
        "delete from command_results where command_id = ?", [(command_id,) for command_id in command_ids]
    )


def _last_that_may_go(connection: sqlite3.Connection, enrolment: Enrolment) -> int:
    acknowledged, forked, needs_help = connection.execute(
        "select acknowledged_through, forked, needs_help from deliveries where enrolment = ?", (enrolment.number,)
    ).fetchone()
    if forked or needs_help is not None:
        return 0  # people are still at it
    opened = connection.execute("select max(position) from journal where type = 'SHIFT_OPEN'").fetchone()[0]
    before_shift = int(acknowledged if opened is None else opened - enrolment.base_position - 1)
    return min(int(acknowledged), read_counters(connection, enrolment).sequence - 1, before_shift)


def _is_older(line: bytes, before: str) -> bool:
    try:
        return read_line(line).created_at < before
    except EnvelopeError:
        return False
