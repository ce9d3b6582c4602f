"""A configured device is not there."""

from __future__ import annotations

from hardware.diagnostics.findings import Counter, Finding
from hardware.states import DeviceState


def check(counter: Counter) -> list[Finding]:
    """Devices that could not be found, or whose line was lost while they were asked."""
    return [
        Finding(
            "device_absent",
            f"{status.name} is {status.state.value}",
            status.detail.partition("; ")[0],
            status.detail.partition("; ")[2] or "check its cable and its power",
            device=status.name,
        )
        for status in counter.statuses
        if status.state in (DeviceState.ABSENT, DeviceState.LOST)
    ]
