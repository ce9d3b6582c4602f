"""What a restart, a copied disk and a printer without paper leave of a slip and of the drawer."""

import asyncio
import shutil
from pathlib import Path
from typing import Any

import pytest

from terminal_agent.journal import Journal
from terminal_agent.machine import Place, boot_id, place_of
from terminal_agent.printing import spool as spool_module
from terminal_agent.printing.spool import Spool
from tests.terminal_agent.test_journal import open_journal
from tests.terminal_agent.test_spool import NOW, SECONDS_MAX, Counter, counter

__all__ = ["counter"]


def spool_on(journal: Journal, folder: Path, place: Place | None = None) -> Spool:
    return Spool(journal, rendering=folder / "rendering", now=lambda: NOW, on_change=lambda: None, place=place)


class TellingList(list[Any]):
    """Says when something is put into it."""

    def __init__(self, told: asyncio.Event) -> None:
        super().__init__()
        self._told = told

    def append(self, thing: Any) -> None:
        super().append(thing)
        self._told.set()


async def test_what_a_killed_process_left_in_the_printer_is_ended_before_the_next_receipt(counter: Counter) -> None:
    """Half a picture is in the printer, and its process is gone; the next receipt comes out on paper of its own."""
    await counter.sell()
    await counter.leave("sending")
    half_a_bar_code = b"Receipt of the one before\x1d\x6b\x49\xff"
    counter.printer.machine.receive(half_a_bar_code)
    restarted = spool_on(counter.journal, counter.folder)
    restarted._on_change = counter.changed.set
    counter.spool = restarted
    await restarted.recover()
    second = await counter.sell()
    async with counter.printing():
        await counter.until(lambda: counter.states() == ["unconfirmed", "printed"])

    assert counter.printer.receipts()[-1].strip() == f"Receipt {second} of the corner shop"


@pytest.mark.parametrize(
    ("states", "expected"),
    [(["printed"], False), (["printed", "unconfirmed"], True), (["unconfirmed", "printed"], False), ([], False)],
)
async def test_a_remainder_is_expected_where_the_last_slip_was_never_proved(
    counter: Counter, states: list[str], expected: bool
) -> None:
    for state in states:
        await counter.sell()
        await counter.leave(state)
    restarted = spool_on(counter.journal, counter.folder)
    await restarted.recover()

    assert restarted._left_over is expected


async def test_the_drawer_opens_while_a_receipt_waits_for_paper(counter: Counter) -> None:
    """A cash sale behind it needs the drawer now; the slip goes on waiting for its proof."""
    counter.printer.fault_after(40, "paper_out")
    await counter.sell()
    async with counter.printing():
        await counter.until(lambda: counter.states() == ["sent"] and "paper_out" in counter.reasons)
        counter.printer.machine.pulses = pulses = TellingList(counter.changed)
        counter.spool.open_drawer()
        await counter.until(lambda: len(pulses) == 1)
        assert counter.states() == ["sent"]
        counter.printer.set(paper_out=False)
        await counter.until(lambda: counter.states() == ["printed"])

    assert [pulse.real_time for pulse in counter.printer.drawer_pulses] == [True]
    assert len(counter.printer.receipts()) == 1


@pytest.mark.parametrize(("seconds", "pulses"), [(SECONDS_MAX, [False]), (0.0, [])])
async def test_the_drawer_opens_after_a_receipt_that_is_coming_out(
    counter: Counter, monkeypatch: pytest.MonkeyPatch, seconds: float, pulses: list[bool]
) -> None:
    """A model that cannot open it meanwhile opens it once the slip is out, if that is soon enough."""
    monkeypatch.setattr(spool_module, "drawer_seconds_max", seconds)
    counter.printer.fault_after(40, "paper_out")
    await counter.sell()
    async with counter.printing("generic-80mm"):
        await counter.until(lambda: counter.states() == ["sent"] and "paper_out" in counter.reasons)
        counter.spool.open_drawer()
        counter.printer.set(paper_out=False)
        await counter.sell()
        await counter.until(lambda: counter.states() == ["printed", "printed"])

    assert [pulse.real_time for pulse in counter.printer.drawer_pulses] == pulses


@pytest.mark.parametrize("copied", [True, False])
async def test_a_copied_disk_asks_before_it_prints_what_the_other_one_had_queued(
    counter: Counter, copied: bool
) -> None:
    number = await counter.sell()
    await spool_on(counter.journal, counter.folder, place_of(counter.folder / "journal.sqlite")).recover()
    counter.journal.close()
    disk = counter.folder
    if copied:
        disk = counter.folder / "copy"
        disk.mkdir()
        for file in counter.folder.glob("journal.sqlite*"):
            shutil.copy(file, disk)
    journal = open_journal(disk / "journal.sqlite")
    spool = spool_on(journal, disk, place_of(disk / "journal.sqlite"))
    await spool.recover()

    assert spool.unconfirmed == ((number,) if copied else ())
    assert spool.queued == (0 if copied else 1)
    await spool.recover()
    assert spool.queued == (0 if copied else 1)
    counter.journal = journal


HERE = Place(7, {"board": "a", "system": "s"}, ("c1", "c2"))


@pytest.mark.parametrize(
    ("found", "other"),
    [
        (HERE, False),
        (Place(8, {"board": "a", "system": "s"}, ("c1", "c2")), True),
        (Place(7, {"board": "b", "system": "s"}, ("c1", "c2")), True),
        (Place(7, {"board": "a", "system": "s"}, ("c3",)), True),
        (Place(7, {"board": "a", "system": "s"}, ("c2", "c3")), False),
        (Place(7), False),
    ],
    ids=["the same", "a copy", "another board", "other cards", "one card changed", "nothing is told yet"],
)
def test_a_place_is_another_where_something_that_both_know_differs(found: Place, other: bool) -> None:
    assert found.is_other_than(HERE) is other


def test_a_machine_is_known_by_its_board_and_the_cards_that_came_with_it(tmp_path: Path) -> None:
    file = tmp_path / "journal.sqlite"
    file.touch()
    for name, text in {
        "proc/sys/kernel/random/boot_id": "one run\n",
        "etc/machine-id": "abc\n",
        "sys/class/net/eth0/address": "00:11:22:33:44:55\n",
        "sys/class/net/eth0/addr_assign_type": "0\n",
        "sys/class/net/eth0/device/vendor": "0x8086\n",
        "sys/class/net/veth1/address": "aa:bb:cc:dd:ee:ff\n",
        "sys/class/net/veth1/addr_assign_type": "3\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)

    place = place_of(file, tmp_path)

    assert boot_id(tmp_path) == "one run"
    assert place.inode == file.stat().st_ino
    assert list(place.board) == ["system"]
    assert len(place.cards) == 1
    assert "00:11" not in str(place)
