"""Nothing is configured, so nothing is driven."""

from __future__ import annotations

from hardware.diagnostics.findings import Counter, Finding


def check(counter: Counter) -> list[Finding]:
    """A till without a single configured device."""
    if counter.devices:
        return []
    if counter.found:
        cause = f"{len(counter.found)} are plugged in and none is configured"
    else:
        cause = "none is configured and none is plugged in"
    return [
        Finding(
            "nothing_configured",
            "no device works",
            cause,
            "plug one in and run till-hardware configure; a network printer needs only its address",
        )
    ]
