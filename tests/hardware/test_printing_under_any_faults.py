"""Whatever happens at whatever byte: what the spool is told agrees with the paper, and nothing prints twice.

A queue of receipts goes through a printer whose faults strike at drawn bytes. The loop below is the table of printing
as the spool keeps it; the paper is the judge.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hardware.printers.document import Columns, Cut, Document, Text, document_to_text
from hardware.printers.escpos_driver import PrinterDriver, Proof, Timing
from hardware.printers.profiles import profile
from hardware.printers.rendering import render
from hardware.printers.status import PrinterStatus
from hardware.simulated import SimulatedPrinter
from hardware.transports import LineLost, locks, open_transport

JOBS = 3
TIMING = Timing(answer_seconds=0.2, ask_seconds=0.005, silence_seconds=2)
Outcome = Literal["printed", "unconfirmed"]
Fault = Literal["paper_out", "cover_open", "cutter_error", "cut_line", "power_loss"]
FAULTS: tuple[Fault, ...] = ("paper_out", "cover_open", "cutter_error", "cut_line", "power_loss")


@pytest.fixture(autouse=True, scope="module")
def own_locks() -> Iterator[None]:
    """The kernel gives a pseudo-terminal's number anew while another test's process may still hold the old one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(locks, "namespace", f"tillstream-test-{os.getpid()}")
        yield


def document(job: int) -> Document:
    return Document((Text(f"receipt {job}", "center"), Columns("COFFEE", "3.50"), Text(f"end of {job}"), Cut()))


def heal(printer: SimulatedPrinter) -> None:
    """A person comes and sees to it."""
    printer.set(paper_out=False, cover_open=False, cutter_error=False)


async def print_one(driver: PrinterDriver, printer: SimulatedPrinter, job: int, profile_name: str) -> Outcome:
    """One job from queued to printed or unconfirmed; it is sent at most once."""
    buffer = render(document(job), profile(profile_name), job_id=job, pickle_dir=None)
    while True:
        try:
            await driver.open()
            status = await driver.status()
        except LineLost:
            await driver.close()
            continue
        if status.can_print:
            break
        heal(printer)
    sent = await driver.send(buffer, deadline=5)

    def waiting(_: PrinterStatus) -> None:
        heal(printer)

    proof = await driver.proof(job, waiting=waiting) if sent.complete else Proof.LINE_LOST
    if proof is Proof.PRINTED:
        return "printed"
    await driver.close()
    return "unconfirmed"


async def run(pty: bool, profile_name: str, faults: list[tuple[int, Fault]]) -> None:
    async with SimulatedPrinter(pty=pty, process_ids=profile_name == "TM-T88V") as printer:
        for after, fault in faults:
            printer.fault_after(after, fault)
        driver = PrinterDriver(open_transport(printer.address), profile(profile_name), timing=TIMING)
        outcomes = {job: await print_one(driver, printer, job, profile_name) for job in range(JOBS)}
        await driver.close()
        heal(printer)
        paper = "".join(printer.receipts()) + printer.paper()

        for job, outcome in outcomes.items():
            assert paper.count(f"end of {job}") <= 1
            if outcome == "printed":
                assert document_to_text(document(job)) in printer.receipts()
        if not faults:
            assert set(outcomes.values()) == {"printed"}


@pytest.mark.parametrize("pty", [False, True], ids=["tcp", "pseudo-terminal"])
@pytest.mark.parametrize("profile_name", ["TM-T88V", "TM-T88III"])
@settings(max_examples=20, deadline=None)
@given(faults=st.lists(st.tuples(st.integers(1, 400), st.sampled_from(FAULTS)), max_size=4))
def test_the_table_of_printing_holds(pty: bool, profile_name: str, faults: list[tuple[int, Fault]]) -> None:
    asyncio.run(asyncio.wait_for(run(pty, profile_name, faults), 30))
