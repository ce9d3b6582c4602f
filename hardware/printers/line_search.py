"""At which speed a serial printer answers: the usual ones are tried on a port that is known to be a printer's."""

from __future__ import annotations

from dataclasses import replace

from hardware.addresses import SerialAddress
from hardware.printers.escpos_driver import PrinterDriver, Timing
from hardware.printers.profiles import Profile
from hardware.transports.serial_port import SerialTransport
from hardware.transports.transport import TransportError

SPEEDS = (9600, 19200, 38400, 115200, 57600, 4800, 2400)
_answer_seconds = 0.4


async def find_speed(address: SerialAddress, profile: Profile) -> SerialAddress | None:
    """The address with the speed at which the printer answers `DLE EOT`; None where it answers at none."""
    for speed in SPEEDS:
        candidate = replace(address, baud=speed)
        driver = PrinterDriver(SerialTransport(candidate), profile, timing=Timing(answer_seconds=_answer_seconds))
        try:
            await driver.open()
            status = await driver.status()
        except TransportError:
            return None
        finally:
            await driver.close()
        if status.answered:
            return candidate
    return None
