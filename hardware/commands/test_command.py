"""`till-hardware test`: a page that shows every feature of a printer, or one scan as it was read and understood."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import click

from hardware.commands.decoded import decoded
from hardware.commands.devices_given import device_given
from hardware.commands.outcome import Exit, fail, fail_for, print_json
from hardware.devices import Device
from hardware.printers.document import Document
from hardware.printers.escpos_driver import PrinterDriver, Proof, SendResult
from hardware.printers.profiles import Profile, profile
from hardware.printers.rendering import render
from hardware.printers.sample import sample_document
from hardware.printers.status import REMEDIES, PrinterStatus
from hardware.scanners.framing import Scan
from hardware.scanners.serial_scanner import SerialScanner
from hardware.transports import open_transport
from hardware.transports.transport import TransportError

send_seconds_max = 60.0
test_job_id = 1


@click.command("test")
@click.argument("device")
@click.option("--config", type=click.Path(path_type=Path), help="The file of configured devices.")
@click.option("--kind", type=click.Choice(("printer", "scanner")), help="What stands at a given address.")
@click.option("--profile", "profile_name", help="The printer's profile.")
@click.option("--wait", "wait_seconds", default=30.0, help="How many seconds to wait for the proof, or for a scan.")
@click.option("--ask/--no-ask", default=None, help="Ask what came out; by default where a person is there.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
def test_command(
    device: str,
    config: Path | None,
    kind: str | None,
    profile_name: str | None,
    wait_seconds: float,
    ask: bool | None,
    as_json: bool,
) -> None:
    """Print a test page, or wait for one scan. DEVICE is a configured name or an address."""
    given = device_given(device, config, kind, profile_name)
    try:
        if given.kind == "printer":
            outcome = asyncio.run(_print_page(given, wait_seconds))
        elif given.kind == "scanner":
            outcome = asyncio.run(_read_code(given, wait_seconds))
        else:
            fail(f"a {given.kind} has no test yet; till-hardware status asks it how it is", Exit.USAGE)
    except TransportError as error:
        fail_for(error)
    if ask is None:
        ask = sys.stdin.isatty() and sys.stdout.isatty() and not as_json
    if ask and outcome["outcome"] in ("printed", "unconfirmed"):
        whole = click.confirm("Did the page come out whole, every line readable?")
        outcome["outcome"] = "printed" if whole else "not whole"
    if as_json:
        print_json(outcome)
    else:
        for key, value in outcome.items():
            click.echo(f"{key:12} {value}")
    raise SystemExit(int(_EXITS[outcome["outcome"]]))


_EXITS = {
    "printed": Exit.FINE,
    "read": Exit.FINE,
    "not printed": Exit.NEEDS_A_HAND,
    "not whole": Exit.NEEDS_A_HAND,
    "nothing read": Exit.NEEDS_A_HAND,
    "unconfirmed": Exit.UNCONFIRMED,
}


async def _print_page(device: Device, wait_seconds: float) -> dict[str, Any]:
    kind = profile(device.profile)
    page = sample_document(kind)
    driver = PrinterDriver(open_transport(device.address), kind)
    await driver.open()
    try:
        return await _print(driver, page, kind, wait_seconds)
    finally:
        await driver.close()


async def _print(driver: PrinterDriver, page: Document, kind: Profile, wait_seconds: float) -> dict[str, Any]:
    status = await driver.status()
    if not status.can_print:
        return _not_printed(status)
    buffer = await asyncio.to_thread(render, page, kind, job_id=test_job_id, pickle_dir=None)
    sent = await driver.send(buffer, deadline=send_seconds_max)
    if not sent.complete:
        return _unconfirmed(sent, sent.error or "cut short")
    last: list[PrinterStatus] = []
    try:
        async with asyncio.timeout(wait_seconds):
            proof = await driver.proof(test_job_id, waiting=last.append)
    except TimeoutError:
        reason = last[-1].reason if last else None
        detail = f"waiting: {REMEDIES[reason]}" if reason else f"no proof within {wait_seconds:g} s"
        return _unconfirmed(sent, detail)
    if proof is Proof.PRINTED:
        return {"outcome": "printed", "proof": kind.proof, "bytes": sent.bytes_written}
    details = {
        Proof.LINE_LOST: "the line was cut; look at the paper",
        Proof.SILENT: "the printer fell silent; look at the paper",
        Proof.NOT_GIVEN: "this profile gives no proof; look at the paper",
    }
    return _unconfirmed(sent, details[proof])


def _not_printed(status: PrinterStatus) -> dict[str, Any]:
    reason = status.reason or "offline"
    return {"outcome": "not printed", "reason": reason, "next": REMEDIES[reason]}


def _unconfirmed(sent: SendResult, detail: str) -> dict[str, Any]:
    return {"outcome": "unconfirmed", "bytes": sent.bytes_written, "of": sent.bytes_total, "next": detail}


async def _read_code(device: Device, wait_seconds: float) -> dict[str, Any]:
    scanner = SerialScanner(device.address, device.scanner_config())
    await scanner.open()
    click.echo("Scan something.", err=True)
    try:
        async with asyncio.timeout(wait_seconds):
            scan: Scan = await anext(aiter(scanner))
    except TimeoutError:
        rubbish = f"; rubbish came {scanner.garbled} times, check speed and parity" if scanner.garbled else ""
        return {"outcome": "nothing read", "next": f"no scan within {wait_seconds:g} s{rubbish}"}
    finally:
        await scanner.close()
    return {"outcome": "read", **decoded(scan)}
