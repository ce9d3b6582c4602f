"""A simulated scanner on a pseudo-terminal or a TCP port: what it scans comes out with its suffix, as bytes."""

from __future__ import annotations

from pathlib import Path

from hardware.simulated.ends import DeviceEnd, PseudoTerminalEnd, TcpEnd


class SimulatedScanner:
    """A serial scanner in a test's or a demo's hand."""

    def __init__(
        self, *, listen: str | None = None, link: Path | None = None, prefix: str = "", suffix: str = "\r"
    ) -> None:
        self.prefix, self.suffix = prefix, suffix
        self.scans = 0
        self._end: DeviceEnd
        if listen is not None:
            host, _, port = listen.rpartition(":")
            self._end = TcpEnd(self._heard, self._room, host=host or "127.0.0.1", port=int(port))
        else:
            self._end = PseudoTerminalEnd(self._heard, self._room, link=link, settings="baud=9600")

    async def __aenter__(self) -> SimulatedScanner:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Switch it on."""
        await self._end.start()

    async def stop(self) -> None:
        """Take it away."""
        await self._end.stop()

    @property
    def address(self) -> str:
        """The device address for a till's configuration."""
        return self._end.address

    @property
    def connections(self) -> int:
        """How often a till has connected over TCP (a pseudo-terminal: how often it was plugged in)."""
        return self._end.connections

    def scan(self, text: str, *, aim: str = "", dribble: bool = False, suffix: str | None = None) -> None:
        """Scan a code: its AIM identifier, if the scanner is set to send one, its text and the suffix."""
        ending = self.suffix if suffix is None else suffix
        self.send((self.prefix + aim + text + ending).encode(), dribble=dribble)
        self.scans += 1

    def send(self, data: bytes, *, dribble: bool = False) -> None:
        """Send bytes as they are, for instance garbage."""
        self._end.dribble = dribble
        self._end.send(data)

    async def attended(self) -> None:
        """Wait until a till has connected over TCP; on a pseudo-terminal nobody can know."""
        await self._end.attended()

    def unplug(self) -> None:
        """Pull the cable."""
        self._end.unplug()

    async def replug(self) -> None:
        """Put the cable back."""
        await self._end.replug()

    def _heard(self, data: bytes) -> None:
        """A scanner takes no commands here; what a till says to it is dropped."""

    def _room(self) -> int:
        return 4_096
