"""The one TOML file that says which devices a till has.

[[device]]
name = "receipts"
kind = "printer"
address = "tcp://192.0.2.10:9100"
profile = "TM-T88V"

[[device]]
name = "scanner"
kind = "scanner"
address = "serial:/dev/serial/by-id/usb-Honeywell?baud=9600"
options = { suffix = "CR" }
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hardware.addresses import AddressError, HidAddress, parse_address
from hardware.devices import Device
from hardware.printers.profiles import UnknownProfile, profile

devices_max = 50
configuration_bytes_max = 1_048_576
KINDS = ("printer", "scanner", "scale", "display")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}")
_FIELDS = {"name", "kind", "address", "profile", "options"}


class ConfigurationError(ValueError):
    """The configuration of the devices cannot be used; the message says what to change."""


def devices_from_toml(path: Path) -> tuple[Device, ...]:
    """The devices of a configuration file; raises `ConfigurationError`, `FileNotFoundError`."""
    if path.stat().st_size > configuration_bytes_max:
        raise ConfigurationError(f"{path} is no configuration: it is longer than {configuration_bytes_max:,} bytes")
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: {error}") from None
    try:
        return devices_from_dict(content)
    except ConfigurationError as error:
        raise ConfigurationError(f"{path}: {error}") from None


def devices_from_dict(content: Mapping[str, Any]) -> tuple[Device, ...]:
    """The devices of a configuration that is already read; raises `ConfigurationError`."""
    entries = content.get("device", [])
    if not isinstance(entries, list) or len(entries) > devices_max:
        raise ConfigurationError(f"devices are written as [[device]], at most {devices_max} of them")
    devices = tuple(_device(entry, number) for number, entry in enumerate(entries, start=1))
    names = [device.name for device in devices]
    for name in names:
        if names.count(name) > 1:
            raise ConfigurationError(f"two devices are called {name!r}; give one of them another name")
    return devices


def _device(entry: Any, number: int) -> Device:
    if not isinstance(entry, dict):
        raise ConfigurationError(f"device {number} is no table; write [[device]] above it")
    for field in entry:
        if field not in _FIELDS:
            raise ConfigurationError(f"device {number} has an unknown field {field!r}; known are {sorted(_FIELDS)}")
    name, kind, address = entry.get("name"), entry.get("kind"), entry.get("address")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ConfigurationError(f"device {number} needs a name of letters, digits, - and _, at most 40")
    if kind not in KINDS:
        raise ConfigurationError(f"{name}: kind is one of {', '.join(KINDS)}")
    if not isinstance(address, str):
        raise ConfigurationError(f"{name}: the address is missing")
    options = entry.get("options", {})
    if not isinstance(options, dict):
        raise ConfigurationError(f"{name}: options are written as {{ key = value }}")
    device = Device(name, kind, address, str(entry.get("profile", "generic-80mm")), options)
    try:
        if isinstance(parse_address(address), HidAddress) and kind != "scanner":
            raise ConfigurationError(f"{name}: only a scanner can be a keyboard")
        profile(device.profile)
        device.scanner_config()
        device.scale_protocol()
        device.display_setting()
    except (AddressError, UnknownProfile, ValueError, TypeError) as error:
        raise ConfigurationError(f"{name}: {error}") from None
    return device
