"""What every simulated device is: something at the end of a line that can be cut, pulled out and put back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Self

from hardware.simulated.ends import DeviceEnd, PseudoTerminalEnd, TcpEnd

room_bytes = 4_096
LINE_FAULTS = ("dribble", "busy")


class SimulatedDevice(ABC):
    """A device on the TCP port `listen` (`HOST:PORT`, port 0: any free one), else on a pseudo-terminal.

    `link` is the pseudo-terminal's path, in a temporary folder where none is given; `settings` are the line settings
    that its address names.
    """

    conditions: tuple[str, ...] = ()

    def __init__(self, *, listen: str | None, link: Path | None, settings: str = "baud=9600") -> None:
        self.busy = False
        self._conditions: set[str] = set()
        self._end: DeviceEnd
        if listen is not None:
            host, _, port = listen.rpartition(":")
            self._end = TcpEnd(self._arrived, self._room, host=host or "127.0.0.1", port=int(port))
        else:
            self._end = PseudoTerminalEnd(self._arrived, self._room, link=link, settings=settings)

    async def __aenter__(self) -> Self:
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

    async def attended(self) -> None:
        """Wait until a till has connected over TCP; on a pseudo-terminal nobody can know."""
        await self._end.attended()

    def set(self, **facts: bool) -> None:
        """Change what is wrong with it: a fault of the line (dribble: byte by byte; busy: takes no bytes), or one of
        its own `conditions`.
        """
        for name in facts:
            if name not in (*self.conditions, *LINE_FAULTS):
                raise ValueError(f"this device has no {name!r}; it has {', '.join((*self.conditions, *LINE_FAULTS))}")
        for name, value in facts.items():
            if name == "dribble":
                self._end.dribble = bool(value)
            elif name == "busy":
                self.busy = bool(value)
            else:
                self._change(name, bool(value))
        self._end.wake()

    def cut_line(self) -> None:
        """Cut the line now; the device comes back by itself."""
        self._end.cut()

    def unplug(self) -> None:
        """Pull the cable; `replug` puts it back."""
        self._end.unplug()

    async def replug(self) -> None:
        """Put the cable back."""
        await self._end.replug()

    @abstractmethod
    def _arrived(self, data: bytes) -> None:
        """Take what the till sent."""

    def _change(self, name: str, value: bool) -> None:
        """Change one of the device's own conditions."""
        (self._conditions.add if value else self._conditions.discard)(name)

    def _room(self) -> int:
        """How many bytes may come now."""
        return 0 if self.busy else room_bytes
