"""A device is there and this user may not open it: a group is missing."""

from __future__ import annotations

from hardware.diagnostics.findings import Counter, Finding
from hardware.discovery import Found

_GROUPS = {"serial": "dialout", "printer": "lp", "keyboard": "input"}
_RULES = {
    "serial": 'SUBSYSTEM=="tty", KERNEL=="ttyUSB*|ttyACM*", GROUP="dialout", MODE="0660", ENV{ID_MM_DEVICE_IGNORE}="1"',
    "printer": 'SUBSYSTEM=="usbmisc", KERNEL=="lp*", GROUP="lp", MODE="0660"',
    "keyboard": 'SUBSYSTEM=="input", KERNEL=="event*", GROUP="input", MODE="0660"',
}


def check(counter: Counter) -> list[Finding]:
    """One finding a group, with the rule to paste where the group alone does not help."""
    forbidden: dict[str, list[Found]] = {}
    for one in counter.found:
        if not one.allowed and one.kind in _GROUPS:
            forbidden.setdefault(one.kind, []).append(one)
    return [_finding(counter, kind, which) for kind, which in forbidden.items()]


def _finding(counter: Counter, kind: str, which: list[Found]) -> Finding:
    group = _GROUPS[kind]
    names = ", ".join(one.address for one in which)
    if group in counter.machine.groups:
        return Finding(
            "device_forbidden",
            f"{names} cannot be opened",
            f"you are in the group {group}, and the device file belongs to another",
            f"put this line into /etc/udev/rules.d/60-tillstream.rules and plug it in again: {_RULES[kind]}",
        )
    return Finding(
        "device_forbidden",
        f"{names} cannot be opened",
        f"the user {counter.machine.user or 'here'} is not in the group {group}",
        f"sudo usermod -aG {group} {counter.machine.user or '$USER'}, then sign in again",
    )
