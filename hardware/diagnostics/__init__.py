"""What is wrong on a counter: one check a file, each with its symptom, its test and its remedy.

A check is a function of what is known (`Counter`) that returns findings; nothing is raised and nothing is written.
"""

from __future__ import annotations

from collections.abc import Callable

from hardware.diagnostics import (
    brltty,
    cjk_font_missing,
    cups_on_same_printer,
    device_absent,
    device_busy,
    device_forbidden,
    device_needs_a_hand,
    line_settings,
    modem_manager,
    nothing_configured,
    udev_missing,
    usblp_missing,
)
from hardware.diagnostics.findings import Counter, Finding

CHECKS: tuple[Callable[[Counter], list[Finding]], ...] = (
    nothing_configured.check,
    device_absent.check,
    device_forbidden.check,
    device_busy.check,
    device_needs_a_hand.check,
    line_settings.check,
    brltty.check,
    modem_manager.check,
    usblp_missing.check,
    cups_on_same_printer.check,
    udev_missing.check,
    cjk_font_missing.check,
)


def diagnose(counter: Counter) -> list[Finding]:
    """Everything that is wrong, the gravest first."""
    findings = [finding for check in CHECKS for finding in check(counter)]
    return sorted(findings, key=lambda finding: finding.is_note)
