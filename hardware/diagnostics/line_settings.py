"""A device that says nothing as it is configured, and answers at another speed or in another protocol."""

from __future__ import annotations

from hardware.diagnostics.findings import Counter, Finding


def check(counter: Counter) -> list[Finding]:
    """Printers and scales that answered with other settings than those configured."""
    return [
        Finding(
            "line_settings",
            f"{name} does not answer",
            "it is set to another speed or speaks another protocol",
            f"write {setting}",
            device=name,
        )
        for name, setting in counter.settings.items()
    ]
