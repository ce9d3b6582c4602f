"""brltty takes scanners and scales for Braille displays (arduino-ide#1788)."""

from __future__ import annotations

from hardware.diagnostics.findings import Counter, Finding

_CLAIMED = ("1a86:", "10c4:", "0403:")  # CH340, CP210x, FTDI


def check(counter: Counter) -> list[Finding]:
    """brltty runs, and there is (or may be) a USB serial adapter of a kind that it claims."""
    if "brltty" not in counter.machine.processes:
        return []
    claimed = [one.address for one in counter.found if one.detail.startswith(_CLAIMED)]
    return [
        Finding(
            "brltty",
            f"{', '.join(claimed) or 'a USB serial device'} vanishes or is busy",
            "brltty takes such adapters for Braille displays",
            "sudo systemctl mask --now brltty.path brltty-udev.service, or sudo apt remove brltty",
            is_note=not claimed,
        )
    ]
