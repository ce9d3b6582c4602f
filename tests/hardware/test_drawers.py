"""A drawer opens now or not at all."""

from __future__ import annotations

import asyncio
from typing import Literal

import pytest

from hardware.printers.escpos_driver import DrawerResult, PrinterDriver, Proof, Timing
from hardware.printers.profiles import profile
from hardware.printers.status import PrinterStatus
from hardware.simulated import SimulatedPrinter
from hardware.simulated.escpos_machine import Pulse
from hardware.transports import open_transport

QUICK = Timing(answer_seconds=0.3)


async def driver_for(printer: SimulatedPrinter, name: str = "TM-T88V") -> PrinterDriver:
    driver = PrinterDriver(open_transport(printer.address), profile(name), timing=QUICK)
    await driver.open()
    return driver


async def test_a_drawer_opens_by_a_pulse_and_its_sensor_says_so(printer: SimulatedPrinter) -> None:
    driver = await driver_for(printer)

    result = await driver.open_drawer(open_level_high=True)
    await driver.close()

    assert result == DrawerResult(pulsed=True, opened=True)
    assert printer.drawer_pulses == [Pulse(2, 50, real_time=False)]


@pytest.mark.parametrize(
    ("name", "pin", "pulse_ms", "paper_out", "sent"),
    [
        ("generic-80mm", 2, 50, False, "1b 70 00 19 fa"),
        ("generic-80mm", 5, 50, False, "1b 70 01 19 fa"),
        ("TM-T88V", 2, 200, False, "1b 70 00 64 fa"),
        ("TM-T88V", 2, 50, True, "10 14 01 00 02"),
        ("TM-T88V", 5, 50, True, "10 14 01 01 02"),
    ],
)
async def test_pulses_as_the_reference_has_them(
    name: str, pin: Literal[2, 5], pulse_ms: int, paper_out: bool, sent: str
) -> None:
    async with SimulatedPrinter() as printer:
        printer.set(paper_out=paper_out)
        heard = bytearray()
        take = printer.machine.receive

        def receive(data: bytes) -> None:
            heard.extend(data)
            take(data)

        printer.machine.receive = receive  # type: ignore[method-assign]  # listen in on the line
        driver = await driver_for(printer, name)
        await driver.open_drawer(pin, pulse_ms)
        await driver.status()  # its answer comes after the pulse was taken
        await driver.close()

    questions = "10 04 01 10 04 02 10 04 03 10 04 04"
    assert heard.hex(" ") == f"{questions} {sent} {questions}"


async def test_a_drawer_opens_without_paper_where_the_printer_can(printer: SimulatedPrinter) -> None:
    driver = await driver_for(printer)
    printer.set(paper_out=True)

    result = await driver.open_drawer(5, open_level_high=True)
    await driver.close()
    printer.set(paper_out=False)

    assert result == DrawerResult(pulsed=True, opened=True)
    assert printer.drawer_pulses == [Pulse(5, 200, real_time=True)]


async def test_a_pulse_that_the_printer_would_keep_for_later_is_refused(printer: SimulatedPrinter) -> None:
    driver = await driver_for(printer, "generic-80mm")
    printer.set(paper_out=True)

    result = await driver.open_drawer()
    await driver.close()
    printer.set(paper_out=False)

    assert (result, printer.drawer_pulses) == (DrawerResult(pulsed=False, refused="paper_out"), [])


async def test_a_silent_printer_opens_no_drawer(printer: SimulatedPrinter) -> None:
    driver = await driver_for(printer)
    printer.set(silent=True)

    result = await driver.open_drawer()
    await driver.close()

    assert result == DrawerResult(pulsed=False, refused="no_answer")


async def test_an_unplugged_printer_opens_no_drawer(printer: SimulatedPrinter) -> None:
    driver = await driver_for(printer)
    await driver.status()
    printer.unplug()

    result = await driver.open_drawer()
    await driver.close()

    assert result == DrawerResult(pulsed=False, refused="line_lost")


@pytest.mark.parametrize("pulse_ms", [49, 201])
async def test_a_pulse_too_short_or_too_long_for_a_drawer_is_refused(pulse_ms: int) -> None:
    async with SimulatedPrinter() as printer:
        driver = await driver_for(printer)

        with pytest.raises(ValueError, match="50 to 200 ms"):
            await driver.open_drawer(pulse_ms=pulse_ms)
        await driver.close()


async def test_the_drawer_opens_for_the_next_sale_while_a_receipt_waits_for_paper(
    printer: SimulatedPrinter, receipt_bytes: bytes
) -> None:
    driver = await driver_for(printer)
    await driver.status()
    printer.fault_after(60, "paper_out")
    await driver.send(receipt_bytes, deadline=5)
    opened: list[Pulse] = []
    asked = False

    async def pulse() -> None:
        await driver.pulse_in_real_time(5)

    def waiting(status: PrinterStatus) -> None:
        nonlocal asked
        if not asked:
            asked = True
            tasks.append(asyncio.ensure_future(pulse()))
        elif status.drawer_pin3_high and not opened:
            opened.extend(printer.drawer_pulses)
            printer.set(paper_out=False)

    tasks: list[asyncio.Future[None]] = []
    driver.timing = Timing(ask_seconds=0.02)
    proof = await driver.proof(42, waiting=waiting)
    await driver.close()

    assert (proof, opened) == (Proof.PRINTED, [Pulse(5, 200, real_time=True)])


async def test_a_model_without_real_time_pulses_refuses_them(printer: SimulatedPrinter) -> None:
    driver = await driver_for(printer, "generic-80mm")

    assert await driver.pulse_in_real_time() == DrawerResult(pulsed=False, refused="offline")
    await driver.close()
