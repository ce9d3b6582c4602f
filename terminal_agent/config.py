"""What a person may choose on a terminal: `terminal.toml` in the state directory, each overridden by its flag.

listen = "127.0.0.1:7610"        # the local API; loopback alone
ca_file = "/etc/till/ca.pem"     # the server's certificate authority, where it is the shop's own
reserve_bytes = 67108864         # space kept for the sale that finds the disk full
free_bytes_min = 16777216        # with less than this no sale begins

[[device]]
name = "receipts"
kind = "printer"
address = "tcp://192.0.2.10:9100"
profile = "TM-T88V"

[[device]]
name = "scanner"
kind = "scanner"
address = "serial:/dev/serial/by-id/usb-scanner?baud=9600"
"""

import tomllib
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from hardware.configuration import ConfigurationError, devices_from_dict
from hardware.devices import Device
from hardware.printers.profiles import profile
from terminal_agent.disk_space import free_bytes_min_default, reserve_bytes_default
from terminal_agent.state_directory import authority_name

listen_default: Final = "127.0.0.1:7610"
columns_default: Final = 42


class ConfigError(Exception):
    """`terminal.toml` or a flag is not as it should be; the message says which and how."""


class Listen(Struct, frozen=True):
    host: str
    port: int


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    listen: str = listen_default
    ca_file: str | None = None
    reserve_bytes: int = reserve_bytes_default
    free_bytes_min: int = free_bytes_min_default
    device: tuple[dict[str, Any], ...] = ()


class Config(Struct, frozen=True):
    """A terminal's local choices."""

    listen: Listen
    ca_file: Path | None
    reserve_bytes: int
    free_bytes_min: int
    devices: tuple[Device, ...]

    @property
    def columns(self) -> int:
        """How many characters the paper of the first printer is wide."""
        for device in self.devices:
            if device.kind == "printer":
                return profile(device.profile).columns
        return columns_default


def read_config(path: Path, *, listen: str | None = None, ca_file: Path | None = None) -> Config:
    """The choices of a file, overridden by flags; without a file the defaults, and the authority of the enrolment.

    Raises `ConfigError`.
    """
    try:
        raw = tomllib.loads(path.read_text()) if path.exists() else {}
        file = msgspec.convert(raw, _File)
        devices = devices_from_dict({"device": list(file.device)})
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError, ConfigurationError) as error:
        raise ConfigError(f"{path}: {error}") from error
    if file.reserve_bytes < 0 or file.free_bytes_min < 0:
        raise ConfigError(f"{path}: reserve_bytes and free_bytes_min are 0 or more")
    enrolled = path.with_name(authority_name)
    authority = ca_file or (Path(file.ca_file) if file.ca_file else enrolled if enrolled.exists() else None)
    return Config(
        read_listen(listen or file.listen), authority, file.reserve_bytes, file.free_bytes_min, tuple(devices)
    )


def read_listen(text: str) -> Listen:
    """`HOST:PORT` on loopback, port 0 for any free one. Raises `ConfigError`."""
    host, _, port = text.rpartition(":")
    host = host.strip("[]")
    if not host or not (port.isascii() and port.isdigit()) or int(port) > 65_535:
        raise ConfigError(f"{text!r} is no HOST:PORT; use one such as {listen_default}")
    try:
        loopback = host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise ConfigError(f"the local API listens on loopback alone; use one such as {listen_default}")
    return Listen(host, int(port))
