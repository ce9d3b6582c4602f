"""Fonts for letters that no code page has: one that ships, and wide ones (Chinese, Japanese, Korean) where installed.

DejaVu Sans Mono comes with python-barcode and has Latin, Greek, Cyrillic, Georgian and more. A CJK font is 16 MB, so
it is an optional package (`tillstream[cjk]`) or the system's; without one such letters print as `?`.
"""

from __future__ import annotations

from functools import lru_cache
from importlib import resources, util
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

_PACKAGES = (("noto_cjk_sans_jp_regular", "NotoSansCJKjp-Regular.otf"),)
_FONT_FOLDERS = (Path("/usr/share/fonts"), Path("/usr/local/share/fonts"))
_SYSTEM_FONTS = (
    "opentype/noto/NotoSansCJK-Regular.ttc",
    "opentype/noto/NotoSansMonoCJK-Regular.ttc",
    "truetype/wqy/wqy-microhei.ttc",
    "truetype/wqy/wqy-zenhei.ttc",
    "truetype/droid/DroidSansFallbackFull.ttf",
    "opentype/unifont/unifont.otf",
    "truetype/unifont/unifont.ttf",
)
_probe_dots = 24
_NO_CHARACTER = "\U0010fffe"


def font_for(cluster: str, size: int) -> FreeTypeFont | None:
    """The first font that has a letter and its marks, `size` dots high; None where none has."""
    for path in font_files():
        if all(_has_glyph(path, character) for character in cluster):
            return _font(path, size)
    return None


@lru_cache(maxsize=1)
def font_files() -> tuple[str, ...]:
    """The fonts that are here, in the order in which they are asked."""
    files = [resources.files("barcode") / "fonts" / "DejaVuSansMono.ttf"]
    found = [str(path) for path in files]
    for package, name in _PACKAGES:
        spec = util.find_spec(package)
        folders = (spec.submodule_search_locations or ()) if spec else ()
        found += [str(Path(folder) / name) for folder in folders if (Path(folder) / name).exists()]
    for root in _FONT_FOLDERS:
        found += [str(root / name) for name in _SYSTEM_FONTS if (root / name).exists()]
    return tuple(found)


@lru_cache(maxsize=64)
def _font(path: str, size: int) -> FreeTypeFont:
    from PIL import ImageFont

    return ImageFont.truetype(path, size)


@lru_cache(maxsize=4_096)
def _has_glyph(path: str, character: str) -> bool:
    """Whether the font draws the character otherwise than one that no font has."""
    font = _font(path, _probe_dots)
    return character == " " or _drawn(font, character) != _drawn(font, _NO_CHARACTER)


def _drawn(font: FreeTypeFont, character: str) -> tuple[tuple[int, int], bytes]:
    mask = font.getmask(character)
    return mask.size, bytes(mask)
