"""Finding out what stands at an address by asking it; only ever at an address that a person named.

Order matters: a scale's question is a letter that a printer would print, so the printer is asked first, by bytes that
neither prints nor answers to. Nothing is ever sent to ports that nobody named: bytes on 9100 make office lasers print.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from hardware.addresses import Address, SerialAddress, parse_address
from hardware.printers.escpos_driver import PrinterDriver, Timing
from hardware.printers.profiles import profile
from hardware.scales import PROTOCOLS, NoWeight, ScaleDriver
from hardware.scales.readings import Reading
from hardware.transports import open_transport
from hardware.transports.transport import Transport

ECHO_QUESTION, ECHO_ANSWER = b"Ehello\r", b"\x02E\rhello"


@dataclass(frozen=True)
class Probed:
    """What answered: its kind, its address with the right line settings, what it says of itself, a scale's protocol."""

    kind: str
    address: str
    detail: str
    protocol: str | None = None


async def probe(address: str, *, answer_seconds: float = 0.5) -> Probed | None:
    """What stands at this address; None where nothing that is known answered. Raises a `TransportError`."""
    return await probe_printer(address, answer_seconds) or await probe_scale(address, answer_seconds)


async def probe_printer(address: str, answer_seconds: float = 0.5) -> Probed | None:
    """The ESC/POS printer at this address, with its maker and model; None where none answered."""
    transport = open_transport(address)
    driver = PrinterDriver(transport, profile("generic-80mm"), timing=Timing(answer_seconds=answer_seconds))
    await driver.open()
    try:
        status = await driver.status()
        if not status.answered:
            return None
        names = await driver.identify()
    finally:
        await driver.close()
    return Probed("printer", address, " ".join(names.values()) or "an ESC/POS printer that does not say its name")


async def probe_scale(address: str, answer_seconds: float = 0.5) -> Probed | None:
    """The scale at this address, with its protocol and the line settings that go with it; None where none answered."""
    parsed = parse_address(address)
    for protocol, where in (("toledo-8217", _with(parsed, bytesize=7, parity="E")), ("sma", str(parsed))):
        if await _speaks(where, protocol, answer_seconds):
            return Probed("scale", where, f"speaks {protocol}", protocol)
    return None


async def _speaks(address: str, protocol: str, answer_seconds: float) -> bool:
    transport = open_transport(address)
    await transport.open()
    try:
        if protocol == "toledo-8217":
            await _echo(transport, answer_seconds)
        reading: Reading = await ScaleDriver(transport, PROTOCOLS[protocol], answer_seconds=answer_seconds).ask()
    finally:
        await transport.close()
    return not (isinstance(reading, NoWeight) and reading.reason in ("no_answer", "garbled"))


async def _echo(transport: Transport, answer_seconds: float) -> None:
    """Ask an 8217 for its echo and end the echo again; old ones need it before they talk, others do not mind."""
    transport.drain()
    await transport.write_all(ECHO_QUESTION, deadline=answer_seconds)
    heard = b""
    loop = asyncio.get_running_loop()
    end = loop.time() + answer_seconds
    while ECHO_ANSWER not in heard and (left := end - loop.time()) > 0:
        heard += await transport.read_some(deadline=left)
    await transport.write_all(b"F", deadline=answer_seconds)


def _with(address: Address, *, bytesize: int, parity: str) -> str:
    if isinstance(address, SerialAddress):
        return str(replace(address, bytesize=bytesize, parity=parity))
    return str(address)
