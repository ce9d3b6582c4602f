"""A scanner on a serial line, on TCP through a serial server, or on the keyboard's plug: scans as they come."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

from hardware.scanners.framing import Read, Scan, ScanFramer, ScannerConfig, silence_seconds
from hardware.scanners.input_events import InputEventFramer
from hardware.transports import open_transport
from hardware.transports.input_device import InputDeviceTransport
from hardware.transports.transport import Transport

idle_seconds = 3600.0


def utc_now() -> datetime:
    """The clock that is used where none is handed in."""
    return datetime.now(UTC)


class SerialScanner:
    """`async for scan in scanner`: opens the line where it is closed, raises `LineLost` when it is cut.

    Raises from the first step on what `Transport.open` raises. What lay in the line before it was opened is put
    away: an old scan must not fall into a new sale. `types_keys` says that the line carries input events, which is
    otherwise told by the address (`hid:`).
    """

    def __init__(
        self,
        transport: Transport | str,
        config: ScannerConfig | None = None,
        *,
        types_keys: bool | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self.transport = open_transport(transport) if isinstance(transport, str) else transport
        config = config or ScannerConfig()
        self._framer: ScanFramer | InputEventFramer
        types = isinstance(self.transport, InputDeviceTransport) if types_keys is None else types_keys
        self._framer = InputEventFramer(config, config.layout) if types else ScanFramer(config)
        self._clock = clock
        self._ready: deque[Scan] = deque()
        self.scans = 0

    @property
    def garbled(self) -> int:
        """How often rubbish was thrown away."""
        return self._framer.garbled

    async def open(self) -> None:
        """Open the line; see `Transport.open`."""
        await self.transport.open()

    async def close(self) -> None:
        """Close the line."""
        await self.transport.close()

    def __aiter__(self) -> AsyncIterator[Scan]:
        return self

    async def __anext__(self) -> Scan:
        if not self.transport.is_open and not self._ready:
            await self.open()
        while not self._ready:
            waits = silence_seconds if self._framer.waits else idle_seconds
            data = await self.transport.read_some(deadline=waits)
            self._take(self._framer.feed(data) if data else self._framer.silence())
        return self._ready.popleft()

    def _take(self, reads: list[Read]) -> None:
        at = self._clock()
        for read in reads:
            self.scans += 1
            self._ready.append(Scan(read.text, read.raw, read.aim, at, self.transport.address))
