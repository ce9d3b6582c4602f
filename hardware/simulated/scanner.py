"""A simulated scanner on a pseudo-terminal or a TCP port: what it scans comes out with its suffix, as bytes."""

from __future__ import annotations

from pathlib import Path

from hardware.simulated.device import SimulatedDevice


class SimulatedScanner(SimulatedDevice):
    """A serial scanner in a test's or a demo's hand."""

    def __init__(
        self, *, listen: str | None = None, link: Path | None = None, prefix: str = "", suffix: str = "\r"
    ) -> None:
        super().__init__(listen=listen, link=link)
        self.prefix, self.suffix = prefix, suffix
        self.scans = 0

    def scan(self, text: str, *, aim: str = "", dribble: bool | None = None, suffix: str | None = None) -> None:
        """Scan a code: its AIM identifier, if the scanner is set to send one, its text and the suffix."""
        ending = self.suffix if suffix is None else suffix
        self.send((self.prefix + aim + text + ending).encode(), dribble=dribble)
        self.scans += 1

    def send(self, data: bytes, *, dribble: bool | None = None) -> None:
        """Send bytes as they are, for instance garbage; `dribble` turns that fault on or off."""
        if dribble is not None:
            self.set(dribble=dribble)
        self._end.send(data)

    def _arrived(self, data: bytes) -> None:
        """A scanner takes no commands here; what a till says to it is dropped."""
