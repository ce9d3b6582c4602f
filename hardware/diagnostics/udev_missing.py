"""Without udev, a device that is plugged in is noticed later."""

from __future__ import annotations

from hardware.diagnostics.findings import Counter, Finding
from hardware.plug_events import look_seconds


def check(counter: Counter) -> list[Finding]:
    """No udevd runs, as in a container, or nothing here can hear it."""
    if counter.machine.udev_runs and counter.machine.udev_heard:
        return []
    if counter.machine.udev_runs:
        cause, next_step = "udev tells of it, and the package that hears it is not here", "pip install pyudev"
    else:
        cause = "no udevd runs here, as in most containers, so there are no names by id and no plug events"
        next_step = "nothing, where devices are on the network; else run on the host, or pass /dev and /run/udev in"
    return [
        Finding(
            "udev_missing",
            f"a device that is plugged in again takes up to {look_seconds:g} s to be found",
            cause,
            next_step,
            is_note=True,
        )
    ]
