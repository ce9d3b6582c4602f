"""The simulated printer's inside: bytes in, paper and answers out; no line, no clock.

As in a real printer, commands in real time (`DLE …`) are obeyed as they arrive, wherever they stand; everything
else goes through a buffer that stands still while there is no paper, the cover is open or the knife is stuck, and
goes on from there when a person has seen to it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from hardware.printers.document import Align, cells_wide, character_cells
from hardware.simulated.escpos_commands import DLE, read_command, real_time_length
from hardware.simulated.paper import (
    Fed,
    Paper,
    PrintedBarcode,
    PrintedLine,
    PrintedQr,
    PrintedRaster,
    Run,
    Style,
)
from hardware.simulated.symbols import barcode_text

receive_buffer_bytes_max = 65_536
CODE_PAGES = {
    0: "cp437", 2: "cp850", 3: "cp860", 4: "cp863", 5: "cp865", 13: "cp857", 14: "cp737", 15: "iso8859_7",
    16: "cp1252", 17: "cp866", 18: "cp852", 19: "cp858", 32: "cp720", 33: "cp775", 34: "cp855", 35: "cp861",
    36: "cp862", 37: "cp864", 38: "cp869", 39: "iso8859_2", 40: "iso8859_15", 45: "cp1250", 46: "cp1251",
    47: "cp1253", 48: "cp1254", 49: "cp1255", 50: "cp1256", 51: "cp1257", 52: "cp1258",
}  # fmt: skip
_ALIGNS: tuple[Align, ...] = ("left", "center", "right")
_BARCODE_KINDS = {0: "UPCA", 1: "UPCE", 2: "EAN13", 3: "EAN8", 4: "CODE39", 5: "ITF", 6: "CODABAR"}
_BARCODE_KINDS |= {65 + number: kind for number, kind in _BARCODE_KINDS.items()} | {72: "CODE93", 73: "CODE128"}
_NAMES = {65: "1.00", 66: "TILLSTREAM", 68: "SIM0000001", 69: "ANK"}
_MODEL = 67


# Known, and nothing here shows them: spacing, fonts, margins, positions, real-time bytes in their place.
_WITHOUT_EFFECT = (
    *(b"\x00", b"\r", b"\x0c", b"\x18", b"\x10", b"\x10\x04", b"\x10\x05", b"\x10\x14"),
    *(bytes([0x1B, second]) for second in b"23MR ={cS%VDT"),
    *(bytes([0x1D, second]) for second in b"LWPfx"),
    *(bytes([0x1C, second]) for second in b"-!SCW"),  # how Kanji look
    b"\x1c(A",
)


@dataclass(frozen=True)
class Pulse:
    """A drawer pulse: which pin (2 or 5), how many milliseconds, and whether it came in real time."""

    pin: int
    milliseconds: int
    real_time: bool


@dataclass
class Condition:
    """What a person can see and change on the printer."""

    paper_out: bool = False
    near_end: bool = False
    cover_open: bool = False
    cutter_error: bool = False
    drawer_open: bool = False

    @property
    def online(self) -> bool:
        """Whether it prints."""
        return not (self.paper_out or self.cover_open or self.cutter_error)


@dataclass
class _Setting:
    align: Align = "left"
    style: Style = field(default_factory=Style)
    page: int = 0
    kanji: bool = False
    barcode_height: int = 162
    barcode_module: int = 3
    barcode_text: bool = False
    qr_module: int = 3
    qr_correction: str = "L"
    qr_data: bytes = b""
    graphics: PrintedRaster | None = None
    automatic: int = 0


class EscPosMachine:
    """An 80 mm receipt printer. `answer` is called with what it says, in the order in which it says it."""

    def __init__(
        self,
        answer: Callable[[bytes], None],
        *,
        columns: int = 42,
        dots: int = 512,
        process_ids: bool = True,
        model: str = "SIM-80",
    ) -> None:
        self.paper = Paper(columns, dots)
        self.condition = Condition()
        self.pulses: list[Pulse] = []
        self.unknown: list[bytes] = []
        self.bytes_received = 0
        self._answer = answer
        self._process_ids = process_ids
        self._names = _NAMES | {_MODEL: model}
        self._buffer = bytearray()
        self._real_time = bytearray()
        self._pulses_in_real_time = True
        self._line: list[Run] = []
        self._set = _Setting()
        self._obey = _commands(self)

    @property
    def held_bytes(self) -> int:
        """How much waits in the buffer."""
        return len(self._buffer)

    @property
    def room(self) -> int:
        """How many bytes it takes before it stops the line."""
        return max(0, receive_buffer_bytes_max - len(self._buffer))

    def receive(self, data: bytes) -> None:
        """Take bytes from the line."""
        self.bytes_received += len(data)
        data = bytes(self._real_time) + data
        done = len(self._real_time)  # these bytes are in the buffer already
        self._real_time.clear()
        at = 0
        while (dle := data.find(DLE, at)) >= 0:
            length = real_time_length(data, dle)
            self._take(data[done : dle + 1])
            done = max(done, dle + 1)
            if length is None:
                self._take(data[done:])
                self._real_time += data[dle:]
                return
            if length:
                self._take(data[done : dle + length])
                done = max(done, dle + length)
                self._in_real_time(data[dle : dle + length])
            at = dle + max(length, 1)
        self._take(data[done:])

    def change(self, **facts: bool) -> None:
        """Open the cover, take the paper out, put it in …; printing goes on where it stood."""
        for name, value in facts.items():
            if not hasattr(self.condition, name) or name == "online":
                raise ValueError(f"a printer has no {name!r}")
            setattr(self.condition, name, value)
        self._say_automatically()
        self._work()

    def power_cycle(self) -> None:
        """Switch off and on: what was not printed is gone, settings are as from the works."""
        self._buffer.clear()
        self._real_time.clear()
        self._line.clear()
        self._pulses_in_real_time = True
        self._set = _Setting()

    def real_time_status(self, number: int) -> int:
        """The answer to `DLE EOT` number."""
        now = self.condition
        if number == 1:
            return 0x12 | 0x08 * (not now.online) | 0x04 * now.drawer_open
        if number == 2:
            return 0x12 | 0x04 * now.cover_open | 0x20 * now.paper_out | 0x40 * now.cutter_error
        if number == 3:
            return 0x12 | 0x08 * now.cutter_error
        return 0x12 | 0x0C * (now.near_end or now.paper_out) | 0x60 * now.paper_out

    def automatic_status(self) -> bytes:
        """The four bytes that it sends unasked."""
        now = self.condition
        first = 0x10 | 0x04 * now.drawer_open | 0x08 * (not now.online) | 0x20 * now.cover_open
        paper = 0x0F if now.paper_out else 0x03 if now.near_end else 0
        return bytes([first, 0x08 * now.cutter_error, paper, 0])

    def _take(self, data: bytes) -> None:
        if data:
            self._buffer += data
            self._work()

    def _work(self) -> None:
        while self.condition.online:
            found = read_command(self._buffer)
            if found is None:
                return
            command, length = found
            del self._buffer[:length]
            if not command.name:
                self._characters(command.data)
                continue
            obey = self._obey.get(command.name)
            if obey is None:
                self.unknown.append(command.name + command.data)
                del self.unknown[:-100]
            else:
                obey(command.data)

    def _in_real_time(self, command: bytes) -> None:
        if command[1] == 0x04 and 1 <= command[2] <= 4:
            self._answer(bytes([self.real_time_status(command[2])]))
        elif command[1] == 0x05 and command[2] in (1, 2):
            if command[2] == 2:
                self._buffer.clear()
                self._line.clear()
            self.change(cutter_error=False)
        elif command[1:3] == b"\x14\x01" and self._pulses_in_real_time and command[3] <= 1:
            self._pulse(command[3], command[4] * 100, real_time=True)

    def _pulse(self, pin: int, milliseconds: int, *, real_time: bool) -> None:
        self.pulses.append(Pulse(5 if pin & 1 else 2, milliseconds, real_time))
        self.condition.drawer_open = True
        self._say_automatically()

    def _say_automatically(self) -> None:
        if self._set.automatic:
            self._answer(self.automatic_status())

    def _characters(self, data: bytes) -> None:
        if self._set.kanji:
            text = data.decode("gb18030", "replace")
        else:
            text = data.decode(CODE_PAGES.get(self._set.page, "ascii"), "replace")
        style, used, piece = self._set.style, self._columns_used(), ""
        for character in text:
            wide = character_cells(character) * style.width
            if used + wide > self.paper.columns:
                self._add(piece)
                self._end_line()
                used, piece = 0, ""
            used += wide
            piece += character
        self._add(piece)

    def _add(self, text: str) -> None:
        if self._line and self._line[-1].style == self._set.style:
            self._line[-1] = Run(self._line[-1].text + text, self._set.style)
        elif text:
            self._line.append(Run(text, self._set.style))

    def _end_line(self) -> None:
        tallest = max((run.style.height for run in self._line), default=1)
        self.paper.put(PrintedLine(tuple(self._line), self._set.align, 30 if tallest == 1 else 24 * tallest + 6))
        self._line.clear()

    def _flush(self) -> None:
        if self._line:
            self._end_line()

    def _restyle(self, **changes: object) -> None:
        self._set.style = replace(self._set.style, **changes)  # type: ignore[arg-type]

    def initialise(self) -> None:
        """`ESC @`; automatic status survives it."""
        automatic = self._set.automatic
        self._set = _Setting(automatic=automatic)
        self._line.clear()

    def cut(self, data: bytes) -> None:
        """`GS V`, `ESC i`, `ESC m`."""
        self._flush()
        self.paper.cut()

    def mode(self, value: int) -> None:
        """`ESC !`."""
        self._restyle(
            bold=bool(value & 8),
            height=2 if value & 16 else 1,
            width=2 if value & 32 else 1,
            underline=1 if value & 128 else 0,
        )

    def raster(self, data: bytes) -> None:
        """`GS v 0`."""
        self._flush()
        row_bytes, rows = int.from_bytes(data[2:4], "little"), int.from_bytes(data[4:6], "little")
        if row_bytes and rows:
            self.paper.put(PrintedRaster(row_bytes, rows, data[6:], self._set.align))

    def graphics(self, data: bytes) -> None:
        """`GS ( L` and `GS 8 L` without their length: a picture is kept (function 112), then printed (2 or 50)."""
        if data[:2] == b"\x30\x70" and len(data) > 10:
            wide, rows = int.from_bytes(data[6:8], "little"), int.from_bytes(data[8:10], "little")
            self._set.graphics = PrintedRaster((wide + 7) // 8, rows, data[10:], self._set.align)
        elif data[:2] in (b"\x30\x02", b"\x30\x32") and self._set.graphics is not None:
            self._flush()
            self.paper.put(replace(self._set.graphics, align=self._set.align))
            self._set.graphics = None

    def barcode(self, data: bytes) -> None:
        """`GS k`, both forms."""
        self._flush()
        kind = _BARCODE_KINDS.get(data[0])
        content = data[1:-1] if data[0] <= 6 else data[2:]
        if kind is None:
            self.unknown.append(b"\x1dk" + data)
            return
        text = barcode_text(kind, content)
        if text is None:
            return
        now = self._set
        self.paper.put(PrintedBarcode(kind, text, now.align, now.barcode_height, now.barcode_module, now.barcode_text))

    def two_dimensional(self, data: bytes) -> None:
        """`GS ( k`: of these the QR code."""
        data = data[2:]
        if len(data) < 3 or data[0] != 0x31:
            return
        function, rest = data[1], data[2:]
        if function == 67:
            self._set.qr_module = max(1, min(16, rest[0]))
        elif function == 69:
            self._set.qr_correction = "LMQH"[(rest[0] - 48) % 4]
        elif function == 80:
            self._set.qr_data = rest[1:]
        elif function == 81 and self._set.qr_data:
            self._flush()
            now = self._set
            self.paper.put(PrintedQr(now.qr_data, now.align, now.qr_module, now.qr_correction))

    def ask(self, data: bytes) -> None:
        """`GS r`: answered when everything before it is done."""
        if data[0] in (1, 49):
            self._answer(bytes([0x03 if self.condition.near_end else 0]))
        elif data[0] in (2, 50):
            self._answer(bytes([int(self.condition.drawer_open)]))

    def identify(self, data: bytes) -> None:
        """`GS I`."""
        if data[0] in self._names:
            self._answer(b"\x5f" + self._names[data[0]].encode() + b"\x00")
        elif data[0] in (1, 49, 2, 50, 3, 51):
            self._answer(b"\x02")

    def process_id(self, data: bytes) -> None:
        """`GS ( H`: the process id, said when what stands before it is printed."""
        if self._process_ids and len(data) == 8 and data[2:4] == b"\x30\x30":
            self._answer(b"\x37\x22" + data[4:8] + b"\x00")

    def real_time_switch(self, data: bytes) -> None:
        """`GS ( D`: whether `DLE DC4` is obeyed."""
        for kind, on in zip(data[3::2], data[4::2], strict=False):
            if kind == 1:
                self._pulses_in_real_time = bool(on & 1)

    def automatic(self, data: bytes) -> None:
        """`GS a`."""
        self._set.automatic = data[0]
        self._say_automatically()

    def feed(self, lines: int = 0, dots: int = 0) -> None:
        """Print what stands in the line and move the paper on."""
        self._flush()
        if lines or dots:
            self.paper.put(Fed(lines, dots))

    def set(self, **changes: object) -> None:
        """Change a setting that holds until the next `ESC @`."""
        for name, value in changes.items():
            setattr(self._set, name, value)

    def style(self, **changes: object) -> None:
        """Change how characters look from here on."""
        self._restyle(**changes)

    def line_feed(self) -> None:
        """`LF`."""
        self._end_line()

    def tab(self) -> None:
        """`HT`: on to the next eighth column."""
        self._blanks(8 - self._columns_used() % 8)

    def move_to(self, dots: int) -> None:
        """`ESC $`: on to a place on the line, to the nearest column; back over what stands there nothing moves."""
        column = min(round(dots * self.paper.columns / self.paper.dots), self.paper.columns)
        self._blanks(column - self._columns_used())

    def move_by(self, dots: int) -> None:
        """`ESC \\`: so many dots on."""
        self._blanks(min(round(dots * self.paper.columns / self.paper.dots), self.paper.columns - self._columns_used()))

    def _blanks(self, columns: int) -> None:
        if columns > 0:
            self._line.append(Run(" " * columns, Style()))

    def _columns_used(self) -> int:
        return sum(cells_wide(run.text) * run.style.width for run in self._line)

    def pulse(self, data: bytes) -> None:
        """`ESC p`, obeyed in its place among the lines."""
        self._pulse(data[0], data[1] * 2, real_time=False)


def _commands(machine: EscPosMachine) -> dict[bytes, Callable[[bytes], None]]:
    """What each command does; commands that change nothing here are known all the same."""
    m = machine
    table: dict[bytes, Callable[[bytes], None]] = {
        b"\n": lambda _: m.line_feed(),
        b"\t": lambda _: m.tab(),
        b"\x1b@": lambda _: m.initialise(),
        b"\x1ba": lambda d: m.set(align=_ALIGNS[d[0] % 48 % 3]),
        b"\x1bE": lambda d: m.style(bold=bool(d[0] & 1)),
        b"\x1bG": lambda d: m.style(bold=bool(d[0] & 1)),
        b"\x1b-": lambda d: m.style(underline=d[0] % 48 % 3),
        b"\x1b!": lambda d: m.mode(d[0]),
        b"\x1d!": lambda d: m.style(width=(d[0] >> 4 & 7) + 1, height=(d[0] & 7) + 1),
        b"\x1dB": lambda d: m.style(reverse=bool(d[0] & 1)),
        b"\x1bt": lambda d: m.set(page=d[0]),
        b"\x1c&": lambda _: m.set(kanji=True),
        b"\x1c.": lambda _: m.set(kanji=False),
        b"\x1b$": lambda d: m.move_to(int.from_bytes(d, "little")),
        b"\x1b\\": lambda d: m.move_by(int.from_bytes(d, "little", signed=True)),
        b"\x1bd": lambda d: m.feed(lines=d[0]),
        b"\x1bJ": lambda d: m.feed(dots=d[0]),
        b"\x1dV": m.cut,
        b"\x1bi": m.cut,
        b"\x1bm": m.cut,
        b"\x1bp": m.pulse,
        b"\x1dv": m.raster,
        b"\x1dh": lambda d: m.set(barcode_height=max(1, d[0])),
        b"\x1dw": lambda d: m.set(barcode_module=max(1, min(6, d[0]))),
        b"\x1dH": lambda d: m.set(barcode_text=d[0] % 48 in (2, 3)),
        b"\x1dk": m.barcode,
        b"\x1d(k": m.two_dimensional,
        b"\x1d(L": lambda d: m.graphics(d[2:]),
        b"\x1d8L": lambda d: m.graphics(d[4:]),
        b"\x1d(H": m.process_id,
        b"\x1d(D": m.real_time_switch,
        b"\x1dr": m.ask,
        b"\x1dI": m.identify,
        b"\x1da": m.automatic,
    }
    for name in _WITHOUT_EFFECT:
        table.setdefault(name, lambda _: None)
    return table
