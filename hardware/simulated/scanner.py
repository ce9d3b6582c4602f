"""A simulated scanner on a pseudo-terminal or a TCP port: what it scans comes out as bytes, or as a keyboard's keys."""

from __future__ import annotations

from pathlib import Path

from hardware.scanners.input_events import input_event
from hardware.scanners.keymaps import EV_KEY, KEY_DOWN, KEY_UP, LAYOUTS
from hardware.simulated.device import SimulatedDevice

_SHIFT, _CONTROL, _CLOSING_BRACKET = 42, 29, 27
_EV_SYN = 0


class SimulatedScanner(SimulatedDevice):
    """A scanner in a test's or a demo's hand. With a `layout` it is a keyboard set to that one, and sends input events
    of the kernel's form instead of characters; a till reads these where it is told `types_keys`.
    """

    def __init__(
        self,
        *,
        listen: str | None = None,
        link: Path | None = None,
        prefix: str = "",
        suffix: str = "\r",
        layout: str | None = None,
    ) -> None:
        super().__init__(listen=listen, link=link)
        self._layout = layout
        self.prefix, self.suffix = prefix, suffix
        self.scans = 0

    def scan(self, text: str, *, aim: str = "", dribble: bool | None = None, suffix: str | None = None) -> None:
        """Scan a code: its AIM identifier, if the scanner is set to send one, its text and the suffix."""
        ending = self.suffix if suffix is None else suffix
        said = self.prefix + aim + text + ending
        self.send(said.encode() if self._layout is None else typed_keys(said, self._layout), dribble=dribble)
        self.scans += 1

    def send(self, data: bytes, *, dribble: bool | None = None) -> None:
        """Send bytes as they are, for instance garbage; `dribble` turns that fault on or off."""
        if dribble is not None:
            self.set(dribble=dribble)
        self._end.send(data)

    def _arrived(self, data: bytes) -> None:
        """A scanner takes no commands here; what a till says to it is dropped."""


def typed_keys(text: str, layout: str) -> bytes:
    """The input events with which a keyboard of this layout types the text; what it has no key for is left out.

    A group separator is Ctrl and the closing bracket's key, as scanners type it.
    """
    keyboard = LAYOUTS[layout]
    events = b""
    for character in text:
        choices = [(0, keyboard.plain), (_SHIFT, keyboard.shifted)]
        if character == "\x1d":
            choices = [(_CONTROL, {_CLOSING_BRACKET: character})]
        found = ((held, code) for held, keys in choices for code, typed in keys.items() if typed == character)
        held, code = next(found, (0, 0))
        strokes = [(code, KEY_DOWN), (code, KEY_UP)] if code else []
        if held:
            strokes = [(held, KEY_DOWN), *strokes, (held, KEY_UP)]
        for key, value in strokes:
            events += input_event(EV_KEY, key, value) + input_event(_EV_SYN, 0, 0)
    return events
