"""A USB printer is plugged in and the kernel has made no file for it."""

from __future__ import annotations

from hardware.diagnostics.findings import Counter, Finding


def check(counter: Counter) -> list[Finding]:
    """More USB interfaces of the printer class than printer files."""
    machine = counter.machine
    if machine.usb_printer_interfaces <= machine.usb_printer_files:
        return []
    return [
        Finding(
            "usblp_missing",
            "a USB printer is plugged in and has no /dev/usb/lp file",
            "the kernel module usblp is not loaded, or another program has taken the printer from it",
            "sudo modprobe usblp; if that does not help, end what prints on it over libusb and plug it in again",
        )
    ]
