"""A document as the one buffer of bytes that a printer of a given profile takes.

The buffer is: `1b 40` (initialise), `1d 61 00` (say nothing unasked), the laid-out document, and the question whose
answer proves it. python-escpos encodes text, switches pages and knows each model's page numbers; nothing of what
it would print, ask or decide beyond that is used.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from hardware.printers.document import QR, Barcode, Document, Image, character_cells
from hardware.printers.escpos_library import new_printer
from hardware.printers.layout import CutPaper, FeedLines, Laid, Line, fit, lay_out
from hardware.printers.pictures import line_picture, png_picture, raster
from hardware.printers.profiles import Profile
from hardware.printers.proof import proof_request

document_bytes_max = 4 * 1024 * 1024
BEGIN = b"\x1b\x40\x1d\x61\x00"
CUT = b"\x1d\x56\x42\x00"
GAP = b"\x1b\x4a\x18"  # about 2 mm above a bar code, which else touches the line above
_ALIGN = {"left": 0, "center": 1, "right": 2}
_BARCODES = {"UPCA": 0x41, "EAN13": 0x43, "EAN8": 0x44, "CODE128": 0x49}
_EAN_MODULES = {"UPCA": 95, "EAN13": 95, "EAN8": 67}


class DocumentTooLong(ValueError):  # noqa: N818
    """The document is longer than any printer should be given at once; print fewer lines or smaller pictures."""


def render(document: Document, profile: Profile, *, job_id: int, pickle_dir: Path | None) -> bytes:
    """The document in one buffer, with the request for its proof at the end.

    `job_id` is any whole number from 0; four characters made of it travel in the process id. `pickle_dir` is a
    folder of the caller's own where python-escpos keeps its table (None: kept nowhere, 0.4 s at the first call).
    Blocks for some milliseconds (pictures: more), so a daemon calls it in a thread. Raises `DocumentError`,
    `DocumentTooLong` or `UnsafePickleFolder`.
    """
    writer = _Writer(profile, new_printer(profile, pickle_dir))
    for laid in lay_out(document, profile.columns):
        writer.write(laid)
    buffer = BEGIN + writer.output + proof_request(profile.proof, job_id)
    if len(buffer) > document_bytes_max:
        raise DocumentTooLong(f"{len(buffer):,} bytes, at most {document_bytes_max:,} go to a printer at once")
    return buffer


class _Writer:
    """Puts laid-out elements into a python-escpos printer and remembers what the printer is set to."""

    def __init__(self, profile: Profile, printer: Any) -> None:
        self._profile = profile
        self._printer = printer
        self._align = 0
        self._bold = False
        self._double = False

    @property
    def output(self) -> bytes:
        output: bytes = self._printer.output
        return output

    def write(self, laid: Laid) -> None:
        match laid:
            case Line():
                self._line(laid)
            case FeedLines():
                if laid.lines:
                    self._raw(b"\x1b\x64" + bytes([laid.lines]))
            case CutPaper():
                self._raw(CUT)
            case Image():
                self._set(align=_ALIGN[laid.align])
                self._raw(raster(png_picture(laid.png, self._profile), self._profile))
            case Barcode():
                self._set(align=_ALIGN[laid.align])
                self._barcode(laid)
            case QR():
                self._set(align=_ALIGN[laid.align])
                self._qr(laid)

    def _line(self, line: Line) -> None:
        if line.align == "right":  # to the last column: the printer's own edge may lie some dots further
            room = self._profile.columns // (2 if line.double else 1)
            line = Line(fit(line.text, room, "right"), "left", line.bold, line.double)
        text, picture = line.text, None
        if not self._printer_has(text):
            if self._profile.missing == "picture":
                picture = line_picture(text, self._profile, align=line.align, bold=line.bold, double=line.double)
            if picture is None:
                text = self._with_question_marks(text)
        if picture is not None:
            self._set(align=0)
            self._raw(raster(picture, self._profile))
            return
        self._set(align=_ALIGN[line.align], bold=line.bold, double=line.double)
        if text:
            self._printer.magic.write(text)
        self._raw(b"\n")

    def _set(self, *, align: int, bold: bool = False, double: bool = False) -> None:
        if align != self._align:
            self._raw(b"\x1b\x61" + bytes([align]))
        if bold != self._bold:
            self._raw(b"\x1b\x45" + bytes([bold]))
        if double != self._double:
            self._raw(b"\x1d\x21" + (b"\x11" if double else b"\x00"))
        self._align, self._bold, self._double = align, bold, double

    def _barcode(self, barcode: Barcode) -> None:
        data = barcode.data.encode("ascii")
        if barcode.kind == "CODE128":
            modules = 11 * (len(data) + 2) + 13
            data = b"{B" + data.replace(b"{", b"{{")
        else:
            modules = _EAN_MODULES[barcode.kind]
        module_dots = min(3, self._profile.dots // modules)
        if module_dots < 2:  # a scanner could not read it; a person can read the characters
            self._line(Line(barcode.data, barcode.align))
            return
        self._raw(GAP + b"\x1d\x68" + bytes([barcode.height_dots]) + b"\x1d\x77" + bytes([module_dots]))
        self._raw(b"\x1d\x48" + (b"\x02" if barcode.text_below else b"\x00"))
        self._raw(b"\x1d\x6b" + bytes([_BARCODES[barcode.kind], len(data)]) + data)

    def _qr(self, code: QR) -> None:
        if self._profile.qr:
            self._printer.qr(code.data, ec=1, size=code.module_dots, native=True)
            return
        qrcode: Any = importlib.import_module("qrcode")
        drawn = qrcode.QRCode(error_correction=qrcode.constants.ERROR_CORRECT_M, box_size=code.module_dots, border=2)
        drawn.add_data(code.data.encode())
        drawn.make(fit=True)
        self._raw(raster(drawn.make_image().get_image().convert("1"), self._profile))

    def _printer_has(self, text: str) -> bool:
        encoder = self._printer.magic.encoder
        return all(encoder.find_suitable_encoding(character) is not None for character in text)

    def _with_question_marks(self, text: str) -> str:
        encoder = self._printer.magic.encoder
        return "".join(
            character if encoder.find_suitable_encoding(character) else "?" * character_cells(character)
            for character in text
        )

    def _raw(self, data: bytes) -> None:
        self._printer._raw(data)
