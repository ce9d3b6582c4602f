"""Which devices a command is about: those of the configuration file, or one given by its address."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from hardware.addresses import AddressError, SerialAddress, parse_address
from hardware.commands.outcome import Exit, fail
from hardware.configuration import ConfigurationError, devices_from_dict, devices_from_toml
from hardware.devices import Device

CONFIG_VARIABLE = "TILL_HARDWARE_CONFIG"


def default_config() -> Path:
    """The configuration file where none is named: `TILL_HARDWARE_CONFIG`, else the user's own."""
    named = os.environ.get(CONFIG_VARIABLE)
    return Path(named) if named else Path(click.get_app_dir("tillstream")) / "hardware.toml"


def configured(path: Path | None) -> tuple[Device, ...]:
    """The configured devices; none where there is no file and none was named."""
    wanted = path or default_config()
    try:
        return devices_from_toml(wanted)
    except FileNotFoundError:
        if path is None and CONFIG_VARIABLE not in os.environ:
            return ()
        fail(f"there is no {wanted}; write one with till-hardware configure", Exit.USAGE)
    except OSError as error:
        fail(f"{wanted} cannot be read: {error.strerror}; check its permissions", Exit.FORBIDDEN)
    except ConfigurationError as error:
        fail(str(error), Exit.USAGE)


def device_given(what: str, path: Path | None, kind: str | None, profile: str | None) -> Device:
    """The device of this name in the configuration, or the one at this address."""
    devices = configured(path)
    for device in devices:
        if device.name == what:
            return device
    entry: dict[str, Any] = {"name": "given", "address": what, "kind": kind or _likely_kind(what, devices)}
    if profile is not None:
        entry["profile"] = profile
    try:
        return devices_from_dict({"device": [entry]})[0]
    except ConfigurationError as error:
        fail(str(error), Exit.USAGE)


def _likely_kind(what: str, devices: tuple[Device, ...]) -> str:
    try:
        address = parse_address(what)
    except AddressError as error:
        names = ", ".join(device.name for device in devices)
        known = f"; configured are {names}" if names else "; no device is configured"
        fail(f"{error}{known}", Exit.USAGE)
    return "scanner" if isinstance(address, SerialAddress) else "printer"
