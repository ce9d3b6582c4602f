"""Device addresses: `tcp://host:port`, `serial:PATH?baud=9600`, `usb:VID:PID[:SERIAL]`, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

address_characters_max = 300
baud_max = 4_000_000
_BYTESIZES = (5, 6, 7, 8)
_PARITIES = ("N", "E", "O", "M", "S")


class AddressError(ValueError):
    """This is no device address; write tcp://host:port, serial:PATH?baud=9600 or usb:VID:PID."""


@dataclass(frozen=True)
class TcpAddress:
    """A printer server or a printer with a network card."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"tcp://{host}:{self.port}"


@dataclass(frozen=True)
class SerialAddress:
    """A serial port by its path (best a link of /dev/serial/by-id), with its line settings."""

    path: str
    baud: int = 9600
    bytesize: int = 8
    parity: str = "N"
    stopbits: float = 1.0
    dtr: bool = True

    def __str__(self) -> str:
        options = [f"baud={self.baud}"]
        if self.bytesize != 8:
            options.append(f"bytesize={self.bytesize}")
        if self.parity != "N":
            options.append(f"parity={self.parity}")
        if self.stopbits != 1.0:
            options.append(f"stopbits={self.stopbits:g}")
        if not self.dtr:
            options.append("dtr=0")
        return f"serial:{self.path}?{'&'.join(options)}"


@dataclass(frozen=True)
class UsbPrinterAddress:
    """A USB printer by vendor, product and serial number; its device file is looked up when it is opened."""

    vendor: int
    product: int
    serial: str | None = None

    def __str__(self) -> str:
        tail = f":{self.serial}" if self.serial else ""
        return f"usb:{self.vendor:04x}:{self.product:04x}{tail}"


@dataclass(frozen=True)
class HidAddress:
    """A keyboard-like scanner by its link in /dev/input/by-id."""

    path: str

    def __str__(self) -> str:
        return f"hid:{self.path}"


Address = TcpAddress | SerialAddress | UsbPrinterAddress | HidAddress


def parse_address(text: str) -> Address:
    """The address that a configuration or a command line names.

    Raises `AddressError` with what is wrong in it.
    """
    if len(text) > address_characters_max or not text.isprintable():
        raise AddressError("a device address is one short line of printable characters")
    if text.startswith("tcp://"):
        return _tcp(text)
    kind, colon, rest = text.partition(":")
    if colon and kind == "serial":
        return _serial(rest)
    if colon and kind == "usb":
        return _usb(rest)
    if colon and kind == "hid" and rest:
        return HidAddress(rest)
    raise AddressError(f"{text!r} is no device address: write tcp://host:port, serial:PATH?baud=9600 or usb:VID:PID")


def _tcp(text: str) -> TcpAddress:
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise AddressError(f"{text!r}: {error}") from None
    if not host or port is None or parts.path.strip("/") or parts.query:
        raise AddressError(f"{text!r}: write tcp://host:port, for a printer mostly port 9100")
    return TcpAddress(host, port)


def _serial(rest: str) -> SerialAddress:
    path, _, query = rest.partition("?")
    if not path:
        raise AddressError("serial: needs a path, as serial:/dev/serial/by-id/NAME?baud=9600")
    options = dict(parse_qsl(query, keep_blank_values=True))
    address = SerialAddress(
        path,
        baud=_number(options.pop("baud", "9600"), "baud", 1, baud_max),
        bytesize=_number(options.pop("bytesize", "8"), "bytesize", _BYTESIZES[0], _BYTESIZES[-1]),
        parity=_one_of(options.pop("parity", "N").upper(), "parity", _PARITIES),
        stopbits=float(_one_of(options.pop("stopbits", "1"), "stopbits", ("1", "1.5", "2"))),
        dtr=_one_of(options.pop("dtr", "1"), "dtr", ("0", "1")) == "1",
    )
    if options:
        raise AddressError(f"a serial address has no option {sorted(options)[0]!r}")
    return address


def _usb(rest: str) -> UsbPrinterAddress:
    fields = rest.split(":", 2)
    try:
        vendor, product = (int(field, 16) for field in fields[:2])
    except ValueError:
        raise AddressError(f"usb:{rest}: write usb:VID:PID or usb:VID:PID:SERIAL, both in hexadecimal") from None
    if not (0 <= vendor <= 0xFFFF and 0 <= product <= 0xFFFF):
        raise AddressError(f"usb:{rest}: vendor and product have four hexadecimal digits")
    return UsbPrinterAddress(vendor, product, fields[2] if len(fields) == 3 and fields[2] else None)


def _number(text: str, what: str, lowest: int, highest: int) -> int:
    if text.isascii() and text.isdigit() and lowest <= int(text) <= highest:
        return int(text)
    raise AddressError(f"{what} is a whole number from {lowest} to {highest}, not {text!r}")


def _one_of(text: str, what: str, allowed: tuple[str, ...]) -> str:
    if text not in allowed:
        raise AddressError(f"{what} is one of {', '.join(allowed)}, not {text!r}")
    return text
