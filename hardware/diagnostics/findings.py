"""What checks look at, and what they say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hardware.devices import Device, DeviceStatus
from hardware.discovery import Found


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: what a person sees, why, and what to do. A note hinders nothing."""

    check: str
    symptom: str
    cause: str
    next_step: str
    is_note: bool = False
    device: str | None = None


@dataclass(frozen=True)
class Machine:
    """What was seen of the machine, all at once, so that checks are pure.

    `processes` are the names of what runs; `holders` says for a device file which processes have it open;
    `udev_heard` says whether pyudev is here;
    `usb_printer_interfaces` counts USB interfaces of class 7, `usb_printer_files` the files that the kernel made.
    """

    processes: frozenset[str] = frozenset()
    holders: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    usb_printer_interfaces: int = 0
    usb_printer_files: int = 0
    udev_runs: bool = True
    udev_heard: bool = True
    user: str = ""
    groups: frozenset[str] = frozenset()
    cjk_font: bool = True


@dataclass(frozen=True)
class Counter:
    """The counter: the machine, what is plugged in, what is configured, and how it answered.

    `settings` has, for a device that did not answer as it is configured, what to write so that it does.
    """

    machine: Machine
    found: tuple[Found, ...] = ()
    devices: tuple[Device, ...] = ()
    statuses: tuple[DeviceStatus, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
