"""What the checks need to know of the machine, read once from /proc and /sys; it writes nothing."""

from __future__ import annotations

import contextlib
import getpass
import os
from pathlib import Path

from hardware.diagnostics.findings import Machine
from hardware.plug_events import UDEV_CONTROL, udev_module
from hardware.printers.fonts import font_for
from hardware.transports.usb_printer import usb_printer_files

processes_max = 20_000
PROC, USB_DEVICES = Path("/proc"), Path("/sys/bus/usb/devices")
_PRINTER_CLASS = "07"


def machine_facts(device_files: tuple[str, ...]) -> Machine:
    """The machine as it is now; `device_files` are those whose holders are looked for."""
    names = _processes()
    return Machine(
        processes=frozenset(names.values()),
        holders=_holders(device_files, names),
        usb_printer_interfaces=_usb_printer_interfaces(),
        usb_printer_files=len(list(usb_printer_files())),
        udev_runs=UDEV_CONTROL.exists(),
        udev_heard=udev_module() is not None,
        user=_user(),
        groups=_groups(),
        cjk_font=font_for("咖", 24) is not None,
    )


def _processes() -> dict[int, str]:
    names: dict[int, str] = {}
    with contextlib.suppress(OSError):
        for folder in list(PROC.iterdir())[:processes_max]:
            if folder.name.isdigit():
                with contextlib.suppress(OSError):  # it ended meanwhile
                    names[int(folder.name)] = (folder / "comm").read_text(errors="replace").strip()
    return names


def _holders(device_files: tuple[str, ...], names: dict[int, str]) -> dict[str, tuple[str, ...]]:
    real = {str(Path(path).resolve()): path for path in device_files}
    holders: dict[str, tuple[str, ...]] = {}
    for number, name in names.items():
        with contextlib.suppress(OSError):  # another user's process keeps its files to itself
            for descriptor in (PROC / str(number) / "fd").iterdir():
                path = real.get(str(descriptor.readlink()))
                if path is not None and number != os.getpid():
                    holders[path] = (*holders.get(path, ()), f"{name} ({number})")
    return holders


def _usb_printer_interfaces() -> int:
    count = 0
    with contextlib.suppress(OSError):
        for folder in USB_DEVICES.iterdir():
            with contextlib.suppress(OSError):
                count += (folder / "bInterfaceClass").read_text().strip() == _PRINTER_CLASS
    return count


def _user() -> str:
    with contextlib.suppress(OSError, KeyError):
        return getpass.getuser()
    return ""


def _groups() -> frozenset[str]:
    import grp

    names = set()
    for number in os.getgroups():
        with contextlib.suppress(KeyError):
            names.add(grp.getgrgid(number).gr_name)
    return frozenset(names)
