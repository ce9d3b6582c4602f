"""CUPS may print on the receipt printer as well, and takes it away while it does."""

from __future__ import annotations

from hardware.addresses import UsbPrinterAddress, parse_address
from hardware.diagnostics.findings import Counter, Finding


def check(counter: Counter) -> list[Finding]:
    """cupsd runs, and a configured printer is on USB."""
    on_usb = [one.name for one in counter.devices if isinstance(parse_address(one.address), UsbPrinterAddress)]
    if "cupsd" not in counter.machine.processes or not on_usb:
        return []
    return [
        Finding(
            "cups_on_same_printer",
            f"{', '.join(on_usb)} may be busy now and then, or print the system's pages",
            "CUPS runs and may have set up the receipt printer as an office printer",
            "lpstat -v shows whether it has; lpadmin -x NAME takes it out of CUPS",
            is_note=True,
        )
    ]
