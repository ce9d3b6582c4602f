"""The one model of a printed document: what stands on the paper, before any printer is known.

A document is a frozen value that can be kept as JSON until a printer can print it. Text that comes from data can
hold nothing but printable characters (`printable`), so no name of a product ever cuts paper or opens a drawer.
"""

from __future__ import annotations

import unicodedata
from typing import Literal

import msgspec

elements_max = 5_000
text_characters_max = 4_000
feed_lines_max = 255
qr_bytes_max = 1_024
code128_characters_max = 48

Align = Literal["left", "center", "right"]
BarcodeKind = Literal["EAN13", "EAN8", "UPCA", "CODE128"]
_DIGITS = {"EAN13": 13, "EAN8": 8, "UPCA": 12}


class DocumentError(ValueError):
    """This cannot stand on a receipt."""


class Text(msgspec.Struct, frozen=True, tag=True):
    """A paragraph, wrapped at its words."""

    text: str
    align: Align = "left"
    bold: bool = False
    double: bool = False  # twice as wide and twice as high

    def __post_init__(self) -> None:
        _check_length(self.text)


class Columns(msgspec.Struct, frozen=True, tag=True):
    """A name on the left, an amount on the right; a long name wraps and the amount stands on its last line."""

    left: str
    right: str
    bold: bool = False
    double: bool = False

    def __post_init__(self) -> None:
        _check_length(self.left)
        _check_length(self.right)


class Cell(msgspec.Struct, frozen=True):
    """One column of a row; without a width it shares what the others leave."""

    text: str
    width: int | None = None
    align: Align = "left"

    def __post_init__(self) -> None:
        _check_length(self.text)
        if self.width is not None and self.width < 1:
            raise DocumentError("a cell is at least one character wide")


class Row(msgspec.Struct, frozen=True, tag=True):
    """One row of a table, cells a blank apart; a cell that is too long wraps within its column."""

    cells: tuple[Cell, ...]
    bold: bool = False


class Rule(msgspec.Struct, frozen=True, tag=True):
    """A line across the paper, drawn with one character."""

    character: str = "-"

    def __post_init__(self) -> None:
        if len(self.character) != 1 or cells_wide(printable(self.character)) != 1:
            raise DocumentError("a rule is drawn with one narrow character")


class Feed(msgspec.Struct, frozen=True, tag=True):
    """Empty lines."""

    lines: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.lines <= feed_lines_max:
            raise DocumentError(f"a feed is 0 to {feed_lines_max} lines")


class Image(msgspec.Struct, frozen=True, tag=True):
    """A picture (PNG), printed in black and white, made smaller where it is wider than the paper."""

    png: bytes
    align: Align = "center"


class Barcode(msgspec.Struct, frozen=True, tag=True):
    """A bar code with its check digit; a wrong one is refused, never mended."""

    kind: BarcodeKind
    data: str
    align: Align = "center"
    height_dots: int = 80
    text_below: bool = True

    def __post_init__(self) -> None:
        _check_barcode(self.kind, self.data)
        if not 1 <= self.height_dots <= 255:
            raise DocumentError("a bar code is 1 to 255 dots high")


class QR(msgspec.Struct, frozen=True, tag=True):
    """A QR code, error correction M; beyond ASCII it is UTF-8, which some readers take for something else."""

    data: str
    align: Align = "center"
    module_dots: int = 6

    def __post_init__(self) -> None:
        if not 1 <= len(self.data.encode()) <= qr_bytes_max:
            raise DocumentError(f"a QR code holds 1 to {qr_bytes_max} bytes")
        if not 1 <= self.module_dots <= 16:
            raise DocumentError("a module of a QR code is 1 to 16 dots wide")


class Cut(msgspec.Struct, frozen=True, tag=True):
    """Feed past the knife and cut, leaving the paper on a thread where the printer can."""


Element = Text | Columns | Row | Rule | Feed | Image | Barcode | QR | Cut


class Document(msgspec.Struct, frozen=True):
    """What one print job puts on paper; `columns` is the width that it was laid out for."""

    elements: tuple[Element, ...]
    columns: int = 42
    title: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.elements, tuple):
            msgspec.structs.force_setattr(self, "elements", tuple(self.elements))
        if len(self.elements) > elements_max:
            raise DocumentError(f"a document has at most {elements_max} elements")
        if not 8 <= self.columns <= 255:
            raise DocumentError("paper is 8 to 255 characters wide")


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Document)


def document_to_json(document: Document) -> bytes:
    """The document as JSON, for a spool that outlives the process."""
    return _encoder.encode(document)


def document_from_json(data: bytes) -> Document:
    """The document that `document_to_json` wrote; raises `DocumentError` where it is none."""
    try:
        return _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DocumentError(f"this is no stored document: {error}") from None


def document_to_text(document: Document, columns: int | None = None) -> str:
    """What the paper shows, as plain text with one line a paper line, each ended by a line feed.

    Bar codes stand as `[EAN13 …]`, QR codes as `[QR …]`, pictures as `[image]`; a cut ends the paper and shows
    nothing.
    """
    from hardware.printers.layout import paper_text

    return paper_text(document, columns or document.columns)


def printable(text: str) -> str:
    """The text as it may go to a printer: NFC, control characters as blanks, invisible format characters left out."""
    kept: list[str] = []
    for character in unicodedata.normalize("NFC", text):
        category = unicodedata.category(character)
        if category in ("Cc", "Zl", "Zp", "Zs"):
            kept.append(" ")
        elif category not in ("Cf", "Cs", "Cn"):
            kept.append(character)
    return "".join(kept)


def cells_wide(text: str) -> int:
    """How many character cells the text takes on paper: East Asian wide characters two, combining marks none."""
    return sum(character_cells(character) for character in text)


def character_cells(character: str) -> int:
    """The cells of one character: 0, 1 or 2."""
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def gtin_check_digit(digits: str) -> int:
    """The check digit that completes these digits to a GTIN (GS1 General Specifications, section 7.9)."""
    weighted = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(digits)))
    return -weighted % 10


def _check_barcode(kind: BarcodeKind, data: str) -> None:
    if kind == "CODE128":
        if not 1 <= len(data) <= code128_characters_max or not all(" " <= character <= "~" for character in data):
            raise DocumentError(f"Code 128 holds 1 to {code128_characters_max} printable ASCII characters")
        return
    length = _DIGITS[kind]
    if len(data) != length or not (data.isascii() and data.isdigit()):
        raise DocumentError(f"{kind} has {length} digits, not {data!r}")
    if int(data[-1]) != gtin_check_digit(data[:-1]):
        raise DocumentError(f"{kind} {data}: the check digit should be {gtin_check_digit(data[:-1])}")


def _check_length(text: str) -> None:
    if len(text) > text_characters_max:
        raise DocumentError(f"a text on paper has at most {text_characters_max} characters")
