"""What a scale says, whichever way it says it, and the framer that both protocols share."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

frame_bytes_max = 40
weight_milli_max = 999_999_999

Trouble = Literal["in_motion", "over_capacity", "under_zero", "garbled", "no_answer", "offline"]
_DECIMAL = re.compile(r"(\d{1,6})\.(\d{0,3})|(\d{1,6})")


@dataclass(frozen=True)
class Weight:
    """A stable weight in integer thousandths of the unit (UN/ECE Rec 20: KGM, GRM, LBR, ONZ)."""

    milli: int
    unit: str
    net: bool = False


@dataclass(frozen=True)
class NoWeight:
    """Why there is no weight; `in_motion` passes by itself."""

    reason: Trouble


Reading = Weight | NoWeight


@dataclass(frozen=True)
class ScaleProtocol:
    """How to ask, between which bytes the answer stands, and what it means."""

    name: str
    question: bytes
    start: int
    end: int
    meaning: Callable[[bytes], Reading]


class ScaleFramer:
    """Feed it what arrives; it gives a reading for each answer. Rubbish ends at the next start byte."""

    def __init__(self, protocol: ScaleProtocol) -> None:
        self._protocol = protocol
        self._frame: bytearray | None = None

    def feed(self, data: bytes) -> list[Reading]:
        """The readings that these bytes complete."""
        readings: list[Reading] = []
        for byte in data:
            if byte == self._protocol.start:
                self._frame = bytearray()
            elif self._frame is None:
                continue
            elif byte == self._protocol.end:
                readings.append(self._protocol.meaning(bytes(self._frame)))
                self._frame = None
            else:
                self._frame.append(byte)
                if len(self._frame) > frame_bytes_max:
                    self._frame = None
        return readings

    def reset(self) -> None:
        """Forget the beginning of an answer: a question was asked anew."""
        self._frame = None


def thousandths(text: str) -> int | None:
    """A decimal number as integer thousandths, digit by digit; None where it is none, or too fine."""
    found = _DECIMAL.fullmatch(text)
    if found is None or not text.isascii():
        return None
    whole, fraction = found.group(1) or found.group(3), found.group(2) or ""
    return int(whole) * 1000 + int(fraction.ljust(3, "0"))
