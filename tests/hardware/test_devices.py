"""Devices, their owners and their states."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hardware.devices import (
    Attendance,
    Device,
    DeviceOwner,
    DeviceStatus,
    own_display,
    own_printer,
    own_scale,
    own_scanner,
)
from hardware.printers.escpos_driver import PrinterDriver
from hardware.scales import FreshWeight, ScaleDriver
from hardware.scanners import Scan
from hardware.simulated import SimulatedDisplay, SimulatedPrinter, SimulatedScale, SimulatedScanner
from hardware.states import TRANSITIONS, DeviceState, ForbiddenTransition, Signal, after, table
from hardware.transports import Busy, NotThere, open_transport

AT_ONCE = (0.0,)


class Diary:
    """Writes down what a device's owner says, and wakes who waits for a state."""

    def __init__(self) -> None:
        self.states: list[str] = []
        self._news = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()

    def __call__(self, status: DeviceStatus) -> None:
        self.states.append(status.state.value if status.reason is None else f"{status.state.value} {status.reason}")
        task = asyncio.ensure_future(self._tell())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _tell(self) -> None:
        async with self._news:
            self._news.notify_all()

    async def until(self, satisfied: Callable[[list[str]], bool]) -> None:
        async with asyncio.timeout(5), self._news:
            await self._news.wait_for(lambda: satisfied(self.states))


async def stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("state", DeviceState)
@pytest.mark.parametrize("signal", Signal)
def test_every_cell_of_the_table_leads_somewhere_or_is_forbidden(state: DeviceState, signal: Signal) -> None:
    if signal in TRANSITIONS[state]:
        assert after(state, signal) is TRANSITIONS[state][signal]
    else:
        with pytest.raises(ForbiddenTransition, match=state.value):
            after(state, signal)


def test_every_state_can_be_reached_and_left() -> None:
    reached = {state for row in TRANSITIONS.values() for state in row.values()}

    assert reached == set(DeviceState)
    assert all(set(row.values()) - {state} for state, row in TRANSITIONS.items())


def test_the_table_prints_itself() -> None:
    lines = table().splitlines()

    assert len(lines) == 2 + len(DeviceState)
    assert "| **ready** | · | · | · | · | · | attention | ready | lost | absent |" in lines


async def test_a_scanner_that_is_pulled_out_and_put_back_goes_on_without_a_restart(scanner: SimulatedScanner) -> None:
    diary, scans = Diary(), asyncio.Queue[Scan]()
    owner = own_scanner(Device("s", "scanner", scanner.address), scans.put_nowait, diary, waits=AT_ONCE)
    task = asyncio.create_task(owner.run())

    await diary.until(lambda states: states[-1:] == ["ready"])
    await scanner.attended()
    scanner.scan("96385074")
    first = await scans.get()
    scanner.unplug()
    await diary.until(lambda states: "absent" in states)
    await scanner.replug()
    await diary.until(lambda states: states[-1:] == ["ready"])
    await scanner.attended()
    scanner.scan("4006381333931")
    second = await scans.get()
    await stop(task)

    assert [first.text, second.text] == ["96385074", "4006381333931"]
    assert diary.states == ["opening", "ready", "lost", "absent", "ready", "absent"]


def test_the_documentation_has_the_table_as_it_is() -> None:
    page = (Path(__file__).parents[2] / "docs/hardware.md").read_text(encoding="utf-8")

    assert page.partition("<!-- states -->\n")[2].partition("<!-- /states -->")[0] == table()


@pytest.mark.parametrize("where", ["tcp", "pseudo-terminal"])
async def test_a_scale_that_is_pulled_out_and_put_back_weighs_without_a_restart(where: str) -> None:
    diary, weights = Diary(), asyncio.Queue[int]()

    async def serve(driver: ScaleDriver, attendance: Attendance) -> None:
        while True:
            weighed = await driver.weigh(deadline=2)
            assert isinstance(weighed, FreshWeight)
            weights.put_nowait(weighed.weight.milli)

    async with SimulatedScale(listen="127.0.0.1:0" if where == "tcp" else None) as scale:
        scale.load_milli = 1250
        owner = own_scale(Device("s", "scale", scale.address), serve, diary, waits=AT_ONCE)
        task = asyncio.create_task(owner.run())
        first = await weights.get()
        scale.unplug()
        await diary.until(lambda states: "absent" in states)
        while not weights.empty():
            weights.get_nowait()
        scale.load_milli = 730
        await scale.replug()
        second = await weights.get()
        await stop(task)

    assert (first, second) == (1250, 730)
    assert diary.states == ["opening", "ready", "lost", "absent", "ready", "absent"]
    assert (owner.counts["opened"], owner.counts["reconnects"]) == (2, 1)
    assert owner.counts["weighed"] >= 2


@pytest.mark.parametrize("where", ["tcp", "pseudo-terminal"])
async def test_a_display_that_is_pulled_out_while_nothing_is_shown_comes_back_with_the_newest_text(where: str) -> None:
    diary = Diary()
    async with SimulatedDisplay(listen="127.0.0.1:0" if where == "tcp" else None) as display:
        owner, driver = own_display(Device("d", "display", display.address), diary, waits=AT_ONCE)
        task = asyncio.create_task(owner.run())
        driver.show("TOTAL", "1.00")
        await display.until("TOTAL", "1.00")
        display.unplug()
        await diary.until(lambda states: "absent" in states)
        driver.show("TOTAL", "2.00")
        await display.replug()
        await display.until("TOTAL", "2.00")
        await stop(task)

    assert diary.states == ["opening", "ready", "lost", "absent", "ready", "absent"]
    assert (owner.counts["reconnects"], owner.counts["shown"]) == (1, 2)


async def test_a_printer_that_is_pulled_out_and_put_back_is_ready_without_a_restart(printer: SimulatedPrinter) -> None:
    diary = Diary()

    async def serve(driver: PrinterDriver, attendance: Attendance) -> None:
        while True:
            attendance.report((await driver.next_status(within=0.02)).reason)

    task = asyncio.create_task(own_printer(Device("p", "printer", printer.address), serve, diary, waits=AT_ONCE).run())
    await diary.until(lambda states: states[-1:] == ["ready"])
    printer.unplug()
    await diary.until(lambda states: "absent" in states)
    await printer.replug()
    await diary.until(lambda states: states[-1:] == ["ready"])
    await stop(task)

    assert diary.states == ["opening", "ready", "lost", "absent", "ready", "absent"]


async def test_a_printers_faults_are_told_as_they_come_and_go(printer: SimulatedPrinter) -> None:
    diary = Diary()

    async def serve(driver: PrinterDriver, attendance: Attendance) -> None:
        for paper_out in (False, True, False):
            printer.set(paper_out=paper_out)
            attendance.report((await driver.status()).reason)
        await asyncio.Event().wait()

    task = asyncio.create_task(own_printer(Device("p", "printer", printer.address), serve, diary).run())
    await diary.until(lambda states: states.count("ready") == 2)
    await stop(task)

    assert diary.states == ["opening", "ready", "attention paper_out", "ready", "absent"]


async def test_a_device_that_stays_away_is_no_news_each_time_it_is_looked_for() -> None:
    diary, tries = Diary(), asyncio.Queue[int]()

    class NeverThere:
        address = "tcp://printer:9100"

        async def open(self) -> None:
            tries.put_nowait(1)
            raise NotThere("gone", "plug it in")

        async def close(self) -> None: ...

    owner = DeviceOwner(
        Device("p", "printer", "tcp://printer:9100"),
        lambda _: asyncio.sleep(0),
        diary,
        waits=AT_ONCE,
        make_transport=lambda _: NeverThere(),  # type: ignore[arg-type,return-value]
    )
    task = asyncio.create_task(owner.run())
    for _ in range(5):
        await tries.get()
    await stop(task)

    assert diary.states == ["opening", "absent", "absent"]  # the last one says that it was closed


async def test_two_owners_never_share_a_device(printer: SimulatedPrinter) -> None:
    first, second = open_transport(printer.address), open_transport(printer.address)
    await first.open()

    with pytest.raises(Busy, match="another till program"):
        await second.open()
    await first.close()
    await second.open()
    await second.close()


async def test_two_names_of_one_device_are_one_device(printer: SimulatedPrinter, tmp_path: Path) -> None:
    if printer.address.startswith("tcp:"):
        other = printer.address.replace("127.0.0.1", "127.1")  # another way to write the same host
    else:
        path, _, _ = printer.address.removeprefix("serial:").partition("?")
        (tmp_path / "link").symlink_to(path)
        other = f"serial:{tmp_path / 'link'}"
    first = open_transport(printer.address)
    await first.open()

    with pytest.raises(Busy, match="another till program"):
        await open_transport(other).open()
    await first.close()


async def test_a_device_held_by_another_process_is_busy_and_free_when_that_process_dies() -> None:
    program = (
        "import sys\nfrom hardware.transports.locks import DeviceLock\n"
        "lock = DeviceLock('tcp:127.0.0.1:5')\nassert lock.take()\nprint('held', flush=True)\nsys.stdin.read()\n"
    )
    holder = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={"PYTHONPATH": ":".join(sys.path)},
    )
    assert holder.stdout is not None
    assert await holder.stdout.readline() == b"held\n"

    with pytest.raises(Busy):
        await open_transport("tcp://127.0.0.1:5").open()
    holder.kill()
    await holder.communicate()
    with pytest.raises(NotThere, match="refuses"):
        await open_transport("tcp://127.0.0.1:5").open()


async def test_a_state_bears_the_time_at_which_it_began(scanner: SimulatedScanner) -> None:
    moments = iter(datetime(2026, 11, 24, tzinfo=UTC) + timedelta(seconds=n) for n in range(100))
    diary = Diary()
    owner = own_scanner(
        Device("s", "scanner", scanner.address), lambda _: None, diary, clock=lambda: next(moments), waits=AT_ONCE
    )
    task = asyncio.create_task(owner.run())
    await diary.until(lambda states: states[-1:] == ["ready"])
    began = owner.status.since
    await stop(task)

    assert began == datetime(2026, 11, 24, 0, 0, 2, tzinfo=UTC)
