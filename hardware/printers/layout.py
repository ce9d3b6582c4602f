"""A document laid out on paper of a given width: wrapped, aligned lines, still without any printer's bytes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hardware.printers.document import (
    QR,
    Align,
    Barcode,
    Cell,
    Columns,
    Cut,
    Document,
    DocumentError,
    Element,
    Feed,
    Image,
    Row,
    Rule,
    Text,
    cells_wide,
    character_cells,
    printable,
)


@dataclass(frozen=True)
class Line:
    """One line of characters; a double one has half the room, and the printer aligns it."""

    text: str
    align: Align = "left"
    bold: bool = False
    double: bool = False


@dataclass(frozen=True)
class FeedLines:
    """Empty lines."""

    lines: int


@dataclass(frozen=True)
class CutPaper:
    """The end of a receipt."""


Laid = Line | FeedLines | CutPaper | Image | Barcode | QR


def lay_out(document: Document, columns: int) -> Iterator[Laid]:
    """The lines and pictures of the document, from top to bottom, on paper `columns` characters wide."""
    for element in document.elements:
        yield from _lay(element, columns)


def paper_text(document: Document, columns: int) -> str:
    """The laid-out document as text, ended lines without trailing blanks; what `document_to_text` returns."""
    lines: list[str] = []
    for laid in lay_out(document, columns):
        match laid:
            case Line():
                lines.append(shown(laid.text, laid.align, laid.double, columns))
            case FeedLines():
                lines += [""] * laid.lines
            case Barcode():
                lines.append(shown(f"[{laid.kind} {laid.data}]", laid.align, False, columns))
            case QR():
                lines.append(shown(f"[QR {printable(laid.data)}]", laid.align, False, columns))
            case Image():
                lines.append(shown("[image]", laid.align, False, columns))
            case CutPaper():
                pass
    return "".join(line + "\n" for line in lines)


def shown(text: str, align: Align, double: bool, columns: int) -> str:
    """A line as it stands on paper: moved to its place, with no blanks at its end."""
    wide = cells_wide(text) * (2 if double else 1)
    room = max(0, columns - wide)
    indent = {"left": 0, "center": room // 2, "right": room}[align]
    return (" " * indent + text).rstrip()


def wrap(text: str, width: int) -> list[str]:
    """The text in lines of at most `width` cells, broken at blanks, a longer word in the middle."""
    lines: list[str] = []
    line = ""
    for word in text.split(" "):
        candidate = f"{line} {word}" if line else word
        if cells_wide(candidate) <= width:
            line = candidate
            continue
        if line:
            lines.append(line)
        line = word
        while cells_wide(line) > width:
            head = _head(line, width)
            lines.append(head)
            line = line[len(head) :]
    lines.append(line)
    return lines


def fit(text: str, width: int, align: Align) -> str:
    """The text padded to exactly `width` cells; the text is not longer than that."""
    room = width - cells_wide(text)
    left = {"left": 0, "center": room // 2, "right": room}[align]
    return " " * left + text + " " * (room - left)


def _lay(element: Element, columns: int) -> Iterator[Laid]:
    match element:
        case Text():
            width = columns // 2 if element.double else columns
            for text in wrap(printable(element.text), width):
                yield Line(text.rstrip() or "", element.align, element.bold, element.double)
        case Columns():
            width = columns // 2 if element.double else columns
            for text in _left_and_right(printable(element.left), printable(element.right), width):
                yield Line(text, "left", element.bold, element.double)
        case Row():
            for text in _table_row(element.cells, columns):
                yield Line(text, "left", element.bold)
        case Rule():
            yield Line(printable(element.character) * columns)
        case Feed():
            yield FeedLines(element.lines)
        case Cut():
            yield CutPaper()
        case _:
            yield element


def _left_and_right(left: str, right: str, width: int) -> list[str]:
    right_lines = wrap(right.strip(), width)
    last_right = right_lines[0] if len(right_lines) == 1 else ""
    if not last_right:
        return [*wrap(left, width), *(fit(text, width, "right") for text in right_lines if text)]
    room = width - cells_wide(last_right) - 1
    left_lines = wrap(left, max(room, 1)) if room >= width // 3 else [*wrap(left, width), ""]
    *above, last = left_lines
    gap = width - cells_wide(last) - cells_wide(last_right)
    return [*above, last + " " * max(gap, 0) + last_right]


def _table_row(cells: tuple[Cell, ...], columns: int) -> list[str]:
    if not cells:
        return [""]
    widths = _cell_widths(cells, columns)
    wrapped = [wrap(printable(cell.text), width) for cell, width in zip(cells, widths, strict=True)]
    height = max(len(lines) for lines in wrapped)
    rows = []
    for number in range(height):
        parts = [
            fit(lines[number] if number < len(lines) else "", width, cell.align)
            for lines, width, cell in zip(wrapped, widths, cells, strict=True)
        ]
        rows.append(" ".join(parts).rstrip())
    return rows


def _cell_widths(cells: tuple[Cell, ...], columns: int) -> list[int]:
    room = columns - (len(cells) - 1) - sum(cell.width or 0 for cell in cells)
    open_cells = sum(cell.width is None for cell in cells)
    if room < open_cells:
        raise DocumentError(f"this row does not fit on paper of {columns} characters")
    widths: list[int] = []
    for cell in cells:
        if cell.width is not None:
            widths.append(cell.width)
            continue
        share = room // open_cells
        widths.append(share)
        room -= share
        open_cells -= 1
    return widths


def _head(text: str, width: int) -> str:
    """As many characters as fit in `width` cells, at least one."""
    used = 0
    for place, character in enumerate(text):
        used += character_cells(character)
        if used > width:
            return text[: max(place, 1)]
    return text
