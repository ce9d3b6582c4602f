"""What a person types to a simulated device at a terminal, as a request to its hand (`control`).

4006381333931     on a scanner: scan it               1.250     on a scale: that load, in kilograms
paper_out         on a printer: let it have no paper  paper_out off     … and put it in again
unplug, replug    pull the cable, put it back         stop      end
"""

from __future__ import annotations

from typing import Any

from hardware.scales.readings import thousandths
from hardware.simulated.device import LINE_FAULTS, SimulatedDevice
from hardware.simulated.scale import SimulatedScale
from hardware.simulated.scanner import SimulatedScanner

ACTIONS = ("unplug", "replug", "cut_line", "stop")


def request(device: SimulatedDevice, line: str) -> dict[str, Any]:
    """The request that this line means; what it does not know goes on as it is and is refused there."""
    word, _, rest = line.strip().partition(" ")
    if word in ACTIONS and not rest:
        return {"do": word}
    if word in (*device.conditions, *LINE_FAULTS) and rest in ("", "on", "off"):
        return {"do": "set", word: rest != "off"}
    if isinstance(device, SimulatedScanner):
        return {"do": "scan", "text": line.strip()}
    load = thousandths(line.strip().replace(",", "."))
    if isinstance(device, SimulatedScale) and load is not None:
        return {"do": "load", "milli": load}
    return {"do": line.strip()}


def invitation(device: SimulatedDevice) -> str:
    """What can be typed to this device, in a line."""
    first = ""
    if isinstance(device, SimulatedScanner):
        first = "a code to scan it, "
    elif isinstance(device, SimulatedScale):
        first = "a load in kilograms, as 1.250, "
    faults = ", ".join((*device.conditions, *LINE_FAULTS))
    return f"Type {first}{', '.join(ACTIONS)}, or a fault with on or off behind it: {faults}."
