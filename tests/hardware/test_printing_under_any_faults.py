"""Whatever happens at whatever byte: what the spool is told agrees with the paper, and nothing prints twice.

A queue of receipts goes through a printer whose faults strike at drawn bytes. The loop below is the table of printing
as the spool keeps it; every step that it takes must be one of the table's, and the paper is the judge.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hardware.addresses import UsbPrinterAddress
from hardware.printers.document import Columns, Cut, Document, Text, document_to_text
from hardware.printers.escpos_driver import PrinterDriver, Proof, Timing
from hardware.printers.profiles import profile
from hardware.printers.rendering import render
from hardware.printers.status import PrinterStatus
from hardware.simulated import SimulatedPrinter
from hardware.transports import LineLost, NotThere, Transport, locks, open_transport
from hardware.transports.usb_printer import UsbPrinterTransport
from tests.hardware.usb_tree import usb_tree

JOBS = 3
TIMING = Timing(answer_seconds=0.2, ask_seconds=0.005, silence_seconds=0.5)
State = Literal["queued", "sending", "sent", "printed", "unconfirmed"]
Fault = Literal["paper_out", "cover_open", "cutter_error", "cut_line", "unplug", "power_loss", "silent"]
FAULTS: tuple[Fault, ...] = ("paper_out", "cover_open", "cutter_error", "cut_line", "unplug", "power_loss", "silent")
Where = Literal["tcp", "pseudo-terminal", "usb printer file"]
PLACES: tuple[Where, ...] = ("tcp", "pseudo-terminal", "usb printer file")

TABLE: set[tuple[State, State]] = {
    ("queued", "queued"),  # a fault before byte 1; as often as needed
    ("queued", "sending"),
    ("sending", "sent"),
    ("sending", "unconfirmed"),  # an error while bytes went out
    ("sent", "sent"),  # no proof yet, the line stands and the printer answers
    ("sent", "printed"),
    ("sent", "unconfirmed"),  # the line lost, or silence
}


@pytest.fixture(autouse=True, scope="module")
def own_locks() -> Iterator[None]:
    """The kernel gives a pseudo-terminal's number anew while another test's process may still hold the old one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(locks, "namespace", f"tillstream-test-{os.getpid()}")
        yield


def document(job: int) -> Document:
    return Document((Text(f"receipt {job}", "center"), Columns("COFFEE", "3.50"), Text(f"end of {job}"), Cut()))


class Counter:
    """A printer, its driver, the person who sees to it, and the states that each job went through."""

    def __init__(self, printer: SimulatedPrinter, transport: Transport, profile_name: str) -> None:
        self.printer = printer
        self.driver = PrinterDriver(transport, profile(profile_name), timing=TIMING)
        self.steps: dict[int, list[State]] = {}

    def heal(self) -> None:
        """A person comes and sees to it."""
        self.printer.set(paper_out=False, cover_open=False, cutter_error=False, silent=False)

    async def print(self, job: int) -> None:
        """One job from queued to printed or unconfirmed."""
        steps = self.steps[job] = ["queued"]
        buffer = render(document(job), self.driver.profile, job_id=job, pickle_dir=None)
        while not await self._is_ready():
            steps.append("queued")
            assert f"receipt {job}" not in self._paper()
        steps.append("sending")
        sent = await self.driver.send(buffer, deadline=5)
        if not sent.complete:
            steps.append("unconfirmed")
            await self.driver.close()
            return
        steps.append("sent")

        def waiting(_: PrinterStatus) -> None:
            steps.append("sent")
            self.heal()

        proof = await self.driver.proof(job, waiting=waiting)
        steps.append("printed" if proof is Proof.PRINTED else "unconfirmed")
        if proof is not Proof.PRINTED:
            await self.driver.close()

    async def _is_ready(self) -> bool:
        try:
            await self.driver.open()
            status = await self.driver.status()
        except NotThere:
            await self.printer.replug()
            return False
        except LineLost:
            await self.driver.close()
            return False
        if not status.can_print:
            self.heal()
        return status.can_print

    def _paper(self) -> str:
        return "".join(self.printer.receipts()) + self.printer.paper()

    def judge(self) -> None:
        """Hold what was said of each job against the paper and the table."""
        self.heal()
        paper = self._paper()
        for job, steps in self.steps.items():
            assert set(pairwise(steps)) <= TABLE
            assert steps.count("sending") == 1
            assert paper.count(f"end of {job}") <= 1
            if steps[-1] == "printed":
                assert document_to_text(document(job)) in self.printer.receipts()


def transport_to(printer: SimulatedPrinter, where: Where, folder: Path) -> Transport:
    if where != "usb printer file":
        return open_transport(printer.address)
    sysfs, devices = usb_tree(folder, 0, "A1")
    path, _, _ = printer.address.removeprefix("serial:").partition("?")
    (devices / "lp0").symlink_to(path)
    return UsbPrinterTransport(UsbPrinterAddress(0x04B8, 0x0202, "A1"), sysfs=sysfs, devices=devices)


async def run(where: Where, profile_name: str, faults: list[tuple[int, Fault]]) -> None:
    with TemporaryDirectory() as folder:
        async with SimulatedPrinter(pty=where != "tcp", process_ids=profile_name == "TM-T88V") as printer:
            counter = Counter(printer, transport_to(printer, where, Path(folder)), profile_name)
            for after, fault in faults:
                printer.fault_after(after, fault)
            for job in range(JOBS):
                await counter.print(job)
            await counter.driver.close()

            counter.judge()
            if not faults:
                assert {steps[-1] for steps in counter.steps.values()} == {"printed"}


@pytest.mark.parametrize("where", PLACES)
@pytest.mark.parametrize("profile_name", ["TM-T88V", "TM-T88III"])
@settings(max_examples=20, deadline=None)
@given(faults=st.lists(st.tuples(st.integers(1, 400), st.sampled_from(FAULTS)), max_size=4))
def test_the_table_of_printing_holds(where: Where, profile_name: str, faults: list[tuple[int, Fault]]) -> None:
    asyncio.run(asyncio.wait_for(run(where, profile_name, faults), 30))
