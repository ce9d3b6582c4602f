"""From a scanner's bytes to scans: a pure framer that is content with any bytes, split anywhere.

A scan ends with its suffix (or with silence, where the scanner sends none). Rubbish, as from a wrong speed or a
plug that is pulled, ends at the next suffix and is counted, never sold. The same code twice is two scans.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from hardware.scanners.keymaps import LAYOUTS

scan_bytes_max = 512
silence_seconds = 0.05

Suffix = Literal["any", "CR", "LF", "CRLF", "TAB", "silence"]
_ENDS: dict[str, tuple[bytes, ...]] = {
    "any": (b"\r", b"\n", b"\t"),
    "CR": (b"\r",),
    "LF": (b"\n",),
    "CRLF": (b"\r\n",),
    "TAB": (b"\t",),
    "silence": (),
}
_AIM = re.compile(r"\][A-Za-z][0-9A-Za-z]")
_SEPARATORS = frozenset("\x1c\x1d\x1e\x1f\x04")  # GS and its kin are part of GS1 and of driving licences


@dataclass(frozen=True)
class Scan:
    """One code that was read. `aim` is the scanner's name for its symbology (`]E0` is EAN-13), where it sends one.

    `text` is what the code says, without prefix, AIM identifier and suffix, group separators kept; `raw` is every
    byte but the suffix. `at` is when its last byte arrived; `source` is the scanner's address.
    """

    text: str
    raw: bytes
    aim: str | None
    at: datetime
    source: str


@dataclass(frozen=True)
class ScannerConfig:
    """How a scanner is set up. `any` as suffix takes CR, LF, CRLF and Tab alike.

    `prefix` is left out of the text; a scan without it is taken as well, since a scanner that was reset to its
    factory settings should go on working. `layout` is the keyboard that a HID scanner is set to.
    """

    suffix: Suffix = "any"
    prefix: str = ""
    encoding: str = "utf-8"
    layout: str = "us"

    def __post_init__(self) -> None:
        if self.suffix not in _ENDS:
            raise ValueError(f"a scanner's suffix is one of {', '.join(_ENDS)}, not {self.suffix!r}")
        if self.layout not in LAYOUTS:
            raise ValueError(f"a keyboard layout is one of {', '.join(LAYOUTS)}, not {self.layout!r}")
        try:
            "".encode(self.encoding)
        except LookupError:
            raise ValueError(f"no encoding is called {self.encoding!r}; mostly it is utf-8 or latin-1") from None


@dataclass(frozen=True)
class Read:
    """What stood between two suffixes."""

    text: str
    raw: bytes
    aim: str | None


class ScanFramer:
    """Feed it what arrives; it gives the codes that are complete. `garbled` counts what was thrown away."""

    def __init__(self, config: ScannerConfig) -> None:
        self._config = config
        self._pending = bytearray()
        self._overlong = False
        self.garbled = 0

    @property
    def waits(self) -> bool:
        """Whether the beginning of a scan is here that silence would end."""
        return self._config.suffix == "silence" and (bool(self._pending) or self._overlong)

    def feed(self, data: bytes) -> list[Read]:
        """The codes that these bytes complete."""
        reads: list[Read] = []
        ends = _ENDS[self._config.suffix]
        for byte in data:
            self._pending.append(byte)
            end = next((end for end in ends if self._pending.endswith(end)), None)
            if end is not None:
                self._finish(bytes(self._pending[: -len(end)]), reads)
            elif len(self._pending) > scan_bytes_max + 1:  # one more than fits, as the first half of CRLF may be it
                self._overlong = True
                del self._pending[:-1]
        return reads

    def silence(self) -> list[Read]:
        """The scanner has said nothing for `silence_seconds`: a scanner without a suffix has finished."""
        reads: list[Read] = []
        if self.waits:
            self._finish(bytes(self._pending), reads)
        return reads

    def _finish(self, raw: bytes, reads: list[Read]) -> None:
        overlong, self._overlong = self._overlong, False
        self._pending.clear()
        if overlong or len(raw) > scan_bytes_max:
            self.garbled += 1
            return
        if not raw:
            return
        text = self._text(raw)
        if text is None:
            self.garbled += 1
            return
        aim = _AIM.match(text)
        if aim is not None and len(text) > 3:
            reads.append(Read(text[3:], raw, aim.group()))
        elif text:
            reads.append(Read(text, raw, None))

    def _text(self, raw: bytes) -> str | None:
        try:
            text = raw.decode(self._config.encoding)
        except UnicodeDecodeError:
            return None
        if any((character < " " and character not in _SEPARATORS) or character == "\x7f" for character in text):
            return None
        return text.removeprefix(self._config.prefix)
