"""When something was plugged in: udev's events where pyudev and a running udevd are, else a look every two seconds.

udev's events and not the kernel's, since those come before permissions are set (vxsuite#8092). A look compares which
device files are there; nothing is opened. A device on the network is never plugged in: its owner tries it by the clock.
"""

from __future__ import annotations

import asyncio
import importlib
from pathlib import Path
from typing import Any

from hardware.addresses import HidAddress, SerialAddress, TcpAddress, UsbPrinterAddress, parse_address
from hardware.transports.usb_printer import usb_printer_files

look_seconds = 2.0
UDEV_CONTROL = Path("/run/udev/control")
_SUBSYSTEMS = {SerialAddress: "tty", UsbPrinterAddress: "usbmisc", HidAddress: "input"}

DeviceFile = tuple[str, int, int]
"""Path, device number, and when it was changed last."""


def udev_module() -> Any | None:
    """The pyudev module where it is installed, and its library with it; None else."""
    try:
        return importlib.import_module("pyudev")
    except ImportError:
        return None


def started_monitor(udev: Any, subsystem: str) -> Any:
    """A monitor of udev's events of this subsystem; raises `OSError` where this machine does not give one."""
    monitor = udev.Monitor.from_netlink(udev.Context(), source="udev")
    monitor.filter_by(subsystem)
    monitor.start()
    return monitor


class PlugWatch:
    """Notices a device of this kind that is plugged in from now on, so make it before the try that may fail."""

    def __init__(self, address: str) -> None:
        self._where = parse_address(address)
        of_network = isinstance(self._where, TcpAddress)
        self._monitor = None if of_network else _monitor(_SUBSYSTEMS[type(self._where)])
        self._seen: frozenset[DeviceFile] = frozenset()
        if not of_network and self._monitor is None:
            self._seen = _device_files(self._where)

    async def noticed(self, *, seconds: float | None = None) -> None:
        """Come back when one was plugged in; cancel to give up. `seconds` between two looks."""
        if isinstance(self._where, TcpAddress):
            await asyncio.Event().wait()
        if self._monitor is not None:
            await _event(self._monitor)
            return
        while True:
            now = _device_files(self._where)
            if now - self._seen:
                return
            self._seen = now
            await asyncio.sleep(look_seconds if seconds is None else seconds)


def _monitor(subsystem: str) -> Any | None:
    udev = udev_module() if UDEV_CONTROL.exists() else None
    if udev is None:
        return None
    try:
        return started_monitor(udev, subsystem)
    except OSError:
        return None  # looking works everywhere


async def _event(monitor: Any) -> None:
    added = asyncio.Event()

    def on_readable() -> None:
        device = monitor.poll(timeout=0)
        if device is not None and device.action != "remove":
            added.set()

    loop = asyncio.get_running_loop()
    loop.add_reader(monitor.fileno(), on_readable)
    try:
        await added.wait()
    finally:
        loop.remove_reader(monitor.fileno())


def _device_files(where: object) -> frozenset[DeviceFile]:
    """The files that the address may mean; one that was replugged or got other permissions counts as another."""
    if isinstance(where, UsbPrinterAddress):
        paths = [found.path for found in usb_printer_files()]
    else:
        assert isinstance(where, (SerialAddress, HidAddress))
        paths = [Path(where.path)]
    files: set[DeviceFile] = set()
    for path in paths:
        try:
            status = path.stat()
        except OSError:
            continue  # not plugged in
        files.add((str(path), status.st_rdev, status.st_ctime_ns))
    return frozenset(files)
