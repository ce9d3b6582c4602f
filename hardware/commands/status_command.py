"""`till-hardware status`: opens each configured device for a moment and asks how it is."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from hardware.commands.devices_given import configured, device_given
from hardware.commands.outcome import BY_STATE, gravest, print_json, print_table
from hardware.configuration import KINDS
from hardware.devices import Attendance, Device, DeviceOwner, DeviceStatus
from hardware.printers.escpos_driver import PrinterDriver
from hardware.printers.profiles import profile
from hardware.printers.status import REMEDIES
from hardware.scales import NoWeight, ScaleDriver
from hardware.states import DeviceState


@click.command("status")
@click.argument("device", nargs=-1)
@click.option("--config", type=click.Path(path_type=Path), help="The file of configured devices.")
@click.option("--kind", type=click.Choice(KINDS), help="What stands at a given address.")
@click.option("--profile", "profile_name", help="The printer's profile.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
def status_command(
    device: tuple[str, ...], config: Path | None, kind: str | None, profile_name: str | None, as_json: bool
) -> None:
    """Ask the configured devices, or the ones named (by name or address), how they are."""
    if device:
        devices: Sequence[Device] = [device_given(one, config, kind, profile_name) for one in device]
    else:
        devices = configured(config)
    statuses = asyncio.run(_ask_all(devices))
    rows = [_row(status) for status in statuses]
    times = [f"{status.since.astimezone():%H:%M:%S}" for status in statuses]  # a person knows the day
    if as_json:
        print_json({"devices": rows})
    elif rows:
        columns = ("device", "kind", "where", "state", "since", "detail")
        print_table(
            [column.upper() for column in columns],
            ([str((row | {"since": since})[name]) for name in columns] for row, since in zip(rows, times, strict=True)),
        )
    else:
        click.echo("No device is configured; till-hardware list shows what is plugged in.")
    raise SystemExit(int(gravest(BY_STATE[status.state] for status in statuses)))


async def ask(device: Device) -> DeviceStatus:
    """How the device is now: opened, asked where it can be asked, closed."""
    known = asyncio.Event()
    answer: list[DeviceStatus] = []

    def on_change(status: DeviceStatus) -> None:
        if status.state is not DeviceState.OPENING and not (status.state is DeviceState.READY and asks):
            answer.append(status)
            known.set()

    asks = device.kind in ("printer", "scale")

    async def attend(attendance: Attendance) -> None:
        nonlocal asks
        if asks:
            reason = await _reason(device, attendance)
            asks = False
            if reason is None:
                answer.append(owner.status)
                known.set()
            else:
                attendance.attention(reason, REMEDIES[reason])
        await asyncio.Event().wait()

    owner = DeviceOwner(device, attend, on_change)
    task = asyncio.create_task(owner.run())
    waiting = asyncio.create_task(known.wait())
    await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        task.result()  # an owner ends by itself only by a mistake of ours, which must not look like a closed device
    status = answer[0] if answer else owner.status
    for running in (task, waiting):
        running.cancel()
    await asyncio.gather(task, waiting, return_exceptions=True)
    return status


async def _reason(device: Device, attendance: Attendance) -> str | None:
    """What the device itself says that it lacks."""
    if device.kind == "scale":
        reading = await ScaleDriver(attendance.transport, device.scale_protocol()).ask()
        return reading.reason if isinstance(reading, NoWeight) else None
    status = await PrinterDriver(attendance.transport, profile(device.profile)).status()
    return status.reason or status.warning


async def _ask_all(devices: Sequence[Device]) -> list[DeviceStatus]:
    return list(await asyncio.gather(*(ask(device) for device in devices)))


def _row(status: DeviceStatus) -> dict[str, Any]:
    state = status.state.value if status.reason is None else f"{status.state.value}({status.reason})"
    return {
        "device": status.name,
        "kind": status.kind,
        "where": status.address,
        "state": state,
        "since": _moment(status.since),
        "detail": status.detail,
    }


def _moment(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
