"""A keyboard wedge that types into the cashier's screen: which keystrokes are a scanner's, by how fast they come.

Only where nothing better is there: a scanner on its own line, or a grabbed HID device, needs no guess. The rule is the
field's: at most 100 ms between two keys, at least 4 keys, at most 1.5 s in all, ended by Enter or Tab. What a person
types is handed back, so that nothing that was typed is lost.
"""

from __future__ import annotations

from dataclasses import dataclass

from hardware.scanners.framing import Read, ScanFramer, ScannerConfig, scan_bytes_max

key_ms_max = 100
scan_ms_max = 1_500
keys_min = 4
_ENDS = ("\r", "\n", "\t")


@dataclass(frozen=True)
class Typed:
    """What a run of keys was: a scanned code without its end, or what a person typed, as typed."""

    text: str
    scanned: bool

    def read(self, config: ScannerConfig) -> Read | None:
        """The same record that a scanner on its own line gives; None where a person typed, or it is rubbish."""
        if not self.scanned:
            return None
        framer = ScanFramer(ScannerConfig("CR", config.prefix, "utf-8"))
        return next(iter(framer.feed(f"{self.text}\r".encode())), None)


class KeyboardWedge:
    """Feed it each character with its time in milliseconds; `rest` ends a run when no key comes any more."""

    def __init__(self) -> None:
        self._run = ""
        self._began_ms = 0
        self._last_ms = 0

    def key(self, character: str, at_ms: int) -> list[Typed]:
        """What this key decides."""
        decided = self.rest(at_ms)
        too_long = self._run and (at_ms - self._began_ms > scan_ms_max or len(self._run) >= scan_bytes_max)
        if too_long:
            decided += self._by_hand()
        if not self._run:
            self._began_ms = at_ms
        self._last_ms = at_ms
        if character in _ENDS:
            if len(self._run) >= keys_min:
                decided.append(Typed(self._run, scanned=True))
                self._run = ""
            else:
                self._run += character
                decided += self._by_hand()
        else:
            self._run += character
        return decided

    def rest(self, now_ms: int) -> list[Typed]:
        """What is decided by the time alone: a run whose next key is late was typed by hand."""
        if self._run and now_ms - self._last_ms > key_ms_max:
            return self._by_hand()
        return []

    def _by_hand(self) -> list[Typed]:
        text, self._run = self._run, ""
        return [Typed(text, scanned=False)]
