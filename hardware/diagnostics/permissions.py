"""Who may open a device file: the groups and udev rules of a till, in one place for the doctor and for `deploy/`.

A rule gives each kind of device file to the group that Debian, Ubuntu and Fedora have for it. ModemManager is told to
leave serial adapters alone, since it would send AT commands to scanners and scales.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

RULES_FILE = "/etc/udev/rules.d/60-tillstream.rules"
USER = "tillstream"


@dataclass(frozen=True)
class Permission:
    """What one kind of device file needs: the group that may open it, and the udev rule that makes it so."""

    what: str
    group: str
    rule: str


PERMISSIONS: Mapping[str, Permission] = MappingProxyType(
    {
        "serial": Permission(
            "Scanners, scales, displays and printers on serial adapters (keep a modem out by its ID_VENDOR_ID)",
            "dialout",
            'SUBSYSTEM=="tty", KERNEL=="ttyUSB*|ttyACM*", GROUP="dialout", MODE="0660",'
            ' ENV{ID_MM_DEVICE_IGNORE}="1", ENV{ID_MM_PORT_IGNORE}="1"',
        ),
        "printer": Permission(
            "Receipt printers on USB, through the kernel's printer file",
            "lp",
            'SUBSYSTEM=="usbmisc", KERNEL=="lp*", GROUP="lp", MODE="0660"',
        ),
        "keyboard": Permission(
            "Scanners that are keyboards; whoever is in this group can read every keyboard",
            "input",
            'SUBSYSTEM=="input", KERNEL=="event*", GROUP="input", MODE="0660"',
        ),
    }
)


def udev_rules() -> str:
    """The whole of `deploy/60-tillstream.rules`."""
    lines = [f"# {RULES_FILE}: device files that a till may open. Then: udevadm control --reload && udevadm trigger"]
    for permission in PERMISSIONS.values():
        lines += ["", f"# {permission.what}", permission.rule]
    return "\n".join(lines) + "\n"


def system_users() -> str:
    """The whole of `deploy/tillstream.sysusers.conf`: the till's own user and its groups."""
    lines = [
        "# /usr/lib/sysusers.d/tillstream.conf: the user that a till runs as. Then: systemd-sysusers",
        f'u {USER} - "Tillstream till" /var/lib/{USER}',
        *(f"m {USER} {permission.group}" for permission in PERMISSIONS.values()),
    ]
    return "\n".join(lines) + "\n"
