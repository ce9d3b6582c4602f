"""A serial printer that says nothing at its configured speed, and answers at another."""

from __future__ import annotations

from hardware.diagnostics.findings import Counter, Finding


def check(counter: Counter) -> list[Finding]:
    """Printers that answered at other line settings than those configured."""
    return [
        Finding(
            "line_settings",
            f"{name} does not answer",
            "it is set to another speed",
            f"write its address as {address}",
            device=name,
        )
        for name, address in counter.speeds.items()
        if address is not None
    ]
