"""The fault table of printing, on TCP and on a pseudo-terminal: what the spool is told at each step.

`sent` says how many bytes left, `proof` whether they are on paper. Nothing here is ever sent twice by itself.
"""

from __future__ import annotations

import asyncio

import pytest

from hardware.printers.document import Document, document_to_text
from hardware.printers.escpos_driver import PrinterDriver, Proof, Timing
from hardware.printers.profiles import profile
from hardware.printers.rendering import render
from hardware.printers.status import PrinterStatus
from hardware.simulated import SimulatedPrinter
from hardware.transports import LineLost, NotThere, open_transport

QUICK = Timing(answer_seconds=0.3, ask_seconds=0.02, silence_seconds=0.15)
PATIENT = Timing(answer_seconds=5, ask_seconds=0.02, silence_seconds=5)
JOB = 42


async def driver_for(printer: SimulatedPrinter, timing: Timing = PATIENT, name: str = "TM-T88V") -> PrinterDriver:
    driver = PrinterDriver(open_transport(printer.address), profile(name), timing=timing)
    await driver.open()
    return driver


async def test_a_receipt_is_printed_and_proved(
    printer: SimulatedPrinter, receipt: Document, receipt_bytes: bytes
) -> None:
    driver = await driver_for(printer)

    status = await driver.status()
    sent = await driver.send(receipt_bytes, deadline=5)
    proof = await driver.proof(JOB)
    await driver.close()

    assert (status.can_print, sent.complete, proof) == (True, True, Proof.PRINTED)
    assert printer.receipts() == [document_to_text(receipt)]


async def test_a_barrier_proves_a_receipt_on_a_printer_without_process_ids(receipt: Document) -> None:
    buffer = render(receipt, profile("TM-T88III"), job_id=JOB, pickle_dir=None)
    async with SimulatedPrinter(process_ids=False) as printer:
        driver = await driver_for(printer, name="TM-T88III")

        await driver.send(buffer, deadline=5)
        proof = await driver.proof(JOB)
        await driver.close()

        assert (proof, printer.receipts()) == (Proof.PRINTED, [document_to_text(receipt)])


@pytest.mark.parametrize(
    ("fault", "reason"), [("paper_out", "paper_out"), ("cover_open", "cover_open"), ("cutter_error", "cutter_error")]
)
async def test_a_fault_before_the_job_is_known_before_a_byte_leaves(
    printer: SimulatedPrinter, fault: str, reason: str
) -> None:
    driver = await driver_for(printer)
    printer.set(**{fault: True})

    status = await driver.status()
    await driver.close()

    assert (status.reason, printer.receipts(), printer.paper()) == (reason, [], "")


@pytest.mark.parametrize("after", [1, 7, 60, 150])
@pytest.mark.parametrize(("fault", "reason"), [("paper_out", "paper_out"), ("cover_open", "cover_open")])
async def test_a_fault_in_mid_job_is_waited_out_on_the_same_line_and_printed_once(
    printer: SimulatedPrinter, receipt: Document, receipt_bytes: bytes, after: int, fault: str, reason: str
) -> None:
    driver = await driver_for(printer)
    await driver.status()
    told: list[str | None] = []

    def tell_the_cashier(status: PrinterStatus) -> None:
        told.append(status.reason)
        if len(told) == 3:
            printer.set(**{fault: False})

    printer.fault_after(after, fault)  # type: ignore[arg-type]
    sent = await driver.send(receipt_bytes, deadline=5)
    proof = await driver.proof(JOB, waiting=tell_the_cashier)
    await driver.close()

    assert (sent.complete, proof, set(told[:3])) == (True, Proof.PRINTED, {reason})
    assert printer.receipts() == [document_to_text(receipt)]


@pytest.mark.parametrize("after", [1, 60, 150])
@pytest.mark.parametrize("fault", ["cut_line", "unplug", "power_loss"])
async def test_a_line_cut_in_mid_job_leaves_it_unconfirmed_and_the_printer_usable_after(
    printer: SimulatedPrinter, receipt: Document, receipt_bytes: bytes, after: int, fault: str
) -> None:
    driver = await driver_for(printer)
    await driver.status()

    printer.fault_after(after, fault)  # type: ignore[arg-type]
    sent = await driver.send(receipt_bytes, deadline=5)
    proof = await driver.proof(JOB)
    await driver.close()
    if fault == "unplug":
        with pytest.raises(NotThere):
            await driver.open()
        await printer.replug()
    await driver.open()
    status = await driver.status()
    await driver.close()

    assert (proof, sent.bytes_written > 0, status.can_print) == (Proof.LINE_LOST, True, True)
    assert document_to_text(receipt) not in printer.receipts()


async def test_a_line_cut_after_the_last_byte_is_unconfirmed_although_the_paper_is_whole(
    printer: SimulatedPrinter, receipt: Document, receipt_bytes: bytes
) -> None:
    driver = await driver_for(printer)
    before_the_question = len(receipt_bytes) - 4

    printer.fault_after(before_the_question, "cut_line")
    await driver.send(receipt_bytes, deadline=5)
    proof = await driver.proof(JOB)
    await driver.close()

    assert (proof, printer.receipts()) == (Proof.LINE_LOST, [document_to_text(receipt)])


async def test_a_printer_that_falls_silent_is_given_up_after_the_silence(
    printer: SimulatedPrinter, receipt_bytes: bytes
) -> None:
    driver = await driver_for(printer, QUICK)
    await driver.status()

    printer.fault_after(60, "silent")
    await driver.send(receipt_bytes, deadline=5)
    proof = await driver.proof(JOB)
    status = await driver.status()
    await driver.close()

    assert (proof, status.reason) == (Proof.SILENT, "no_answer")


async def test_a_printer_that_talks_nonsense_has_no_status(printer: SimulatedPrinter) -> None:
    driver = await driver_for(printer, QUICK)
    printer.set(garbage=True)

    status = await driver.status()
    printer.set(garbage=False)
    after = await driver.status()
    await driver.close()

    assert (status.reason, after.reason) == ("no_answer", None)


async def test_a_dribbling_printer_is_understood(
    printer: SimulatedPrinter, receipt: Document, receipt_bytes: bytes
) -> None:
    printer.set(dribble=True)
    driver = await driver_for(printer)

    status = await driver.status()
    await driver.send(receipt_bytes, deadline=5)
    proof = await driver.proof(JOB)
    await driver.close()

    assert (status.can_print, proof, printer.receipts()) == (True, Proof.PRINTED, [document_to_text(receipt)])


async def test_a_printer_that_takes_no_bytes_says_how_many_went(printer: SimulatedPrinter) -> None:
    driver = await driver_for(printer)
    printer.set(busy=True)
    too_much = bytes(8_000_000)

    sent = await driver.send(too_much, deadline=0.3)
    await driver.close()

    assert sent.error is not None
    assert "no room" in sent.error
    assert 0 < sent.bytes_written < len(too_much)


async def test_an_old_answer_in_the_line_is_not_taken_for_this_jobs(
    printer: SimulatedPrinter, receipt_bytes: bytes
) -> None:
    driver = await driver_for(printer, QUICK)
    printer.machine.ask(b"\x01")  # a late GS r answer of somebody's earlier job
    printer.machine.process_id(b"\x06\x00\x30\x30ABCD")

    status = await driver.status()
    printer.set(paper_out=True)
    await driver.send(receipt_bytes, deadline=5)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await driver.proof(JOB)
    await driver.close()

    assert status.can_print


async def test_another_jobs_process_id_proves_nothing(printer: SimulatedPrinter, receipt_bytes: bytes) -> None:
    driver = await driver_for(printer)
    await driver.status()
    await driver.send(receipt_bytes, deadline=5)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await driver.proof(JOB + 1)
    await driver.close()


async def test_near_end_of_paper_is_a_warning_and_printing_goes_on(printer: SimulatedPrinter) -> None:
    driver = await driver_for(printer)
    printer.set(near_end=True)

    status = await driver.status()
    await driver.close()

    assert (status.can_print, status.warning) == (True, "paper_near_end")


async def test_a_printer_that_must_not_be_asked_is_not_asked() -> None:
    async with SimulatedPrinter() as printer:
        driver = await driver_for(printer, name="no-status")

        status = await driver.status()
        proof = await driver.proof(JOB)
        await driver.close()

        assert (status.can_print, proof, printer.bytes_received) == (True, Proof.NOT_GIVEN, 0)


async def test_a_lost_line_is_told_when_asking_for_the_status(printer: SimulatedPrinter) -> None:
    driver = await driver_for(printer)
    await driver.status()
    printer.unplug()

    with pytest.raises(LineLost):
        await driver.status()
    await driver.close()


async def test_a_printer_says_its_maker_and_model(printer: SimulatedPrinter) -> None:
    driver = await driver_for(printer)

    names = await driver.identify()
    await driver.close()

    assert names == {"maker": "TILLSTREAM", "model": "SIM-80"}


async def test_a_document_that_a_person_throws_away_after_a_jam_is_never_proved(
    printer: SimulatedPrinter, receipt: Document, receipt_bytes: bytes
) -> None:
    driver = await driver_for(printer)
    await driver.status()
    printer.fault_after(60, "cutter_error")
    await driver.send(receipt_bytes, deadline=5)
    told = asyncio.Event()
    waiting = asyncio.create_task(driver.proof(JOB, waiting=lambda _: told.set()))
    await told.wait()

    await driver.clear_error(clear_buffers=True)
    proof = await waiting
    status = await driver.status()
    await driver.close()

    assert (proof, status.can_print) == (Proof.CLEARED, True)
    assert document_to_text(receipt) not in printer.receipts()


async def test_a_jam_is_cleared_by_a_persons_choice(
    printer: SimulatedPrinter, receipt: Document, receipt_bytes: bytes
) -> None:
    driver = await driver_for(printer)
    await driver.status()
    printer.fault_after(60, "cutter_error")
    await driver.send(receipt_bytes, deadline=5)

    await driver.clear_error(clear_buffers=False)
    proof = await driver.proof(JOB)
    await driver.close()

    assert (proof, printer.receipts()) == (Proof.PRINTED, [document_to_text(receipt)])
