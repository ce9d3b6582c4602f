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


async def plugged_in(address: str, *, seconds: float | None = None) -> None:
    """Come back when a device of this kind was plugged in; cancel to give up. `seconds` between two looks."""
    where = parse_address(address)
    if isinstance(where, TcpAddress):
        await asyncio.Event().wait()
    monitor = _monitor(_SUBSYSTEMS[type(where)])
    if monitor is not None:
        await _event(monitor)
        return
    seen = _device_files(where)
    while True:
        await asyncio.sleep(look_seconds if seconds is None else seconds)
        now = _device_files(where)
        if now - seen:
            return
        seen = now


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


def _device_files(where: object) -> frozenset[tuple[str, int, int]]:
    """The files that the address may mean; one that was replugged or got other permissions counts as another."""
    if isinstance(where, UsbPrinterAddress):
        paths = [found.path for found in usb_printer_files()]
    else:
        assert isinstance(where, (SerialAddress, HidAddress))
        paths = [Path(where.path)]
    files: set[tuple[str, int, int]] = set()
    for path in paths:
        try:
            status = path.stat()
        except OSError:
            continue  # not plugged in
        files.add((str(path), status.st_rdev, status.st_ctime_ns))
    return frozenset(files)
