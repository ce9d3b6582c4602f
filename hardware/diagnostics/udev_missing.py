"""Without udev, a device that is plugged in is noticed later."""

from __future__ import annotations

from hardware.diagnostics.findings import Counter, Finding


def check(counter: Counter) -> list[Finding]:
    """No udevd runs, as in a container."""
    if counter.machine.udev_runs:
        return []
    return [
        Finding(
            "udev_missing",
            "a device that is plugged in again takes up to 10 s to be found",
            "no udevd runs here, as in most containers, so there are no names by id and no plug events",
            "nothing, where devices are on the network; else run on the host, or pass /dev and /run/udev in",
            is_note=True,
        )
    ]
