"""A receipt of a simulated printer as a picture: what a customer would hold, with codes that a scanner can read."""

from __future__ import annotations

import importlib
import io
from importlib import resources
from typing import TYPE_CHECKING, Any

from hardware.printers.document import Align, cells_wide
from hardware.simulated.paper import (
    Fed,
    Paper,
    Printed,
    PrintedBarcode,
    PrintedLine,
    PrintedQr,
    PrintedRaster,
)

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

line_dots = 30
margin_dots = 32
receipt_rows_max = 60_000
_CHARACTER_DOTS = 24


def receipt_png(printed: tuple[Printed, ...] | list[Printed], paper: Paper) -> bytes:
    """The receipt in black on white, one pixel a dot, as PNG."""
    from PIL import Image

    strips = [strip for one in printed if (strip := _strip(one, paper)) is not None]
    height = min(sum(strip.height for strip in strips) + 2 * margin_dots, receipt_rows_max)
    sheet = Image.new("1", (paper.dots + 2 * margin_dots, height), 1)
    y = margin_dots
    for strip in strips:
        sheet.paste(strip, (margin_dots, y))
        y += strip.height
    output = io.BytesIO()
    sheet.save(output, "PNG")
    return output.getvalue()


def _strip(printed: Printed, paper: Paper) -> Picture | None:
    match printed:
        case PrintedLine():
            return _line(printed, paper)
        case PrintedRaster():
            return _aligned(_raster(printed), printed.align, paper.dots)
        case PrintedBarcode():
            return _aligned(_barcode(printed), printed.align, paper.dots)
        case PrintedQr():
            return _aligned(_qr(printed), printed.align, paper.dots)
        case Fed():
            rows = printed.lines * line_dots + printed.dots
            return _blank(paper.dots, rows) if rows else None


def _blank(width: int, height: int) -> Picture:
    from PIL import Image

    return Image.new("1", (width, height), 1)


def _aligned(picture: Picture, align: Align, dots: int) -> Picture:
    if picture.width > dots:
        picture = picture.crop((0, 0, dots, picture.height))
    strip = _blank(dots, picture.height)
    strip.paste(picture, ({"left": 0, "center": (dots - picture.width) // 2, "right": dots - picture.width}[align], 0))
    return strip


def _font() -> Any:
    from PIL import ImageFont

    return ImageFont.truetype(str(resources.files("barcode") / "fonts" / "DejaVuSansMono.ttf"), 20)


def _line(line: PrintedLine, paper: Paper) -> Picture:
    from PIL import Image, ImageChops, ImageDraw

    cell = paper.dots // paper.columns
    strip = _blank(paper.dots, line.height_dots)
    wide = sum(cells_wide(run.text) * run.style.width for run in line.runs) * cell
    x = {"left": 0, "center": (paper.dots - wide) // 2, "right": paper.dots - wide}[line.align]
    font = _font()
    for run in line.runs:
        for character in run.text:
            cells = cells_wide(character)
            glyph = _blank(max(cells, 1) * cell, _CHARACTER_DOTS)
            draw = ImageDraw.Draw(glyph)
            draw.text((0, 19), character, font=font, fill=0, anchor="ls")
            if run.style.bold:
                draw.text((1, 19), character, font=font, fill=0, anchor="ls")
            if run.style.underline:
                draw.line((0, 22, glyph.width, 22), fill=0, width=run.style.underline)
            if run.style.reverse:
                glyph = ImageChops.invert(glyph)
            size = (glyph.width * run.style.width, glyph.height * run.style.height)
            glyph = glyph.resize(size, Image.Resampling.NEAREST)
            strip.paste(glyph, (x, line.height_dots - glyph.height))
            x += cells * cell * run.style.width
    return strip


def _raster(raster: PrintedRaster) -> Picture:
    from PIL import Image

    white_is_one = bytes(byte ^ 0xFF for byte in raster.data)
    return Image.frombytes("1", (raster.row_bytes * 8, raster.rows), white_is_one)


def _barcode(barcode: PrintedBarcode) -> Picture:
    from PIL import ImageDraw

    modules = _modules(barcode)
    quiet = 10
    text_rows = 26 if barcode.text_below else 0
    picture = _blank((len(modules) + 2 * quiet) * barcode.module_dots, barcode.height_dots + text_rows)
    draw = ImageDraw.Draw(picture)
    for place, module in enumerate(modules):
        if module == "1":
            x = (place + quiet) * barcode.module_dots
            draw.rectangle((x, 0, x + barcode.module_dots - 1, barcode.height_dots - 1), fill=0)
    if barcode.text_below:
        draw.text((picture.width // 2, picture.height - 5), barcode.data, font=_font(), fill=0, anchor="ms")
    return picture


def _modules(barcode: PrintedBarcode) -> str:
    """The bars as ones and blanks as zeros, by python-barcode, which knows nothing of our renderer."""
    library: Any = importlib.import_module("barcode")
    names = {"EAN13": "ean13", "EAN8": "ean8", "UPCA": "upca", "CODE128": "code128", "CODE39": "code39"}
    name = names.get(barcode.kind)
    if name is None:
        return ""
    made = library.get(name, barcode.data)
    built: list[str] = made.build()
    return "".join(built).replace("G", "1")


def _qr(code: PrintedQr) -> Picture:
    from PIL import Image

    qrcode: Any = importlib.import_module("qrcode")
    levels = {"L": 1, "M": 0, "Q": 3, "H": 2}
    drawn = qrcode.QRCode(error_correction=levels[code.correction], box_size=code.module_dots, border=4)
    drawn.add_data(code.data)
    drawn.make(fit=True)
    picture: Image.Image = drawn.make_image().get_image().convert("1")
    return picture
