"""What stands on the counter: serial ports, USB printers, keyboard-like scanners. It reads, and never writes."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

from serial.tools import list_ports

from hardware.addresses import HidAddress, SerialAddress
from hardware.transports.usb_printer import usb_printer_files

SERIAL_BY_ID = Path("/dev/serial/by-id")
INPUT_BY_ID = Path("/dev/input/by-id")
found_max = 200


@dataclass(frozen=True)
class Found:
    """Something that could be a device. `kind` is what it most likely is; `allowed` whether this user may open it."""

    kind: str
    address: str
    detail: str
    allowed: bool


def discover() -> list[Found]:
    """Everything that is plugged in and may be a device, serial ports first."""
    found = [*_serial_ports(), *_usb_printers(), *_keyboards()]
    return found[:found_max]


def _serial_ports() -> list[Found]:
    links = _links(SERIAL_BY_ID)
    found = []
    for port in sorted(list_ports.comports()):
        if port.hwid == "n/a" and port.device.startswith("/dev/ttyS"):
            continue  # the kernel's built-in numbers, most of which have no plug
        path = links.get(str(Path(port.device).resolve()), port.device)
        identity = f"{port.vid:04x}:{port.pid:04x} " if port.vid is not None and port.pid is not None else ""
        found.append(
            Found("serial", str(SerialAddress(path)), f"{identity}{port.description}", _may_open(Path(port.device)))
        )
    return found


def _usb_printers() -> list[Found]:
    return [
        Found("printer", str(one.address), f"{one.name} ({one.path})".strip(), _may_open(one.path))
        for one in usb_printer_files()
    ]


def _keyboards() -> list[Found]:
    return [
        Found("keyboard", str(HidAddress(link)), Path(link).name, _may_open(Path(device)))
        for device, link in sorted(_links(INPUT_BY_ID).items())
        if link.endswith("-event-kbd")
    ]


def _links(folder: Path) -> dict[str, str]:
    """Device file → the link that names it for good."""
    links: dict[str, str] = {}
    with contextlib.suppress(OSError):
        for link in sorted(folder.iterdir()):
            links.setdefault(str(link.resolve()), str(link))
    return links


def _may_open(path: Path) -> bool:
    return os.access(path, os.R_OK | os.W_OK)
