"""What a cut-off job leaves in the printer never lands on the next receipt."""

from __future__ import annotations

from pathlib import Path

import pytest

from hardware.printers.document import Document, Image, document_to_text
from hardware.printers.escpos_driver import PrinterDriver, Proof, Timing
from hardware.printers.leftover import Leftover, longest_command
from hardware.printers.profiles import profile
from hardware.printers.rendering import render
from hardware.printers.sample import sample_document
from hardware.simulated import SimulatedPrinter
from hardware.transports import open_transport

PATIENT = Timing(answer_seconds=5, ask_seconds=0.02, silence_seconds=5)
JOB = 42


@pytest.mark.parametrize("after", [40, 700, 2000])
async def test_the_next_receipt_is_whole_and_stands_alone_after_a_job_was_cut_off(
    printer: SimulatedPrinter, receipt: Document, receipt_bytes: bytes, pickle_dir: Path, after: int
) -> None:
    with_picture = render(sample_document(profile("TM-T88V")), profile("TM-T88V"), job_id=1, pickle_dir=pickle_dir)
    driver = PrinterDriver(open_transport(printer.address), profile("TM-T88V"), timing=PATIENT)
    await driver.open()
    printer.cut_line_after(after)
    await driver.send(with_picture, deadline=5)
    lost = await driver.proof(1)
    await driver.close()

    await driver.open()
    status = await driver.status()
    await driver.send(receipt_bytes, deadline=5)
    proof = await driver.proof(JOB)
    await driver.close()

    assert (lost, status.can_print, proof) == (Proof.LINE_LOST, True, Proof.PRINTED)
    assert printer.receipts()[-1] == document_to_text(receipt)


async def test_the_late_answer_to_a_cut_off_job_is_not_taken_for_the_next_ones(receipt: Document) -> None:
    kind = profile("TM-T88III")
    buffer = render(receipt, kind, job_id=JOB, pickle_dir=None)
    async with SimulatedPrinter(process_ids=False) as printer:
        driver = PrinterDriver(open_transport(printer.address), kind, timing=PATIENT)
        await driver.open()
        driver.leftover.expect()
        await driver.status()
        printer.machine.ask(b"\x01")  # the barrier of the old job, answered late
        printer.fault_after(len(b"\x1d\x49\x43") + 60, "paper_out")

        await driver.send(buffer, deadline=5)
        told: list[str | None] = []

        def waiting(status: object) -> None:
            told.append(getattr(status, "reason", None))
            printer.set(paper_out=False)

        proof = await driver.proof(JOB, waiting=waiting)
        await driver.close()

        assert (proof, told[0]) == (Proof.PRINTED, "paper_out")
        assert printer.receipts()[-1] == document_to_text(receipt)


def test_a_proved_job_leaves_nothing() -> None:
    leftover = Leftover()
    leftover.expect(b"x" * 1000)
    expected = leftover.expected
    leftover.clear()

    assert (expected, leftover.expected) == (True, False)


def test_the_longest_picture_decides_how_much_is_filled_up(pickle_dir: Path) -> None:
    buffer = render(sample_document(profile("generic-80mm")), profile("generic-80mm"), job_id=1, pickle_dir=pickle_dir)
    longest = longest_command(buffer)

    assert 2304 < longest < 5000
    assert any(isinstance(element, Image) for element in sample_document(profile("generic-80mm")).elements)
    assert longest_command(b"short") == 5
