"""`till-hardware test`: a page with every feature of a printer, one scan as it is understood, a weight, two lines."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from hardware.commands.decoded import decoded
from hardware.commands.devices_given import device_given
from hardware.commands.outcome import Exit, fail_for, print_json
from hardware.configuration import KINDS
from hardware.devices import Device
from hardware.displays import begin, shown_line, text_bytes
from hardware.printers.document import Document
from hardware.printers.escpos_driver import PrinterDriver, Proof, SendResult
from hardware.printers.profiles import Profile, profile, profile_of_model
from hardware.printers.rendering import render
from hardware.printers.sample import sample_document
from hardware.printers.status import REMEDIES, PrinterStatus
from hardware.probing import probe_printer
from hardware.scales import NoWeight, ScaleDriver
from hardware.scanners.framing import Scan
from hardware.scanners.serial_scanner import SerialScanner
from hardware.transports import open_transport
from hardware.transports.transport import TransportError

send_seconds_max = 60.0
display_seconds_max = 5.0
test_job_id = 1


@click.command("test")
@click.argument("device")
@click.option("--config", type=click.Path(path_type=Path), help="The file of configured devices.")
@click.option("--kind", type=click.Choice(KINDS), help="What stands at a given address.")
@click.option("--profile", "profile_name", help="The printer's profile; by default that of the model it says it is.")
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
    """Print a test page, read one scan, weigh, or show two lines. DEVICE is a configured name or an address."""
    given = device_given(device, config, kind, profile_name)
    try:
        if given.kind == "printer" and given.name != device and profile_name is None:
            given = asyncio.run(_as_it_says(given))
        outcome = asyncio.run(_TESTS[given.kind](given, wait_seconds))
    except TransportError as error:
        fail_for(error)
    if ask is None:
        ask = sys.stdin.isatty() and sys.stdout.isatty() and not as_json
    if ask and outcome["outcome"] in ("printed", "unconfirmed"):
        whole = click.confirm("Did the page come out whole, every line readable?")
        outcome["outcome"] = "printed" if whole else "not whole"
    if ask and outcome["outcome"] == "sent":
        click.echo(f"It should show:\n  {outcome['first']}\n  {outcome['second']}")
        outcome["outcome"] = "shown" if click.confirm("Does it?") else "not shown"
        del outcome["next"]
    if as_json:
        print_json(outcome)
    else:
        for key, value in outcome.items():
            click.echo(f"{key:12} {value}")
    raise SystemExit(int(_EXITS[outcome["outcome"]]))


async def _as_it_says(printer: Device) -> Device:
    """A printer that nobody configured, with the profile of the model that it says it is. Raises a `TransportError`."""
    answered = await probe_printer(printer.address)
    known = profile_of_model(answered.detail) if answered else None
    return replace(printer, profile=known.name) if known else printer


_EXITS = {
    "printed": Exit.FINE,
    "weighed": Exit.FINE,
    "shown": Exit.FINE,
    "not weighed": Exit.NEEDS_A_HAND,
    "not shown": Exit.NEEDS_A_HAND,
    "sent": Exit.UNCONFIRMED,  # a display says nothing back; a person has to look
    "read": Exit.FINE,
    "not printed": Exit.NEEDS_A_HAND,
    "not whole": Exit.NEEDS_A_HAND,
    "nothing read": Exit.NEEDS_A_HAND,
    "unconfirmed": Exit.UNCONFIRMED,
}


async def print_page(device: Device, wait_seconds: float) -> dict[str, Any]:
    """Print the test page and wait so long for its proof: the outcome, and what to do. Raises a `TransportError`."""
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


async def _weigh(device: Device, wait_seconds: float) -> dict[str, Any]:
    transport = open_transport(device.address)
    await transport.open()
    try:
        weighed = await ScaleDriver(transport, device.scale_protocol()).weigh(deadline=wait_seconds)
    finally:
        await transport.close()
    if isinstance(weighed, NoWeight):
        return {"outcome": "not weighed", "reason": weighed.reason, "next": REMEDIES[weighed.reason]}
    weight = weighed.weight
    return {"outcome": "weighed", "weight_milli": weight.milli, "unit": weight.unit, "net": weight.net}


async def _show(device: Device, _: float) -> dict[str, Any]:
    setting = device.display_setting()
    lines = shown_line("Tillstream test", "€"), shown_line("TOTAL", "1,234.56")
    transport = open_transport(device.address)
    await transport.open()
    try:
        sent = await transport.write_all(begin(setting) + text_bytes(setting, *lines), deadline=display_seconds_max)
    finally:
        await transport.close()
    if sent.error is not None:
        return {"outcome": "not shown", "next": sent.error}
    return {"outcome": "sent", "first": lines[0], "second": lines[1], "next": "look whether it shows these two lines"}


_TESTS: dict[str, Callable[[Device, float], Coroutine[Any, Any, dict[str, Any]]]] = {
    "printer": print_page,
    "scanner": _read_code,
    "scale": _weigh,
    "display": _show,
}
