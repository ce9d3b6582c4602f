"""A device answers and says what it lacks: paper, a closed cover."""

from __future__ import annotations

from hardware.devices import DeviceStatus
from hardware.diagnostics.findings import Counter, Finding
from hardware.printers.status import REMEDIES
from hardware.states import DeviceState

_EFFECTS = {"printer": "does not print", "scale": "does not weigh"}
_CAUSES = {
    "paper_out": "there is no paper",
    "paper_near_end": "the paper is nearly at its end",
    "cover_open": "the cover is open",
    "cutter_error": "the knife is stuck",
    "hot": "the head is too hot",
    "offline": "it is off-line",
    "no_answer": "it does not answer",
    "garbled": "it answers nonsense",
    "in_motion": "its load moves",
    "over_capacity": "its load is too heavy",
    "under_zero": "it stands below zero",
}


def check(counter: Counter) -> list[Finding]:
    """One finding a device; paper that nears its end is a note."""
    return [
        Finding(
            "device_needs_a_hand",
            _symptom(status),
            _CAUSES.get(status.reason or "", status.reason or "it says that something is wrong"),
            REMEDIES.get(status.reason or "", status.detail),
            is_note=status.reason == "paper_near_end",
            device=status.name,
        )
        for status in counter.statuses
        if status.state is DeviceState.ATTENTION
    ]


def _symptom(status: DeviceStatus) -> str:
    if status.reason == "paper_near_end":
        return f"{status.name} prints, but not for long"
    return f"{status.name} {_EFFECTS.get(status.kind, 'does not work')}"
