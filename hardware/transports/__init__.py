"""The wires: everything in this package that opens, writes, reads and closes; nothing else does IO."""

from __future__ import annotations

from hardware.addresses import HidAddress, SerialAddress, TcpAddress, UsbPrinterAddress, parse_address
from hardware.transports.input_device import InputDeviceTransport
from hardware.transports.serial_port import SerialTransport
from hardware.transports.tcp import TcpTransport
from hardware.transports.transport import (
    Busy,
    Forbidden,
    LineLost,
    NotThere,
    Transport,
    TransportError,
    WriteResult,
)
from hardware.transports.usb_printer import UsbPrinterTransport

__all__ = [
    "Busy",
    "Forbidden",
    "LineLost",
    "NotThere",
    "Transport",
    "TransportError",
    "WriteResult",
    "open_transport",
]


def open_transport(address: str) -> Transport:
    """The transport for a device address, made but not yet opened.

    Raises `AddressError` where the text names no device.
    """
    parsed = parse_address(address)
    match parsed:
        case TcpAddress():
            return TcpTransport(parsed)
        case SerialAddress():
            return SerialTransport(parsed)
        case UsbPrinterAddress():
            return UsbPrinterTransport(parsed)
        case HidAddress():
            return InputDeviceTransport(parsed)
