"""The Toledo 8217 protocol, 9600 baud, 7 bits, even parity: `W` asks, `02 … 0d` answers.

A weight is `01.250` (with `N` behind it where a tare is taken off); `? s` says why there is none: bit 0 of s is
motion, 1 over capacity, 2 under zero.
"""

from __future__ import annotations

from hardware.scales.readings import NoWeight, Reading, ScaleProtocol, Weight, thousandths


def meaning(frame: bytes, unit: str = "KGM") -> Reading:
    """What stands between STX and CR; the parity bit is left out where the line did not take it off."""
    text = bytes(byte & 0x7F for byte in frame).decode("ascii")
    if text.startswith("?") and len(text) == 2:
        return _trouble(ord(text[1]))
    net = text.endswith("N")
    digits = text.removesuffix("N").strip()
    milli = thousandths(digits) if "." in digits else None
    return NoWeight("garbled") if milli is None else Weight(milli, unit, net)


def _trouble(status: int) -> NoWeight:
    if status & 2:
        return NoWeight("over_capacity")
    if status & 4:
        return NoWeight("under_zero")
    return NoWeight("in_motion") if status & 1 else NoWeight("garbled")


PROTOCOL = ScaleProtocol("toledo-8217", b"W", 0x02, 0x0D, meaning)
