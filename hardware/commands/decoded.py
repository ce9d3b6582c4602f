"""A scan as it was read and as it is understood, for people who set a scanner up."""

from __future__ import annotations

from typing import Any

from hardware.scanners.framing import Scan
from protocol.barcodes import BarcodeError, read_barcode


def decoded(scan: Scan) -> dict[str, Any]:
    """Text, bytes, symbology, and what the text means; nothing is looked up."""
    shown: dict[str, Any] = {"text": scan.text, "raw": scan.raw.hex(" "), "aim": scan.aim}
    try:
        barcode = read_barcode(scan.text, aim_identifier=scan.aim)
    except BarcodeError as error:
        return {**shown, "meaning": f"nothing that could be sold: {error}"}
    meaning: dict[str, Any] = {"kind": barcode.kind, "lookup_keys": list(barcode.lookup_keys)}
    for name in ("price_minor", "quantity_milli", "lot"):
        value = getattr(barcode, name, None)
        if value is not None:
            meaning[name] = value
    return {**shown, **meaning}
