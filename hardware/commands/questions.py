"""What `till-hardware configure` asks about one device, so that a person answers as little as possible.

A printer that answers says its model, and a scale its protocol, so these are only proposed or not asked at all. Each
address is checked where it is typed; a bare host name is a printer's, on port 9100.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import click

from hardware.addresses import AddressError, HidAddress, parse_address
from hardware.commands.status_command import ask
from hardware.configuration import ConfigurationError, devices_from_dict
from hardware.devices import Device
from hardware.discovery import Found
from hardware.printers.profiles import PROFILES, profile_of_model
from hardware.probing import Probed, probe_printer, probe_scale
from hardware.scales import PROTOCOLS
from hardware.scanners.keymaps import LAYOUTS
from hardware.states import DeviceState
from hardware.transports.transport import TransportError

printer_port = 9100
same_kind_max = 50
_NAMES = {"printer": "receipts", "scanner": "scanner", "scale": "scale", "display": "display"}
_KINDS = {"serial": "scanner", "printer": "printer", "keyboard": "scanner", "network printer": "printer"}
_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*(:\d{1,5})?")


@dataclass
class _Answers:
    """What is known of the device so far."""

    address: str
    fields: dict[str, Any] = field(default_factory=dict)


def ask_about(devices: Sequence[Device], found: Found | None) -> Device | None:
    """One device that can be written down; None where the person would rather not."""
    proposed = _KINDS.get(found.kind, "printer") if found else "printer"
    kind = click.prompt("What is it?", type=click.Choice(list(_NAMES)), default=proposed)
    answers = _Answers(found.address if found else _address(kind))
    _SETTINGS[kind](answers)
    device = _named(devices, {"kind": kind, "address": answers.address, **answers.fields})
    status = asyncio.run(ask(device))
    reason = f" ({status.reason})" if status.reason else ""
    click.echo(f"{device.name} is {status.state.value}{reason}. {status.detail}".rstrip())
    if status.state is DeviceState.READY or click.confirm("Write it down all the same?", default=True):
        return device
    return None


def completed(kind: str, text: str) -> str:
    """The address that a person means: a path is a serial port, a bare host a printer on port 9100."""
    text = text.strip()
    if text.startswith("/"):
        return f"serial:{text}"
    if kind == "printer" and _HOST.fullmatch(text):
        return f"tcp://{text}" if ":" in text else f"tcp://{text}:{printer_port}"
    return text


def _address(kind: str) -> str:
    example = "192.0.2.10 or serial:PATH?baud=9600" if kind == "printer" else "serial:PATH?baud=9600"
    while True:
        text = completed(kind, click.prompt(f"Its address ({example})"))
        try:
            return str(parse_address(text))
        except AddressError as error:
            click.echo(str(error), err=True)


def _named(devices: Sequence[Device], entry: dict[str, Any]) -> Device:
    names = {device.name for device in devices}
    first = _NAMES[entry["kind"]]
    free = next(one for one in (first, *(f"{first}-{n}" for n in range(2, same_kind_max))) if one not in names)
    while True:
        name = click.prompt("Its name", default=free)
        try:
            device = devices_from_dict({"device": [{"name": name, **entry}]})[0]
        except ConfigurationError as error:
            click.echo(str(error), err=True)
            continue
        if device.name not in names:
            return device
        click.echo(f"there is a {device.name!r} already; take another name", err=True)


def _printer(answers: _Answers) -> None:
    answered = _probed(probe_printer, answers.address)
    known = profile_of_model(answered.detail) if answered else None
    if answered:
        click.echo(f"It answers: {answered.detail}.")
    answers.fields["profile"] = click.prompt(
        "Its profile",
        type=click.Choice(list(PROFILES), case_sensitive=False),
        default=known.name if known else "generic-80mm",
    )


def _scale(answers: _Answers) -> None:
    answered = _probed(probe_scale, answers.address)
    if answered:
        click.echo(f"It answers: {answered.detail}.")
        answers.address = answered.address
        answers.fields["options"] = {"protocol": answered.protocol}
    else:
        protocol = click.prompt("Its protocol", type=click.Choice(list(PROTOCOLS)), default="toledo-8217")
        answers.fields["options"] = {"protocol": protocol}


def _display(answers: _Answers) -> None:
    language = click.prompt("Its language", type=click.Choice(["epson", "cd5220"]), default="epson")
    answers.fields["options"] = {"language": language}


def _scanner(answers: _Answers) -> None:
    if isinstance(parse_address(answers.address), HidAddress):
        layout = click.prompt("The keyboard that it is set to", type=click.Choice(list(LAYOUTS)), default="us")
        answers.fields["options"] = {"layout": layout}


def _probed(probe: Callable[[str], Any], address: str) -> Probed | None:
    try:
        answered: Probed | None = asyncio.run(probe(address))
    except TransportError:
        return None  # its state is told when it has a name
    return answered


_SETTINGS: dict[str, Callable[[_Answers], None]] = {
    "printer": _printer,
    "scanner": _scanner,
    "scale": _scale,
    "display": _display,
}
