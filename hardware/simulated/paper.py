"""The paper of a simulated printer: what stands on it, line by line, and the same as text."""

from __future__ import annotations

from dataclasses import dataclass, field

from hardware.printers.document import Align, cells_wide
from hardware.printers.layout import shown

receipts_kept_max = 10_000


@dataclass(frozen=True)
class Style:
    """How a run of characters is printed; width and height are times the normal."""

    bold: bool = False
    width: int = 1
    height: int = 1
    underline: int = 0
    reverse: bool = False


@dataclass(frozen=True)
class Run:
    """Characters of one style."""

    text: str
    style: Style = Style()


@dataclass(frozen=True)
class PrintedLine:
    """A line of text."""

    runs: tuple[Run, ...]
    align: Align = "left"
    height_dots: int = 30


@dataclass(frozen=True)
class PrintedRaster:
    """A picture, one bit a dot, rows of whole bytes, 1 is black."""

    row_bytes: int
    rows: int
    data: bytes
    align: Align = "left"


@dataclass(frozen=True)
class PrintedBarcode:
    """A bar code."""

    kind: str
    data: str
    align: Align = "left"
    height_dots: int = 162
    module_dots: int = 3
    text_below: bool = False


@dataclass(frozen=True)
class PrintedQr:
    """A QR code."""

    data: bytes
    align: Align = "left"
    module_dots: int = 3
    correction: str = "L"


@dataclass(frozen=True)
class Fed:
    """Empty paper."""

    lines: int = 0
    dots: int = 0


Printed = PrintedLine | PrintedRaster | PrintedBarcode | PrintedQr | Fed


@dataclass
class Paper:
    """A roll: what was cut off, and what hangs out of the printer."""

    columns: int
    dots: int
    receipts: list[tuple[Printed, ...]] = field(default_factory=list)
    hanging: list[Printed] = field(default_factory=list)
    cuts: int = 0

    def put(self, printed: Printed) -> None:
        """Print something below what is there; pictures in bands grow together."""
        last = self.hanging[-1] if self.hanging else None
        if (
            isinstance(printed, PrintedRaster)
            and isinstance(last, PrintedRaster)
            and (last.row_bytes, last.align) == (printed.row_bytes, printed.align)
        ):
            self.hanging[-1] = PrintedRaster(
                last.row_bytes, last.rows + printed.rows, last.data + printed.data, last.align
            )
        else:
            self.hanging.append(printed)

    def cut(self) -> None:
        """Cut what hangs out off as a receipt; an empty one is only a cut."""
        self.cuts += 1
        if self.hanging:
            self.receipts.append(tuple(self.hanging))
            self.hanging.clear()
            del self.receipts[:-receipts_kept_max]


def receipt_text(printed: tuple[Printed, ...] | list[Printed], columns: int) -> str:
    """What a person reads on it, as `document_to_text` would show it."""
    lines: list[str] = []
    for one in printed:
        match one:
            case PrintedLine():
                text = "".join(run.text for run in one.runs)
                lines.append(_placed(one, text, columns))
            case PrintedRaster():
                lines.append(shown("[image]", one.align, False, columns))
            case PrintedBarcode():
                lines.append(shown(f"[{one.kind} {one.data}]", one.align, False, columns))
            case PrintedQr():
                lines.append(shown(f"[QR {one.data.decode('utf-8', 'replace')}]", one.align, False, columns))
            case Fed():
                lines += [""] * one.lines
    return "".join(line + "\n" for line in lines)


def _placed(line: PrintedLine, text: str, columns: int) -> str:
    wide = sum(cells_wide(run.text) * run.style.width for run in line.runs)
    room = max(0, columns - wide)
    indent = {"left": 0, "center": room // 2, "right": room}[line.align]
    return (" " * indent + text).rstrip()
