"""What a printer's status bytes mean: the four answers to DLE EOT and the automatic status, as one record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Reason = Literal["no_answer", "cover_open", "paper_out", "cutter_error", "hot", "offline"]


@dataclass(frozen=True)
class PrinterStatus:
    """What the printer says about itself; `answered` False means that it said nothing."""

    answered: bool = False
    online: bool = False
    paper_out: bool = False
    paper_near_end: bool = False
    cover_open: bool = False
    feed_pressed: bool = False
    cutter_error: bool = False
    unrecoverable: bool = False
    hot: bool = False
    drawer_pin3_high: bool | None = None

    @property
    def reason(self) -> Reason | None:
        """Why it cannot print now; None where it can."""
        if not self.answered:
            return "no_answer"
        if self.cover_open:
            return "cover_open"
        if self.paper_out:
            return "paper_out"
        if self.cutter_error:
            return "cutter_error"
        if self.hot:
            return "hot"
        if self.unrecoverable or not self.online:
            return "offline"
        return None

    @property
    def can_print(self) -> bool:
        """Whether a job that is sent now can be expected on paper."""
        return self.reason is None

    @property
    def warning(self) -> str | None:
        """`paper_near_end` where a new roll should be at hand; printing goes on."""
        return "paper_near_end" if self.paper_near_end and not self.paper_out else None


def from_real_time(answers: dict[int, int]) -> PrinterStatus:
    """The status from the answers to DLE EOT n, by n; a missing one leaves its facts at "no"."""
    if not answers:
        return PrinterStatus()
    printer, offline, error, paper = (answers.get(number) for number in (1, 2, 3, 4))
    return PrinterStatus(
        answered=True,
        online=printer is not None and not printer & 0x08,
        paper_out=_bit(offline, 0x20) or _bit(paper, 0x60),
        paper_near_end=_bit(paper, 0x0C),
        cover_open=_bit(offline, 0x04),
        feed_pressed=_bit(offline, 0x08),
        cutter_error=_bit(error, 0x08),
        unrecoverable=_bit(error, 0x20),
        hot=_bit(error, 0x40),
        drawer_pin3_high=None if printer is None else bool(printer & 0x04),
    )


def from_automatic(value: bytes) -> PrinterStatus:
    """The status from the four bytes of an automatic status."""
    first, second, third, _ = value
    return PrinterStatus(
        answered=True,
        online=not first & 0x08,
        paper_out=bool(third & 0x0C),
        paper_near_end=bool(third & 0x03),
        cover_open=bool(first & 0x20),
        feed_pressed=bool(first & 0x40),
        cutter_error=bool(second & 0x08),
        unrecoverable=bool(second & 0x20),
        hot=bool(second & 0x40),
        drawer_pin3_high=bool(first & 0x04),
    )


def _bit(value: int | None, mask: int) -> bool:
    return value is not None and bool(value & mask)


REMEDIES = {
    "no_answer": "it says nothing: check its power, and whether it is set to another speed or language",
    "cover_open": "close the cover until it clicks",
    "paper_out": "put in a new roll",
    "paper_near_end": "printing goes on; keep a new roll at hand",
    "cutter_error": "open the cover, take out the paper that is stuck, close it",
    "hot": "the head is too hot; it goes on by itself in a minute",
    "offline": "press its feed button or switch it off and on",
    "garbled": "what it says is not understood: check speed and parity",
    "in_motion": "wait until the load is still",
    "over_capacity": "take the load off, it is too heavy",
    "under_zero": "empty the scale and press its zero key",
}
