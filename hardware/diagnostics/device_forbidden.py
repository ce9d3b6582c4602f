"""A device is there and this user may not open it: a group is missing."""

from __future__ import annotations

from hardware.addresses import HidAddress, SerialAddress, UsbPrinterAddress, parse_address
from hardware.diagnostics.findings import Counter, Finding
from hardware.diagnostics.permissions import PERMISSIONS, RULES_FILE
from hardware.states import DeviceState

_KINDS = {SerialAddress: "serial", UsbPrinterAddress: "printer", HidAddress: "keyboard"}


def check(counter: Counter) -> list[Finding]:
    """One finding a group, with the rule to paste where the group alone does not help."""
    forbidden: dict[str, set[str]] = {}
    for one in counter.found:
        if not one.allowed and one.kind in PERMISSIONS:
            forbidden.setdefault(one.kind, set()).add(one.address)
    for status in counter.statuses:
        kind = _KINDS.get(type(parse_address(status.address)))  # TCP has no file
        if status.state is DeviceState.FORBIDDEN and kind is not None:
            forbidden.setdefault(kind, set()).add(status.address)
    return [_finding(counter, kind, addresses) for kind, addresses in forbidden.items()]


def _finding(counter: Counter, kind: str, addresses: set[str]) -> Finding:
    group = PERMISSIONS[kind].group
    names = ", ".join(sorted(addresses))
    if group in counter.machine.groups:
        return Finding(
            "device_forbidden",
            f"{names} cannot be opened",
            f"you are in the group {group}, and the device file belongs to another",
            f"put this line into {RULES_FILE} and plug it in again: {PERMISSIONS[kind].rule}",
        )
    return Finding(
        "device_forbidden",
        f"{names} cannot be opened",
        f"the user {counter.machine.user or 'here'} is not in the group {group}",
        f"sudo usermod -aG {group} {counter.machine.user or '$USER'}, then sign in again",
    )
