"""May this be printed twice? Each row of the spool's table, with a simulated printer that speaks the real bytes."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hardware.devices import Device, DeviceStatus, own_printer
from hardware.printers.document import Cut, Document, Text, document_to_json
from hardware.printers.escpos_driver import Timing
from hardware.simulated import SimulatedPrinter
from terminal_agent.journal import Batch, Draft, Journal, Printed
from terminal_agent.printing.spool import Spool, answer_for, printed_document
from tests.terminal_agent.test_journal import TODAY, coffee, enrolled, leave_slips, open_journal

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
QUICK = Timing(answer_seconds=0.3, ask_seconds=0.05, silence_seconds=0.6)
SECONDS_MAX = 20.0


@dataclass
class Counter:
    """A journal, its spool, a printer, and what changed."""

    journal: Journal
    spool: Spool
    printer: SimulatedPrinter
    folder: Path
    changed: asyncio.Event
    reasons: list[str | None]

    async def sell(self) -> str:
        """A sale whose paper bears its number; answers the number."""
        batch = Batch(
            (Draft(coffee(), NOW, TODAY),),
            prints=lambda events: [Printed(0, paper(events[0].receipt_number or ""), events[0].receipt_number)],
        )
        number = (await self.journal.append(batch)).events[0].receipt_number
        assert number is not None
        self.spool.recount()
        self.spool.wake()
        return number

    def states(self) -> list[str]:
        rows = self.journal.reader.execute(
            "select coalesce(state, 'queued') from journal left join print_jobs on job_id = position"
            " where slip is not null order by position"
        )
        return [row[0] for row in rows.fetchall()]

    async def leave(self, state: str) -> None:
        await self.journal.write(lambda connection: leave_slips(connection, state))

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(SECONDS_MAX):
            while not holds():
                self.changed.clear()
                await self.changed.wait()

    @asynccontextmanager
    async def printing(self, model: str = "TM-T88V") -> AsyncIterator[None]:
        """The spool at work on the printer, which it takes for that model."""

        def told(status: DeviceStatus) -> None:
            self.reasons.append(status.reason)
            self.changed.set()

        device = Device("printer", "printer", self.printer.address, model)
        owner = own_printer(device, self.spool.serve, told, timing=QUICK, waits=(0.05,))
        working = asyncio.create_task(owner.run())
        try:
            yield
        finally:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)


def paper(number: str) -> bytes:
    return document_to_json(Document((Text(f"Receipt {number} of the corner shop"), Cut()), title=number))


@pytest.fixture
async def counter(tmp_path: Path) -> AsyncIterator[Counter]:
    path = tmp_path / "journal.sqlite"
    enrolled(path)
    journal = open_journal(path)
    changed = asyncio.Event()
    spool = Spool(journal, rendering=tmp_path / "rendering", now=lambda: NOW, on_change=changed.set)
    async with SimulatedPrinter(listen="127.0.0.1:0") as printer:
        yield Counter(journal, spool, printer, tmp_path, changed, [])
    journal.close()


async def test_what_is_queued_is_printed_once_in_its_order(counter: Counter) -> None:
    numbers = [await counter.sell() for _ in range(3)]
    async with counter.printing():
        await counter.until(lambda: counter.states() == ["printed"] * 3)

    assert [number in receipt for number, receipt in zip(numbers, counter.printer.receipts(), strict=True)] == [
        True
    ] * 3


async def test_without_paper_a_job_stays_queued_until_there_is_some(counter: Counter) -> None:
    counter.printer.set(paper_out=True)
    await counter.sell()
    async with counter.printing():
        await counter.until(lambda: "paper_out" in counter.reasons)
        assert counter.states() == ["queued"]
        assert counter.printer.receipts() == []
        counter.printer.set(paper_out=False)
        await counter.until(lambda: counter.states() == ["printed"])

    assert len(counter.printer.receipts()) == 1


async def test_paper_that_ends_within_a_receipt_is_waited_for_on_the_same_line(counter: Counter) -> None:
    counter.printer.fault_after(40, "paper_out")
    await counter.sell()
    async with counter.printing():
        await counter.until(lambda: counter.states() == ["sent"] and "paper_out" in counter.reasons)
        counter.printer.set(paper_out=False)
        await counter.until(lambda: counter.states() == ["printed"])

    assert len(counter.printer.receipts()) == 1


@pytest.mark.parametrize("fault", ["cut_line", "silent"])
async def test_a_printer_that_is_lost_within_a_receipt_leaves_it_to_a_person(counter: Counter, fault: str) -> None:
    """Not printed again by itself; the receipts behind it are not held up."""
    counter.printer.fault_after(40, fault)  # type: ignore[arg-type]
    first = await counter.sell()
    async with counter.printing():
        await counter.until(lambda: counter.spool.unconfirmed == (first,))
        counter.printer.set(silent=False)
        second = await counter.sell()
        await counter.until(lambda: counter.states() == ["unconfirmed", "printed"])

    assert sum(second in receipt for receipt in counter.printer.receipts()) == 1
    assert sum(first in receipt for receipt in counter.printer.receipts()) <= 1


@pytest.mark.parametrize(
    ("state", "after"), [("queued", "queued"), ("sending", "unconfirmed"), ("sent", "unconfirmed")]
)
async def test_after_a_restart_a_job_on_its_way_is_left_to_a_person(counter: Counter, state: str, after: str) -> None:
    number = await counter.sell()
    if state != "queued":
        await counter.leave(state)

    await counter.spool.recover()

    assert counter.states() == [after]
    assert counter.spool.unconfirmed == (() if after == "queued" else (number,))


async def test_a_persons_word_ends_the_question(counter: Counter) -> None:
    whole, torn = await counter.sell(), await counter.sell()
    await counter.leave("unconfirmed")
    await counter.journal.write(lambda connection: answer_for(connection, whole, whole=True, at=NOW))
    await counter.journal.write(lambda connection: answer_for(connection, torn, whole=False, at=NOW))
    counter.spool.recount()

    assert counter.states() == ["printed", "replaced"]
    assert counter.spool.unconfirmed == ()
    assert printed_document(counter.journal.reader, torn) == paper(torn)


async def test_the_drawer_opens_before_the_receipt_is_printed(counter: Counter) -> None:
    async with counter.printing():
        counter.spool.open_drawer()
        await counter.sell()
        await counter.until(lambda: counter.states() == ["printed"])

    assert len(counter.printer.drawer_pulses) == 1
