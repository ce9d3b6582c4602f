"""Pictures on paper: PNGs, and lines whose letters no code page of the printer has, as ESC/POS rasters.

A raster goes to a printer that looks for commands in real time in every byte, also inside pictures. So no raster
holds `10 04` or `10 05`, and `10 14` only while the printer is told not to look for it.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from hardware.printers.document import Align, DocumentError, cells_wide, character_cells
from hardware.printers.fonts import font_for
from hardware.printers.profiles import Profile

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

band_rows_max = 128
picture_pixels_max = 20_000_000
picture_rows_max = 4_000
LINE_ROWS = 30
_LOOK_AWAY = b"\x1d\x28\x44\x03\x00\x14\x01\x00"
_LOOK_AGAIN = b"\x1d\x28\x44\x03\x00\x14\x01\x01"


def png_picture(png: bytes, profile: Profile) -> Picture:
    """The PNG in black and white, no wider than the paper; raises `DocumentError` where it is no picture."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(png), formats=("PNG",)) as opened:
            if opened.width * opened.height > picture_pixels_max:
                raise DocumentError(f"a picture has at most {picture_pixels_max:,} pixels")
            colours = opened.convert("RGBA")
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise DocumentError(f"this is no PNG that can be read: {error}") from None
    on_white = Image.new("RGBA", colours.size, "white")
    on_white.alpha_composite(colours)
    grey = on_white.convert("L")
    if grey.width > profile.dots:
        grey = grey.resize((profile.dots, max(1, grey.height * profile.dots // grey.width)))
    if grey.height > picture_rows_max:
        raise DocumentError(f"a picture is at most {picture_rows_max} dots high")
    return grey.convert("1")


def line_picture(text: str, profile: Profile, *, align: Align, bold: bool, double: bool) -> Picture | None:
    """The line drawn with fonts that have its letters, each in its own cell; None where a letter has none."""
    from PIL import Image, ImageDraw

    scale = 2 if double else 1
    cell, rows = profile.cell_dots * scale, LINE_ROWS * scale
    picture = Image.new("1", (profile.dots, rows), 1)
    draw = ImageDraw.Draw(picture)
    wide = cells_wide(text) * cell
    x = {"left": 0, "center": (profile.dots - wide) // 2, "right": profile.dots - wide}[align]
    for cluster in _clusters(text):
        cells = cells_wide(cluster)
        font = font_for(cluster, round((cell * 2 if cells == 2 else cell / 0.602) - (2 if cells == 2 else 0)))
        if font is None:
            return None
        draw.text((max(x, 0), rows * 4 // 5), cluster, font=font, fill=0, anchor="ls")
        if bold:
            draw.text((max(x, 0) + scale, rows * 4 // 5), cluster, font=font, fill=0, anchor="ls")
        x += cells * cell
    return picture


def raster(picture: Picture, profile: Profile) -> bytes:
    """The picture as `GS v 0` in bands, harmless to a printer that reads commands in real time."""
    row_bytes = (picture.width + 7) // 8
    data = bytes(byte ^ 0xFF for byte in picture.tobytes())  # Pillow's 1 is white, the printer's is black
    spare = row_bytes * 8 - picture.width
    output = bytearray()
    bands: list[bytearray] = [bytearray()]
    for row_number in range(picture.height):
        row = bytearray(data[row_number * row_bytes : (row_number + 1) * row_bytes])
        row[-1] &= 0xFF << spare & 0xFF
        _fill_commands(row, keep_pulse=profile.realtime)
        band = bands[-1]
        if band and (len(band) >= band_rows_max * row_bytes or _joins_to_command(band, row)):
            band = bytearray()
            bands.append(band)
        band += row
    for band in bands:
        output += b"\x1d\x76\x30\x00" + row_bytes.to_bytes(2, "little")
        output += (len(band) // row_bytes).to_bytes(2, "little") + band
    if b"\x10\x14" in output:
        return _LOOK_AWAY + bytes(output) + _LOOK_AGAIN
    return bytes(output)


def _fill_commands(row: bytearray, *, keep_pulse: bool) -> None:
    """Blacken one dot beside a black one where a row would hold a command in real time; nobody sees it."""
    for place in range(1, len(row)):
        if row[place - 1] != 0x10:
            continue
        if row[place] in (0x04, 0x05):
            row[place] |= 0x02
        elif row[place] == 0x14 and not keep_pulse:
            row[place] |= 0x08


def _joins_to_command(above: bytearray, below: bytearray) -> bool:
    return above[-1] == 0x10 and below[0] in (0x04, 0x05, 0x14)


def _clusters(text: str) -> list[str]:
    """The characters, each with the marks that stand on it."""
    clusters: list[str] = []
    for character in text:
        if character_cells(character) == 0 and clusters:
            clusters[-1] += character
        else:
            clusters.append(character)
    return clusters
