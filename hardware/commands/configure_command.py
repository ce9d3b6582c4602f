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
from hardware.commands.questions import ask_about
from hardware.commands.test_command import print_page
from hardware.devices import Device
from hardware.discovery import Found, discover
from hardware.network_printers import NoMdns, network_printers
from hardware.transports.transport import TransportError

test_page_seconds_max = 30.0


@click.command("configure")
@click.option("--config", type=click.Path(path_type=Path), help="The file to write.")
@click.option("--by-address", is_flag=True, help="Ask for addresses alone; look for nothing that is plugged in.")
@click.option("--network", is_flag=True, help="Also ask the network for printers, for three seconds (needs zeroconf).")
def configure_command(config: Path | None, by_address: bool, network: bool) -> None:
    """Ask which devices the till has, try each, and write them down. What is configured already stays."""
    path = config or default_config()
    devices = list(configured(path)) if path.exists() else []
    for device in devices:
        click.echo(f"configured: {device.name}, a {device.kind} at {device.address}")
    taken = {device.address for device in devices}
    new: list[Device] = []
    for found in _found(by_address, network):
        if found.address not in taken and click.confirm(f"Use {found.detail or found.address} ({found.kind})?"):
            new += filter(None, [ask_about([*devices, *new], found)])
    while click.confirm("Add a device by its address (a network printer, for instance)?", default=not devices + new):
        new += filter(None, [ask_about([*devices, *new], None)])
    devices += new
    if not devices:
        fail("nothing to write: no device was chosen; plug one in, or have a printer's address ready")
    try:
        write_configuration(path, tuple(devices))
    except OSError as error:
        fail(f"{path} cannot be written: {error.strerror}; name another place with --config", Exit.FORBIDDEN)
    click.echo(f"written: {path}. Try each with till-hardware test NAME.")
    for device in new:
        if device.kind == "printer" and click.confirm(f"Print a test page on {device.name}?", default=True):
            _try(device)


def _found(by_address: bool, network: bool) -> list[Found]:
    found = [] if by_address else discover()
    if network:
        try:
            found += network_printers()
        except NoMdns as error:
            fail(str(error))
    return found


def _try(device: Device) -> None:
    """Print the test page; what is wrong is said, and the device stays written down."""
    try:
        outcome = asyncio.run(print_page(device, test_page_seconds_max))
    except TransportError as error:
        click.echo(str(error))
        return
    click.echo(f"{outcome['outcome']}: {outcome['next']}" if "next" in outcome else outcome["outcome"])


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


def _toml(value: Any) -> str:
    return json.dumps(value, ensure_ascii=True)
