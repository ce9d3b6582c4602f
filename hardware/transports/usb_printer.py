"""A USB printer through the kernel's printer file (`/dev/usb/lp*`), found by vendor, product and serial number."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hardware.addresses import UsbPrinterAddress
from hardware.transports.transport import NotThere, Transport, refusal

SYSFS = Path("/sys/class/usbmisc")
DEVICE_FOLDER = Path("/dev/usb")


@dataclass(frozen=True)
class UsbPrinterFile:
    """A printer file with the USB identity behind it."""

    path: Path
    vendor: int
    product: int
    serial: str | None
    name: str

    @property
    def address(self) -> UsbPrinterAddress:
        """The address to configure, with the serial number where the printer has one."""
        return UsbPrinterAddress(self.vendor, self.product, self.serial)


def usb_printer_files(sysfs: Path = SYSFS, devices: Path = DEVICE_FOLDER) -> Iterator[UsbPrinterFile]:
    """The printer files that the kernel has made, in the order of their numbers; reads sysfs and writes nothing."""
    with contextlib.suppress(OSError):
        for entry in sorted(sysfs.glob("lp*")):
            device = _usb_device(entry)
            if device is not None:
                with contextlib.suppress(ValueError):
                    yield UsbPrinterFile(
                        devices / entry.name,
                        int(_attribute(device, "idVendor") or "", 16),
                        int(_attribute(device, "idProduct") or "", 16),
                        _attribute(device, "serial"),
                        " ".join(filter(None, (_attribute(device, "manufacturer"), _attribute(device, "product")))),
                    )


class UsbPrinterTransport(Transport):
    """The printer file of one USB printer; after a replug it may have another number, so it is looked up each time."""

    def __init__(self, address: UsbPrinterAddress, *, sysfs: Path = SYSFS, devices: Path = DEVICE_FOLDER) -> None:
        super().__init__(str(address))
        self._where = address
        self._sysfs, self._devices = sysfs, devices

    async def identity(self) -> str:
        """The printer file, with or without a serial number in its address."""
        try:
            return f"file:{self._find().path}"
        except NotThere:
            return self.address.lower()

    async def _open(self) -> int:
        return await asyncio.to_thread(self._open_file)

    def _open_file(self) -> int:
        found = self._find()
        try:
            return os.open(found.path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise refusal(error, f"{self.address} ({found.path})", "lp") from None

    def _find(self) -> UsbPrinterFile:
        for candidate in usb_printer_files(self._sysfs, self._devices):
            same_kind = (candidate.vendor, candidate.product) == (self._where.vendor, self._where.product)
            if same_kind and self._where.serial in (None, candidate.serial):
                return candidate
        raise NotThere(
            f"no printer file for {self.address}",
            "switch the printer on; if lsusb shows it, load the kernel module usblp",
        )

    def _close(self, fd: int) -> None:
        os.close(fd)


def _usb_device(entry: Path) -> Path | None:
    """The USB device above the interface that the printer file belongs to."""
    folder = (entry / "device").resolve()
    for candidate in (folder, *folder.parents):
        if (candidate / "idVendor").exists():
            return candidate
    return None


def _attribute(device: Path, name: str) -> str | None:
    try:
        return (device / name).read_text(errors="replace").strip() or None
    except OSError:
        return None
