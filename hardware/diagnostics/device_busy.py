"""Another program holds a device."""

from __future__ import annotations

from hardware.addresses import SerialAddress, parse_address
from hardware.diagnostics.findings import Counter, Finding
from hardware.states import DeviceState


def check(counter: Counter) -> list[Finding]:
    """Devices that were busy, and who has their file open, as far as this user may see that."""
    return [
        Finding(
            "device_busy",
            f"{status.name} is busy",
            _who(counter, status.address),
            "stop that program; a till that runs drives its devices itself, so ask till-terminal status",
            device=status.name,
        )
        for status in counter.statuses
        if status.state is DeviceState.BUSY
    ]


def _who(counter: Counter, address: str) -> str:
    parsed = parse_address(address)
    path = parsed.path if isinstance(parsed, SerialAddress) else ""
    holders = counter.machine.holders.get(path, ())
    return (
        f"{', '.join(holders)} has it open" if holders else "another program has it open (as root, doctor says which)"
    )
