"""`till-hardware configure`: asks what stands on the counter and writes the one configuration file."""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import click

from hardware.commands.devices_given import configured, default_config
from hardware.commands.outcome import Exit, fail
from hardware.commands.status_command import ask
from hardware.configuration import ConfigurationError, devices_from_dict
from hardware.devices import Device
from hardware.discovery import Found, discover
from hardware.printers.profiles import PROFILES
from hardware.states import DeviceState

_NAMES = {"printer": "receipts", "scanner": "scanner", "scale": "scale", "display": "display"}
_KINDS = {"serial": "scanner", "printer": "printer", "keyboard": "scanner"}


@click.command("configure")
@click.option("--config", type=click.Path(path_type=Path), help="The file to write.")
@click.option("--by-address", is_flag=True, help="Ask for addresses alone; look for nothing that is plugged in.")
def configure_command(config: Path | None, by_address: bool) -> None:
    """Ask which devices the till has, try each, and write them down. What is configured already stays."""
    path = config or default_config()
    devices = list(configured(path)) if path.exists() else []
    for device in devices:
        click.echo(f"configured: {device.name}, a {device.kind} at {device.address}")
    taken = {device.address for device in devices}
    for found in [] if by_address else discover():
        if found.address not in taken and click.confirm(f"Use {found.detail or found.address} ({found.kind})?"):
            devices.append(_ask_about(devices, found))
    while click.confirm("Add another device by its address (a network printer, for instance)?", default=False):
        devices.append(_ask_about(devices, None))
    if not devices:
        fail("nothing to write: no device was chosen; plug one in, or have a printer's address ready")
    try:
        write_configuration(path, tuple(devices))
    except OSError as error:
        fail(f"{path} cannot be written: {error.strerror}; name another place with --config", Exit.FORBIDDEN)
    click.echo(f"written: {path}. Try each with till-hardware test NAME.")


def write_configuration(path: Path, devices: tuple[Device, ...]) -> None:
    """Write the file whole or not at all; it is read by the till, so everyone may read it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".hardware-", suffix=".toml")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(configuration_text(devices))
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def configuration_text(devices: tuple[Device, ...]) -> str:
    """The devices as TOML, as `devices_from_toml` reads them."""
    lines = ["# The devices of this till; written by till-hardware configure, may be edited by hand."]
    for device in devices:
        lines += ["", "[[device]]"]
        fields: dict[str, Any] = {"name": device.name, "kind": device.kind, "address": device.address}
        if device.kind == "printer":
            fields["profile"] = device.profile
        lines += [f"{name} = {_toml(value)}" for name, value in fields.items()]
        if device.options:
            options = ", ".join(f"{name} = {_toml(value)}" for name, value in device.options.items())
            lines.append(f"options = {{ {options} }}")
    return "\n".join(lines) + "\n"


def _ask_about(devices: list[Device], found: Found | None) -> Device:
    """One device, asked until it is one that can be written down."""
    while True:
        entry = _entry(devices, found)
        try:
            device = devices_from_dict({"device": [entry]})[0]
            if device.name in {other.name for other in devices}:
                raise ConfigurationError(f"there is a {device.name!r} already; take another name")
        except ConfigurationError as error:
            click.echo(str(error), err=True)
            continue
        status = asyncio.run(ask(device))
        reason = f" ({status.reason})" if status.reason else ""
        click.echo(f"{device.name} is {status.state.value}{reason}. {status.detail}".rstrip())
        if status.state is DeviceState.READY or click.confirm("Write it down all the same?", default=True):
            return device


def _entry(devices: list[Device], found: Found | None) -> dict[str, Any]:
    kind = click.prompt(
        "What is it?",
        type=click.Choice(list(_NAMES)),
        default=_KINDS.get(found.kind, "printer") if found else "printer",
    )
    names = {device.name for device in devices}
    name = next(
        name for name in (_NAMES[kind], *(f"{_NAMES[kind]}-{number}" for number in range(2, 99))) if name not in names
    )
    entry = {
        "name": click.prompt("Its name", default=name),
        "kind": kind,
        "address": found.address if found else click.prompt("Its address (tcp://HOST:9100, serial:PATH?baud=9600)"),
    }
    if kind == "printer":
        entry["profile"] = click.prompt("Its profile", type=click.Choice(list(PROFILES)), default="generic-80mm")
    return entry


def _toml(value: Any) -> str:
    return json.dumps(value, ensure_ascii=True)
