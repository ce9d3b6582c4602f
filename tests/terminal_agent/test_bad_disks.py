"""A state directory on a full or damaged disk: what starts all the same, and what a person is told to do."""

from pathlib import Path

import pytest

from hardware.printers.escpos_driver import PrinterDriver
from terminal_agent.catalogue import Catalogue
from terminal_agent.chain_check import JournalBrokenError
from terminal_agent.database import DatabaseError
from terminal_agent.disk_space import DiskSpace, start_bytes_min
from terminal_agent.journal import JournalFullError
from terminal_agent.journal_tools import verify_journal
from terminal_agent.printing.spool import Spool
from terminal_agent.state_directory import StateDirectory
from tests.terminal_agent.test_journal import coffee, enrolled, one, open_journal
from tests.terminal_agent.test_spool import NOW, Counter, counter

__all__ = ["counter"]


def test_a_journal_that_is_none_is_kept_and_another_one_begun(tmp_path: Path) -> None:
    file = tmp_path / "journal.sqlite"
    enrolled(file)
    content = file.read_bytes()
    file.write_bytes(bytes(100) + content[100:])

    with pytest.raises(DatabaseError, match=r"is damaged .*keep a copy of the state directory, and enrol into a new"):
        open_journal(file)


def test_a_replica_that_is_none_may_be_deleted(tmp_path: Path) -> None:
    file = tmp_path / "catalogue.sqlite"
    file.write_bytes(b"no database at all" * 100)

    with pytest.raises(DatabaseError, match="delete it: all that is in it comes again"):
        Catalogue(file, location_id="here", enrolment="till 1", currency="EUR")


def test_what_verify_says_of_a_broken_chain_can_be_done(tmp_path: Path) -> None:
    """An export refuses a broken chain, so it is no next step."""
    file = tmp_path / "journal.sqlite"
    enrolled(file)
    journal = open_journal(file)
    journal.append_now(one(coffee()))
    journal._connection.execute("update journal set hash = 'another'")
    journal.close()

    with pytest.raises(JournalBrokenError, match="keep a copy of the state directory, and call for help"):
        list(verify_journal(StateDirectory(tmp_path)))


@pytest.mark.parametrize(
    ("free", "kept"), [(start_bytes_min - 1, False), (start_bytes_min, True), (100 * start_bytes_min, True)]
)
def test_a_till_on_a_full_disk_starts_on_its_reserve(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, kept: bool
) -> None:
    space = DiskSpace(tmp_path / "reserve", bytes_reserved=4_096, free_bytes_min=0)
    assert space.keep_reserve()
    monkeypatch.setattr(space, "free_bytes", lambda: free)

    space.make_room_to_start()

    assert (tmp_path / "reserve").exists() is kept


async def test_nothing_is_printed_before_the_spool_knows_what_became_of_the_last_slip(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk was full at the start, and a slip was on its way when the process before was killed."""
    first = await counter.sell()
    await counter.leave("sending")
    await counter.sell()
    counter.spool = Spool(counter.journal, rendering=counter.folder, now=lambda: NOW, on_change=counter.changed.set)

    async def full(work: object) -> None:
        raise JournalFullError("the disk is full; free some space, nothing was kept")

    with monkeypatch.context() as patch:
        patch.setattr(counter.journal, "write", full)
        with pytest.raises(JournalFullError):
            await counter.spool.recover()
        driver: PrinterDriver = None  # type: ignore[assignment]  # it is not reached
        with pytest.raises(JournalFullError):
            await counter.spool.serve(driver, None)  # type: ignore[arg-type]
    assert counter.printer.receipts() == []

    async with counter.printing():
        await counter.until(lambda: counter.states() == ["unconfirmed", "printed"])
    assert counter.spool.unconfirmed == (first,)
