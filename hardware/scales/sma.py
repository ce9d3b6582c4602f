"""The SMA protocol (Scale Manufacturers Association), 8 bits, no parity: `0a 57 0d` asks.

The answer between LF and CR: status, range, gross or net, motion, one reserved, weight in 10, unit in 3.
"""

from __future__ import annotations

from hardware.scales.readings import NoWeight, Reading, ScaleProtocol, Weight, thousandths

_UNITS = {"kg": "KGM", "g": "GRM", "lb": "LBR", "oz": "ONZ"}
_LENGTH = 18


def meaning(frame: bytes) -> Reading:
    """What stands between LF and CR."""
    text = frame.decode("ascii", "replace")
    if len(text) != _LENGTH:
        return NoWeight("garbled")
    status, kind, motion = text[0], text[2], text[3]
    if status == "O":
        return NoWeight("over_capacity")
    if status == "U":
        return NoWeight("under_zero")
    if motion in "Mm":
        return NoWeight("in_motion")
    if status not in " Z" or motion != " ":
        return NoWeight("offline" if status in "EIT" else "garbled")
    weight, unit = text[5:15].strip(), _UNITS.get(text[15:].strip().lower())
    if weight.startswith("-"):
        return NoWeight("under_zero")
    milli = thousandths(weight)
    if milli is None or unit is None or kind not in "GNTgnt":
        return NoWeight("garbled")
    return Weight(milli, unit, net=kind in "Nn")


PROTOCOL = ScaleProtocol("sma", b"\x0a\x57\x0d", 0x0A, 0x0D, meaning)
