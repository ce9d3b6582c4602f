"""`till-hardware watch`: each scan as it is read and understood, or each change of a device, until it is stopped."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from hardware.commands.decoded import decoded
from hardware.commands.devices_given import device_given
from hardware.commands.outcome import BY_STATE, Exit, fail
from hardware.devices import Attendance, Device, DeviceOwner, DeviceStatus, own_printer, own_scale, own_scanner
from hardware.printers.escpos_driver import PrinterDriver
from hardware.printers.status import REMEDIES
from hardware.scales import NoWeight, ScaleDriver, Weight
from hardware.scanners.framing import Scan

STATE_VARIABLE, TOKEN_FILE = "TILL_TERMINAL_STATE_DIR", "local-api-token"  # the till's own names
watch_seconds = 1.0
scale_seconds = 0.25
told_seconds = 10.0  # a printer that tells its changes is asked only to see that it is alive
till_seconds_max = 3.0
till_answer_bytes_max = 1_048_576


@dataclass(frozen=True)
class Till:
    """The local API of a till that runs beside the device."""

    url: str
    token: str


@click.command("watch")
@click.argument("device")
@click.option("--config", type=click.Path(path_type=Path), help="The file of configured devices.")
@click.option("--kind", type=click.Choice(("printer", "scanner", "scale")), help="What stands at a given address.")
@click.option("--profile", "profile_name", help="The printer's profile.")
@click.option("--count", type=click.IntRange(min=1), help="Stop after so many scans or changes.")
@click.option("--till", "till_url", default="http://127.0.0.1:7610", help="The till whose products are looked up.")
@click.option(
    "--till-token",
    type=click.Path(path_type=Path),
    help=f"The till's local-api-token file; by default the one in {STATE_VARIABLE}.",
)
def watch_command(
    device: str,
    config: Path | None,
    kind: str | None,
    profile_name: str | None,
    count: int | None,
    till_url: str,
    till_token: Path | None,
) -> None:
    """Show what DEVICE (a configured name or an address) reads or reports. A till that runs holds its own devices."""
    given = device_given(device, config, kind, profile_name)
    till = None
    state = os.environ.get(STATE_VARIABLE)
    if till_token is None and state and (Path(state) / TOKEN_FILE).exists():
        till_token = Path(state) / TOKEN_FILE
    if till_token is not None:
        try:
            till = Till(till_url.rstrip("/"), till_token.read_text(encoding="ascii").strip())
        except (OSError, UnicodeDecodeError):
            fail(f"{till_token} cannot be read; it stands in the till's state directory", Exit.USAGE)
    status = asyncio.run(_watch(given, count, till))
    raise SystemExit(int(BY_STATE[status.state]) if status is not None else 0)


async def _watch(device: Device, count: int | None, till: Till | None) -> DeviceStatus | None:
    """Until it is stopped, or `count` things were shown; the last state where the device was never ready."""
    stop = asyncio.Event()
    shown = 0
    was_ready = False
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)

    def one_more() -> None:
        nonlocal shown
        shown += 1
        if count is not None and shown >= count:
            stop.set()

    def on_change(status: DeviceStatus) -> None:
        nonlocal was_ready
        if stop.is_set():
            return  # that it is closed at the end is no news
        was_ready = was_ready or status.state.value == "ready"
        reason = f"({status.reason})" if status.reason else ""
        click.echo(
            f"{status.since.astimezone():%H:%M:%S} {status.name} {status.state.value}{reason} {status.detail}".rstrip()
        )
        if device.kind != "scanner" and status.state.value != "opening":
            one_more()

    async def on_scan(scan: Scan) -> None:
        click.echo(_shown(scan))
        if till is not None:
            click.echo(f"         {await asyncio.to_thread(look_up, till, scan.text)}")
        one_more()

    owner = _owner(device, on_scan, on_change)
    task = asyncio.create_task(owner.run())
    await stop.wait()
    last = owner.status
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    if counted := _counted(owner.counts):
        click.echo(f"counted: {counted}")
    return None if was_ready else last


def _owner(device: Device, on_scan: Callable[[Scan], Any], on_change: Callable[[DeviceStatus], None]) -> DeviceOwner:
    if device.kind == "scanner":
        return own_scanner(device, on_scan, on_change)
    if device.kind == "scale":
        return own_scale(device, _watch_scale, on_change)
    if device.kind == "display":
        fail("a display says nothing that could be watched; till-hardware test shows two lines on it", Exit.USAGE)
    return own_printer(device, _watch_printer, on_change)


async def _watch_printer(driver: PrinterDriver, attendance: Attendance) -> None:
    status = await driver.status()
    while True:
        reason = status.reason or status.warning
        attendance.report(reason, REMEDIES[reason] if reason else "")
        status = await driver.next_status(within=told_seconds if driver.profile.automatic else watch_seconds)


async def _watch_scale(driver: ScaleDriver, attendance: Attendance) -> None:
    """Show the load each time it is another one, and what keeps the scale from weighing it."""
    last: Weight | None = None
    while True:
        reading = await driver.ask()
        if isinstance(reading, NoWeight):
            attendance.report(reading.reason, REMEDIES[reading.reason])
        else:
            attendance.ready()
            if reading != last:
                click.echo(f"         {reading.milli} thousandths {reading.unit}{' net' if reading.net else ''}")
            last = reading
        await asyncio.sleep(scale_seconds)


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {number}" for name, number in counts.items() if number)


def _shown(scan: Scan) -> str:
    found = decoded(scan)
    fields = " ".join(f"{name}={value}" for name, value in found.items() if name not in ("text", "raw") and value)
    return f"{scan.at.astimezone():%H:%M:%S} {scan.text!r} [{found['raw']}] {fields}"


def look_up(till: Till, text: str) -> str:
    """What the till sells under this code, in a line; also why it could not be asked."""
    request = urllib.request.Request(  # noqa: S310  (the till's own API, whose address the person gave)
        f"{till.url}/v1/products?query={urllib.parse.quote(text)}", headers={"Authorization": f"Bearer {till.token}"}
    )
    try:
        with urllib.request.urlopen(request, timeout=till_seconds_max) as answer:  # noqa: S310
            products = json.loads(answer.read(till_answer_bytes_max)).get("products", [])
    except (urllib.error.URLError, OSError, ValueError, AttributeError) as error:
        return f"not looked up: {error}"
    if not products:
        return "the till knows no such product"
    product = products[0]
    price = product.get("unit_price_minor", product.get("price_minor"))
    return f"{product.get('name')} (sku {product.get('sku')}, price {price})"
