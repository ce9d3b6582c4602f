"""What the command line does with a journal beside `run`: recount it, export it, push it, show what it holds.

Reading works while the daemon does: SQLite's readers see whole transactions.
"""

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from random import SystemRandom
from typing import Any
from uuid import UUID

from hardware.printers.document import document_from_json, document_to_text
from migrations.terminal.journal import migrations
from protocol.chain import sign_batch
from protocol.journal_file import JournalHeader, SectionSignature, cut_sections, write_header
from terminal_agent.central_link import CentralLink, CentralUnreachableError, TokenRefusedError
from terminal_agent.chain_check import check_chain, check_file
from terminal_agent.clock import Clock
from terminal_agent.config import Config
from terminal_agent.daemon import NotEnrolledError
from terminal_agent.database import connect, is_older, migrate
from terminal_agent.disk_space import DiskSpace
from terminal_agent.housekeeping import read_health
from terminal_agent.identity import Enrolment, enrolments, owed, pending
from terminal_agent.journal import Journal
from terminal_agent.journal_reading import lines_from, read_counters, receipt_line
from terminal_agent.patience import Patience
from terminal_agent.printing.spool import printed_document
from terminal_agent.state_directory import StateDirectory, StateDirectoryBusyError
from terminal_agent.uplink import Pushed, Uplink, read_delivery


def terminal_summary(directory: StateDirectory) -> dict[str, Any]:
    """What `till-terminal status` says."""
    with _reading(directory) as connection:
        known = enrolments(connection)
        if not known:
            raise NotEnrolledError("this terminal is not enrolled; `till-terminal enrol --server URL --code CODE`")
        current = known[-1]
        counters = read_counters(connection, current)
        delivery = read_delivery(connection, current.number)
        jobs = dict(connection.execute("select state, count(*) from print_jobs group by state"))
        queued = connection.execute("select count(*) from queued_prints").fetchone()[0]
        health = read_health(connection)
        identity = current.answer
        return {
            "terminal_id": identity.terminal_id,
            "epoch": identity.epoch,
            "server": current.server,
            "tenant_name": identity.tenant_name,
            "location_id": identity.location_id,
            "location_name": identity.location_name,
            "receipt_prefix": identity.receipt_prefix,
            "last_sequence": counters.sequence,
            "last_hash": counters.last_hash,
            "acknowledged_through": delivery.acknowledged_through,
            "pending": pending(connection),
            "forked": delivery.forked,
            "needs_help": delivery.needs_help,
            "receipts": counters.receipts,
            "z_number": counters.z_number,
            "journal_checked_at": health.checked_at,
            "journal_fault": health.fault,
            "prints_queued": queued,
            "prints_unconfirmed": jobs.get("unconfirmed", 0),
            "prints_printed": jobs.get("printed", 0),
            "enrolments": [
                {"terminal_id": of.answer.terminal_id, "epoch": of.answer.epoch, "pending": owed(connection, of.number)}
                for of in known
            ],
        }


def verify_journal(directory: StateDirectory) -> Iterator[str]:
    """A line for each enrolment whose chain holds. Raises `JournalBrokenError` at the first that doesn't."""
    with _reading(directory) as connection:
        check_file(connection)
        for enrolment in enrolments(connection):
            checked = check_chain(connection, enrolment)
            begin = checked.through - checked.lines + 1
            older = f" from {begin} on, older ones pruned" if begin > 1 else ""
            whose = f"epoch {enrolment.answer.epoch} of {enrolment.answer.terminal_id}"
            yield f"{whose}: {checked.lines} lines{older}, chain whole"


def export_journal(directory: StateDirectory, file: Path, epoch: int | None) -> int:
    """Write one enrolment's lines, signed, for any courier (`protocol.journal_file`); answers how many.

    Raises `NotEnrolledError` for an epoch that this directory does not hold, `JournalBrokenError` for a broken chain.
    """
    with _reading(directory) as connection:
        enrolment = _of_epoch(enrolments(connection), epoch)
        key = directory.read_private_key(enrolment.key_name)
        if key is None:
            raise NotEnrolledError(f"the key {enrolment.key_name} is gone, so nothing can be signed; call for help")
        check_chain(connection, enrolment)
        last = read_counters(connection, enrolment).sequence
        lengths: list[int] = []
        hashes: list[str] = []
        for _, line, stored_hash in lines_from(connection, enrolment, 1, last):
            lengths.append(len(line))
            hashes.append(stored_hash)
        signatures = []
        end = 0
        for count in cut_sections(lengths):
            end += count
            signatures.append(SectionSignature(count, sign_batch(key, hashes[end - 1])))
        header = JournalHeader(
            terminal_id=UUID(enrolment.answer.terminal_id),
            epoch=enrolment.answer.epoch,
            public_key=enrolment.public_key,
            signatures=tuple(signatures),
        )
        with file.open("wb") as out:
            out.write(write_header(header))
            for _, line, _ in lines_from(connection, enrolment, 1, last):
                out.write(line + b"\n")
            out.flush()
            os.fsync(out.fileno())
    return len(lengths)


def find_line(directory: StateDirectory, receipt_number: str, *, as_paper: bool) -> str:
    """A receipt as its paper says it, or as its line in the journal. Raises `NotEnrolledError` for an unknown one."""
    with _reading(directory) as connection:
        if as_paper:
            document = printed_document(connection, receipt_number)
            if document is not None:
                return document_to_text(document_from_json(document))
        line = receipt_line(connection, receipt_number)
    if line is None:
        raise NotEnrolledError(f"no receipt {receipt_number} in this journal; see `till-terminal status`")
    return line.decode()


async def push_journal(directory: StateDirectory, config: Config) -> Pushed:
    """Deliver all enrolments' pending lines, oldest enrolment first. The caller holds the lock.

    Raises `CentralUnreachableError` or `TokenRefusedError` where central did not take all, once each was tried.
    """
    space = DiskSpace(directory.reserve, bytes_reserved=0, free_bytes_min=0)
    journal = Journal(directory.journal, space)
    pushed = Pushed()
    try:
        clock = Clock(journal.reader)
        refused: Exception | None = None
        for enrolment in journal.enrolments:
            try:
                pushed += await _push(directory, journal, enrolment, clock, config)
            except (CentralUnreachableError, TokenRefusedError) as error:
                refused = refused or error
        await journal.write(clock.keep)
        if refused is not None:
            raise refused
    finally:
        journal.close()
    return pushed


async def _push(
    directory: StateDirectory, journal: Journal, enrolment: Enrolment, clock: Clock, config: Config
) -> Pushed:
    counters = read_counters(journal.reader, enrolment)
    key = directory.read_private_key(enrolment.key_name)
    if key is None:
        raise NotEnrolledError(f"the key {enrolment.key_name} is gone; export the journal instead")
    link = CentralLink(
        enrolment,
        key,
        clock,
        ca_file=config.ca_file,
        journal_end=lambda: (counters.sequence, counters.last_hash),
        on_contact=lambda answered: None,
    )
    uplink = Uplink(
        link,
        journal,
        last_sequence=lambda: counters.sequence,
        patience=Patience(SystemRandom()),
        on_change=lambda: None,
    )
    try:
        return await uplink.push()
    finally:
        await link.close()


@contextlib.contextmanager
def _reading(directory: StateDirectory) -> Iterator[sqlite3.Connection]:
    """Raises `StateDirectoryBusyError` where an older version of this program is at work: it could not go on."""
    with contextlib.closing(connect(directory.journal, "FULL")) as connection:
        if is_older(connection, migrations):
            try:
                with directory.locked():
                    migrate(connection, migrations)
            except StateDirectoryBusyError as error:
                raise StateDirectoryBusyError(
                    "the terminal that runs here is of an older version; restart it, then try again"
                ) from error
        migrate(connection, migrations)
        yield connection


def _of_epoch(known: list[Enrolment], epoch: int | None) -> Enrolment:
    for enrolment in reversed(known):
        if epoch is None or enrolment.answer.epoch == epoch:
            return enrolment
    held = ", ".join(str(enrolment.answer.epoch) for enrolment in known)
    raise NotEnrolledError(f"no such enrolment here; the epochs are {held or 'none yet: enrol the terminal'}")
