"""The states that a device can be in, one table for all kinds.

A device is configured before it is seen, so it begins `absent`. What can go wrong while it is open is either its own
(`attention`: paper, cover; the line stands and the device says what it lacks) or the line's (`lost`). What can go
wrong on opening is either that nobody is there (`absent`), that this user may not (`forbidden`), or that another
process holds it (`busy`); each needs another person to do another thing, so they are three states and not one.
"""

from __future__ import annotations

import enum
from typing import Literal


class DeviceState(enum.Enum):
    """What is known of a device."""

    ABSENT = "absent"
    OPENING = "opening"
    READY = "ready"
    ATTENTION = "attention"
    LOST = "lost"
    FORBIDDEN = "forbidden"
    BUSY = "busy"


class Signal(enum.Enum):
    """What happens to a device."""

    TRY = "try"
    OPENED = "opened"
    NOT_THERE = "not there"
    NOT_ALLOWED = "not allowed"
    HELD = "held by another"
    FAULT = "fault"
    FINE = "fine"
    LINE_LOST = "line lost"
    CLOSED = "closed"


AttentionReason = Literal[
    "paper_out", "paper_near_end", "cover_open", "offline", "cutter_error", "hot", "in_motion", "over_capacity",
    "under_zero", "no_answer", "garbled",
]  # fmt: skip

_OPEN = {
    Signal.FAULT: DeviceState.ATTENTION,
    Signal.FINE: DeviceState.READY,
    Signal.LINE_LOST: DeviceState.LOST,
    Signal.CLOSED: DeviceState.ABSENT,
}
_CLOSED = {Signal.TRY: DeviceState.OPENING, Signal.CLOSED: DeviceState.ABSENT}

TRANSITIONS: dict[DeviceState, dict[Signal, DeviceState]] = {
    DeviceState.ABSENT: _CLOSED,
    DeviceState.OPENING: {
        Signal.OPENED: DeviceState.READY,
        Signal.NOT_THERE: DeviceState.ABSENT,
        Signal.NOT_ALLOWED: DeviceState.FORBIDDEN,
        Signal.HELD: DeviceState.BUSY,
        Signal.LINE_LOST: DeviceState.LOST,
        Signal.CLOSED: DeviceState.ABSENT,
    },
    DeviceState.READY: _OPEN,
    DeviceState.ATTENTION: _OPEN,
    DeviceState.LOST: _CLOSED,
    DeviceState.FORBIDDEN: _CLOSED,
    DeviceState.BUSY: _CLOSED,
}


class ForbiddenTransition(AssertionError):  # noqa: N818  (our own mistake, never the world's)
    """This cannot happen to a device in this state."""


def after(state: DeviceState, signal: Signal) -> DeviceState:
    """The state that the signal leads to; raises `ForbiddenTransition` where the table has no such cell."""
    try:
        return TRANSITIONS[state][signal]
    except KeyError:
        raise ForbiddenTransition(f"{signal.value!r} cannot happen to a device that is {state.value}") from None


def table() -> str:
    """The transitions as a Markdown table, a row a state, for the documentation."""
    lines = ["| | " + " | ".join(signal.value for signal in Signal) + " |", "|---" * (len(Signal) + 1) + "|"]
    for state, row in TRANSITIONS.items():
        cells = [row[signal].value if signal in row else "·" for signal in Signal]
        lines.append(f"| **{state.value}** | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"
