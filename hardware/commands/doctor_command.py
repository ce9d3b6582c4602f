"""`till-hardware doctor`: what is wrong, why, and what to do, a line each."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from pathlib import Path

import click

from hardware.addresses import SerialAddress, parse_address
from hardware.commands.devices_given import configured
from hardware.commands.outcome import BY_STATE, Exit, gravest, print_json
from hardware.commands.status_command import ask
from hardware.devices import Device, DeviceStatus
from hardware.diagnostics import diagnose
from hardware.diagnostics.findings import Counter, Finding
from hardware.diagnostics.machine_facts import machine_facts
from hardware.discovery import discover
from hardware.printers.line_search import find_speed
from hardware.printers.profiles import profile
from hardware.probing import probe_scale
from hardware.states import DeviceState
from hardware.transports.transport import TransportError


@click.command("doctor")
@click.option("--config", type=click.Path(path_type=Path), help="The file of configured devices.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
def doctor_command(config: Path | None, as_json: bool) -> None:
    """Say what is wrong with the devices, its cause, and the next step. Only configured devices are written to."""
    devices = configured(config)
    statuses, settings = asyncio.run(_ask(devices))
    paths = tuple(
        address.path for device in devices if isinstance(address := parse_address(device.address), SerialAddress)
    )
    counter = Counter(machine_facts(paths), tuple(discover()), devices, statuses, settings)
    findings = diagnose(counter)
    if as_json:
        print_json({"findings": [asdict(finding) for finding in findings]})
    elif not findings:
        click.echo("Everything that was looked at is fine.")
    else:
        for finding in findings:
            click.echo(f"{'note' if finding.is_note else 'wrong'}: {finding.symptom}")
            click.echo(f"   because {finding.cause}")
            click.echo(f"   next: {finding.next_step}")
    raise SystemExit(int(_exit(statuses, findings)))


async def _ask(devices: tuple[Device, ...]) -> tuple[tuple[DeviceStatus, ...], dict[str, str]]:
    """How each device is; for one that does not answer, what to write in the configuration so that it does."""
    statuses = tuple(await asyncio.gather(*(ask(device) for device in devices)))
    settings: dict[str, str] = {}
    for device, status in zip(devices, statuses, strict=True):
        if status.state is DeviceState.ATTENTION and status.reason in ("no_answer", "garbled"):
            found = await (_printer_setting(device) if device.kind == "printer" else _scale_setting(device))
            if found is not None:
                settings[device.name] = found
    return statuses, settings


async def _printer_setting(device: Device) -> str | None:
    address = parse_address(device.address)
    if not isinstance(address, SerialAddress):
        return None
    found = await find_speed(address, profile(device.profile))
    return f'address = "{found}"' if found is not None and found != address else None


async def _scale_setting(device: Device) -> str | None:
    try:
        found = await probe_scale(device.address)
    except TransportError:
        return None  # it went away meanwhile
    if found is None or found.protocol == device.scale_protocol().name:
        return None
    return f'address = "{found.address}", options = {{ protocol = "{found.protocol}" }}'


def _exit(statuses: tuple[DeviceStatus, ...], findings: list[Finding]) -> Exit:
    by_status = gravest(BY_STATE[status.state] for status in statuses if (status.reason or "") != "paper_near_end")
    wrong = any(not finding.is_note for finding in findings)
    forbidden = any(finding.check == "device_forbidden" for finding in findings)
    return gravest((by_status, Exit.FORBIDDEN if forbidden else Exit.FINE, Exit.NEEDS_A_HAND if wrong else Exit.FINE))
