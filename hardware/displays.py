"""Customer displays, two lines of twenty: what the customer owes, and nothing older than the newest text.

Two languages: Epson's (`1b 40`, `0c`, `1f 24 column row`) and CD5220 (`1b 51 41 … 0d`, `1b 51 42 … 0d`). A display
that hangs on the printer's plug is chosen before each text and the printer after it (`1b 3d 02`, `1b 3d 01`), so
that a receipt never lands on the display.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from typing import Literal

from hardware.printers.document import printable
from hardware.transports.transport import LineLost, Transport

columns = 20
rows = 2
write_seconds = 2.0
listen_seconds = 3600.0

Language = Literal["epson", "cd5220"]


@dataclass(frozen=True)
class DisplaySetting:
    """How a display is spoken to. `page` is the number of `encoding` in its table (19 is PC858, with €)."""

    language: Language = "epson"
    page: int = 19
    encoding: str = "cp858"
    behind_printer: bool = False

    def __post_init__(self) -> None:
        if self.language not in ("epson", "cd5220"):
            raise ValueError(f"a display's language is epson or cd5220, not {self.language!r}")
        if not 0 <= self.page <= 255:
            raise ValueError(f"a display's page is 0 to 255, not {self.page!r}")
        try:
            "".encode(self.encoding)
        except LookupError:
            raise ValueError(f"no encoding is called {self.encoding!r}; mostly it is cp858") from None


def shown_line(text: str, right: str = "") -> str:
    """One line of exactly twenty characters: cut or padded, with `right` (an amount) kept whole at its end."""
    text, right = printable(text), printable(right)[:columns]
    room = columns - len(right)
    left = text[: room - 1 if right and room else room]
    return (left.ljust(room) + right)[:columns]


def begin(setting: DisplaySetting) -> bytes:
    """Initialise and clear the display, and choose its code page."""
    return _addressed(setting, b"\x1b\x40\x0c" + b"\x1b\x74" + bytes([setting.page]))


def text_bytes(setting: DisplaySetting, first: str, second: str) -> bytes:
    """The bytes that make a display show two lines, whatever stood there."""
    above, below = (_encoded(setting, shown_line(line)) for line in (first, second))
    if setting.language == "cd5220":
        return _addressed(setting, b"\x1b\x51\x41" + above + b"\x0d" + b"\x1b\x51\x42" + below + b"\x0d")
    return _addressed(setting, b"\x1f\x24\x01\x01" + above + b"\x1f\x24\x01\x02" + below)


class DisplayDriver:
    """Shows the newest text. `show` never waits; `run` writes, and skips what was overtaken.

    `run` raises `LineLost` when the display is unplugged, and shows the newest text again when it is run anew.
    """

    def __init__(self, transport: Transport, setting: DisplaySetting | None = None) -> None:
        self.transport = transport
        self.setting = setting or DisplaySetting()
        self._newest: tuple[str, str] | None = None
        self._news = asyncio.Event()
        self.counts: Counter[str] = Counter()

    def show(self, first: str, second: str = "") -> None:
        """Show these two lines instead of what stands there."""
        self._newest = (first, second)
        self._news.set()

    async def run(self) -> None:
        """Write each newest text until cancelled, the transport being open; a cut line is noticed at once."""
        writing, listening = asyncio.create_task(self._write_newest()), asyncio.create_task(self._listen())
        try:
            await asyncio.wait({writing, listening}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (writing, listening):
                task.cancel()
            ends = await asyncio.gather(writing, listening, return_exceptions=True)
        for end in ends:
            if isinstance(end, Exception):
                raise end

    async def _write_newest(self) -> None:
        await self._write(begin(self.setting))
        while True:
            if self._newest is not None:
                self._news.clear()
                await self._write(text_bytes(self.setting, *self._newest))
                self.counts["shown"] += 1
            await self._news.wait()

    async def _listen(self) -> None:
        """A display says nothing; listening shows when its line is cut."""
        while True:
            await self.transport.read_some(deadline=listen_seconds)

    async def _write(self, data: bytes) -> None:
        result = await self.transport.write_all(data, deadline=write_seconds)
        if result.error is not None:
            raise LineLost(f"{self.transport.address}: {result.error}", "check its cable and power")


def _encoded(setting: DisplaySetting, line: str) -> bytes:
    """The line in the display's page, `?` for a letter that it does not have; always twenty bytes."""
    encoded = line.encode(setting.encoding, "replace")
    return encoded if len(encoded) == len(line) else line.encode("ascii", "replace")


def _addressed(setting: DisplaySetting, data: bytes) -> bytes:
    return b"\x1b\x3d\x02" + data + b"\x1b\x3d\x01" if setting.behind_printer else data
