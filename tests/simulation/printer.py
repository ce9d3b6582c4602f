"""A receipt printer beside a till: what is on its paper, whatever became of the line while it printed."""

import asyncio
import re
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, Final

from hardware.devices import Attendance
from hardware.printers.escpos_driver import DrawerResult, Proof, SendResult
from hardware.printers.leftover import Leftover
from hardware.printers.profiles import Profile, profile
from hardware.printers.status import PrinterStatus
from hardware.transports.transport import LineLost
from terminal_agent.printing.spool import Spool
from tests.simulation.schedule import Schedule

idle_seconds_max: Final = 10.0
_stamp: Final = re.compile(rb" ([0-9a-f]{10})\W")


@dataclass(frozen=True)
class Print:
    """Something on the paper: the first digits of its event's hash, whether it is headed COPY and came out whole."""

    stamp: str
    copy: bool
    whole: bool


@dataclass
class Printer:
    """One printer, which outlives the till's process."""

    schedule: Schedule
    faulty: bool = True
    paper: list[Print] = field(default_factory=list)
    point: Callable[[str], Awaitable[None]] | None = None
    """Called before a document's first byte and before its proof: where the till may be killed."""

    async def serve(self, spool: Spool) -> None:
        """The line is up: the spool prints until it has nothing, or the line is lost."""
        spool.wake()
        line: Any = SimpleNamespace(address="paper")
        attendance = Attendance(line, lambda *_: None, Counter())
        serving = asyncio.ensure_future(spool.serve(Driver(self), attendance))  # type: ignore[arg-type]
        idle = asyncio.ensure_future(spool.settle(idle_seconds_max))
        await asyncio.wait({serving, idle}, return_when=asyncio.FIRST_COMPLETED)
        for task in (serving, idle):
            task.cancel()
        results = await asyncio.gather(serving, idle, return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException) and not isinstance(result, asyncio.CancelledError | LineLost):
                raise result


class Driver:
    """The printer as the spool drives it."""

    def __init__(self, printer: Printer) -> None:
        self._printer = printer
        self._last: bytes = b""
        self.profile: Profile = profile("TM-T88V")
        self.transport = SimpleNamespace(address="paper")
        self.leftover = Leftover()

    async def status(self) -> PrinterStatus:
        return PrinterStatus(answered=True, online=True)

    async def send(self, buffer: bytes, *, deadline: float) -> SendResult:
        """Put the document on the paper, or a part of it, or nothing."""
        printer, schedule = self._printer, self._printer.schedule
        if printer.point is not None:
            await printer.point("before the first byte of a receipt")
        if printer.faulty and schedule.one_in(12):
            taken = schedule.chance.choice([0, len(buffer) // 2])
            schedule.fault("printer cut", f"after {taken} bytes")
            if taken:
                printer.paper.append(_printed(buffer, whole=False))
            return SendResult(taken, len(buffer), "the line was cut")
        printer.paper.append(_printed(buffer, whole=True))
        return SendResult(len(buffer), len(buffer))

    async def proof(self, job_id: int, **_: Any) -> Proof:
        printer, schedule = self._printer, self._printer.schedule
        if printer.point is not None:
            await printer.point("before the proof of a receipt")
        if printer.faulty and schedule.one_in(12):
            schedule.fault("proof lost")
            return schedule.chance.choice([Proof.LINE_LOST, Proof.SILENT])
        return Proof.PRINTED

    async def open_drawer(self) -> DrawerResult:
        return DrawerResult(True)

    async def pulse_in_real_time(self) -> DrawerResult:
        return DrawerResult(True)


def _printed(buffer: bytes, *, whole: bool) -> Print:
    found = _stamp.findall(buffer)
    return Print(found[-1].decode() if found else "", b"COPY" in buffer, whole)
