"""Printers that tell their changes unasked (`GS a`): each is known at once, and none is taken for another answer."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from hardware.printers.document import Document, document_to_text
from hardware.printers.escpos_driver import PrinterDriver, Proof, Timing
from hardware.printers.profiles import PROFILES, profile
from hardware.simulated import SimulatedPrinter
from hardware.transports import LineLost, open_transport

FAR_OFF = 30.0


async def driver_for(printer: SimulatedPrinter, name: str = "TM-T88V") -> PrinterDriver:
    driver = PrinterDriver(open_transport(printer.address), profile(name), timing=Timing(ask_seconds=0.02))
    await driver.open()
    return driver


async def test_a_change_is_told_at_once_and_without_a_question(printer: SimulatedPrinter) -> None:
    driver = await driver_for(printer)
    first = await driver.next_status(within=FAR_OFF)
    asked = printer.bytes_received

    reasons = []
    for fault in ("cover_open", "paper_out", "cutter_error"):
        printer.set(**{fault: True})
        reasons.append((await driver.next_status(within=FAR_OFF)).reason)
        printer.set(**{fault: False})
        reasons.append((await driver.next_status(within=FAR_OFF)).reason)
    await driver.close()

    assert first.reason is None
    assert reasons == ["cover_open", None, "paper_out", None, "cutter_error", None]
    assert printer.bytes_received == asked
    assert driver.counts["changes told"] == 7


async def test_a_printer_that_tells_nothing_is_asked(printer: SimulatedPrinter) -> None:
    driver = await driver_for(printer, "generic-80mm")
    printer.set(paper_out=True)

    status = await driver.next_status(within=0.01)
    await driver.close()

    assert status.reason == "paper_out"


async def test_a_printer_that_has_nothing_to_tell_is_asked_whether_it_lives(printer: SimulatedPrinter) -> None:
    driver = await driver_for(printer)
    await driver.next_status(within=FAR_OFF)

    alive = await driver.next_status(within=0.01)
    await driver.close()

    assert alive.can_print


async def test_a_line_that_is_cut_is_told_while_nothing_is_asked(printer: SimulatedPrinter) -> None:
    for name in ("TM-T88V", "generic-80mm"):
        driver = await driver_for(printer, name)
        waiting = asyncio.create_task(driver.next_status(within=FAR_OFF))
        await printer.attended()
        printer.cut_line()

        with pytest.raises(LineLost):
            await waiting
        await driver.close()


async def test_a_document_is_proved_on_a_printer_that_told_changes_before_and_tells_them_after(
    printer: SimulatedPrinter, receipt: Document, receipt_bytes: bytes
) -> None:
    driver = await driver_for(printer)
    await driver.next_status(within=FAR_OFF)
    printer.set(near_end=True)  # told, and not read before the job begins

    await driver.send(receipt_bytes, deadline=5)
    printer.set(near_end=False)
    proof = await driver.proof(42)
    after = await driver.next_status(within=FAR_OFF)
    printer.set(cover_open=True)
    told = await driver.next_status(within=FAR_OFF)
    await driver.close()

    assert (proof, printer.receipts()) == (Proof.PRINTED, [document_to_text(receipt)])
    assert (after.reason, told.reason) == (None, "cover_open")
    assert (driver.counts["jobs"], driver.counts["printed"]) == (1, 1)


@pytest.mark.parametrize("name", PROFILES)
def test_no_model_that_proves_by_a_barrier_tells_changes(name: str) -> None:
    with pytest.raises(ValueError, match="barrier"):
        replace(PROFILES[name], proof="barrier", automatic=True)


async def test_listening_may_be_given_up_and_no_answer_is_left_over(printer: SimulatedPrinter) -> None:
    driver = await driver_for(printer)
    await driver.next_status(within=FAR_OFF)

    nothing = await driver.told_status(within=0.01)
    listening = asyncio.create_task(driver.told_status(within=FAR_OFF))
    await asyncio.sleep(0)
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)
    printer.set(paper_out=True)
    asked = await driver.status()
    await driver.close()

    assert (nothing, asked.reason) == (None, "paper_out")
