"""ModemManager sends AT commands to scanners (rusefi#4359)."""

from __future__ import annotations

from hardware.diagnostics.findings import Counter, Finding
from hardware.diagnostics.permissions import PERMISSIONS, RULES_FILE


def check(counter: Counter) -> list[Finding]:
    """ModemManager runs beside a ttyACM."""
    modems = [one.address for one in counter.found if "ttyACM" in one.address or "ttyACM" in one.detail]
    if "ModemManager" not in counter.machine.processes or not modems:
        return []
    return [
        Finding(
            "modem_manager",
            f"{', '.join(modems)} beeps or is busy for half a minute after it was plugged in",
            "ModemManager tries it as a modem",
            "sudo systemctl mask --now ModemManager; or, where a modem needs it, put this line into"
            f" {RULES_FILE}: {PERMISSIONS['serial'].rule}",
        )
    ]
