"""A simulated customer display: two lines of twenty that show what a real one would, in either language."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from hardware.simulated.device import SimulatedDevice
from hardware.simulated.escpos_machine import CODE_PAGES

_COLUMNS, _ROWS = 20, 2


class DisplayMachine:
    """The display's inside: bytes in, characters on two lines."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._power_on()

    def lines(self) -> tuple[str, str]:
        """What a customer reads."""
        return "".join(self._cells[:_COLUMNS]), "".join(self._cells[_COLUMNS:])

    def receive(self, data: bytes) -> None:
        """Take bytes from the line."""
        self._buffer += data
        while self._buffer:
            used = self._command()
            if used == 0:
                return
            del self._buffer[:used]

    def _power_on(self) -> None:
        self._cells = [" "] * (_COLUMNS * _ROWS)
        self._cursor = 0
        self._page = 0

    def _command(self) -> int:
        """Obey the command at the head of the buffer; how many bytes it had, 0 where its end is missing."""
        head = self._buffer[0]
        if head == 0x0C:
            self._cells, self._cursor = [" "] * (_COLUMNS * _ROWS), 0
            return 1
        if head == 0x0B:
            self._cursor = 0
            return 1
        if head == 0x1F:
            return self._unit_separator()
        if head == 0x1B:
            return self._escape()
        if head >= 0x20:
            self._put(bytes([head]).decode(CODE_PAGES.get(self._page, "ascii"), "replace"))
        return 1

    def _unit_separator(self) -> int:
        if len(self._buffer) < 2:
            return 0
        if self._buffer[1] != 0x24:
            return 2
        if len(self._buffer) < 4:
            return 0
        column, row = self._buffer[2], self._buffer[3]
        if 1 <= column <= _COLUMNS and 1 <= row <= _ROWS:
            self._cursor = (row - 1) * _COLUMNS + column - 1
        return 4

    def _escape(self) -> int:
        if len(self._buffer) < 2:
            return 0
        second = self._buffer[1]
        if second == 0x40:
            self._power_on()
            return 2
        if second in (0x74, 0x3D):
            if len(self._buffer) < 3:
                return 0
            if second == 0x74:
                self._page = self._buffer[2]
            return 3
        if second == 0x51:
            return self._whole_line()
        return 2

    def _whole_line(self) -> int:
        end = self._buffer.find(0x0D)
        if end < 0:
            return 0
        if end >= 3 and self._buffer[2] in b"AB":
            start = 0 if self._buffer[2] == ord("A") else _COLUMNS
            text = self._buffer[3:end].decode(CODE_PAGES.get(self._page, "ascii"), "replace")
            self._cells[start : start + _COLUMNS] = list(text[:_COLUMNS].ljust(_COLUMNS))
        return end + 1

    def _put(self, character: str) -> None:
        self._cells[self._cursor] = character
        self._cursor = (self._cursor + 1) % (_COLUMNS * _ROWS)


class SimulatedDisplay(SimulatedDevice):
    """A display that stands on a TCP port or a pseudo-terminal. `on_change` hears what a customer reads anew."""

    def __init__(
        self,
        *,
        listen: str | None = None,
        link: Path | None = None,
        on_change: Callable[[tuple[str, str]], None] | None = None,
    ) -> None:
        super().__init__(listen=listen, link=link)
        self._on_change = on_change
        self.machine = DisplayMachine()
        self._changed = asyncio.Event()

    def lines(self) -> tuple[str, str]:
        """What a customer reads."""
        return self.machine.lines()

    async def until(self, first: str, second: str) -> None:
        """Wait until it shows these two lines (without their blanks)."""
        while tuple(line.strip() for line in self.lines()) != (first, second):
            self._changed.clear()
            await self._changed.wait()

    def _arrived(self, data: bytes) -> None:
        before = self.lines()
        self.machine.receive(data)
        self._changed.set()
        if self._on_change is not None and self.lines() != before:
            self._on_change(self.lines())
