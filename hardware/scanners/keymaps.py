"""What a keyboard-like scanner types: pure maps from keys to characters, by the layout that the scanner is set to.

A HID scanner sends the keys that a person would press on the keyboard that it is set to, mostly a US one. Read with
another layout, `8594156270087` becomes `áříč+řžěýééáý`; so the layout is the scanner's, not the system's. A group
separator comes as Ctrl + ], or as Alt with 0 2 9 on the number pad.
"""

from __future__ import annotations

from dataclasses import dataclass

EV_KEY = 1
KEY_DOWN, KEY_UP = 1, 0
_SHIFTS, _CONTROLS, _ALTERNATE, _ALTERNATE_GRAPHIC, _CAPS_LOCK = (42, 54), (29, 97), 56, 100, 58
_GROUP_SEPARATOR_KEY = 27  # the key right of P and one more, which is ] on a US keyboard
alt_digits_max = 4

_ROWS = ((41, *range(2, 14)), tuple(range(16, 28)), (*range(30, 41), 43), (86, *range(44, 54)))
_FIXED = {28: "\r", 96: "\r", 15: "\t", 57: " ", 55: "*", 74: "-", 78: "+", 98: "/", 83: "."}
_NUMBER_PAD = {71: "7", 72: "8", 73: "9", 75: "4", 76: "5", 77: "6", 79: "1", 80: "2", 81: "3", 82: "0"}


@dataclass(frozen=True)
class Layout:
    """A keyboard's characters by key code: plain, with Shift, with AltGr."""

    plain: dict[int, str]
    shifted: dict[int, str]
    graphic: dict[int, str]


def _layout(plain: tuple[str, ...], shifted: tuple[str, ...], graphic: dict[int, str]) -> Layout:
    def keys(rows: tuple[str, ...]) -> dict[int, str]:
        return {
            code: character
            for codes, row in zip(_ROWS, rows, strict=True)
            for code, character in zip(codes, row, strict=True)
        }

    return Layout(keys(plain) | _FIXED | _NUMBER_PAD, keys(shifted) | _FIXED | _NUMBER_PAD, graphic)


LAYOUTS = {
    "us": _layout(
        ("`1234567890-=", "qwertyuiop[]", "asdfghjkl;'\\", "\\zxcvbnm,./"),
        ("~!@#$%^&*()_+", "QWERTYUIOP{}", 'ASDFGHJKL:"|', "|ZXCVBNM<>?"),
        {},
    ),
    "de": _layout(
        ("^1234567890ß´", "qwertzuiopü+", "asdfghjklöä#", "<yxcvbnm,.-"),
        ('°!"§$%&/()=?`', "QWERTZUIOPÜ*", "ASDFGHJKLÖÄ'", ">YXCVBNM;:_"),
        {8: "{", 9: "[", 10: "]", 11: "}", 12: "\\", 16: "@", 18: "€", 27: "~", 86: "|", 3: "²", 4: "³", 50: "µ"},
    ),
    "fr": _layout(
        ("²&é\"'(-è_çà)=", "azertyuiop^$", "qsdfghjklmù*", "<wxcvbn,;:!"),
        ("~1234567890°+", "AZERTYUIOP¨£", "QSDFGHJKLM%µ", ">WXCVBN?./§"),
        {3: "~", 4: "#", 5: "{", 6: "[", 7: "|", 8: "`", 9: "\\", 10: "^", 11: "@", 12: "]", 13: "}", 18: "€"},
    ),
    "cz": _layout(
        (";+ěščřžýáíé=´", "qwertzuiopú)", "asdfghjklů§¨", "\\yxcvbnm,.-"),
        ("°1234567890%ˇ", "QWERTZUIOP/(", "ASDFGHJKL\"!'", "|YXCVBNM?:_"),
        {16: "\\", 17: "|", 18: "€", 33: "[", 34: "]", 45: "#", 46: "&", 47: "@", 48: "{", 49: "}", 51: "<", 52: ">"},
    ),
}


class Keyboard:
    """The state of a scanner's keys; `press` says which character, if any, an event types."""

    def __init__(self, layout: str = "us") -> None:
        if layout not in LAYOUTS:
            raise ValueError(f"a keyboard layout is one of {', '.join(LAYOUTS)}, not {layout!r}")
        self._layout = LAYOUTS[layout]
        self._held: set[int] = set()
        self._caps = False
        self._alt_digits = ""

    def press(self, kind: int, code: int, value: int) -> str:
        """The character that this input event types; empty for most. A key that repeats by being held types once."""
        if kind != EV_KEY or value not in (KEY_DOWN, KEY_UP):
            return ""
        if value == KEY_UP:
            self._held.discard(code)
            return self._alternate_code() if code == _ALTERNATE else ""
        if code in (*_SHIFTS, *_CONTROLS, _ALTERNATE, _ALTERNATE_GRAPHIC):
            self._held.add(code)
            return ""
        if code == _CAPS_LOCK:
            self._caps = not self._caps
            return ""
        if _ALTERNATE in self._held and code in _NUMBER_PAD:
            self._alt_digits = (self._alt_digits + _NUMBER_PAD[code])[-alt_digits_max:]
            return ""
        return self._character(code)

    def _character(self, code: int) -> str:
        shifted = any(key in self._held for key in _SHIFTS)
        if any(key in self._held for key in _CONTROLS):
            return self._control(code)
        if _ALTERNATE_GRAPHIC in self._held:
            return self._layout.graphic.get(code, "")
        plain = self._layout.plain.get(code, "")
        if self._caps and plain.isalpha():
            shifted = not shifted
        return self._layout.shifted.get(code, "") if shifted else plain

    def _control(self, code: int) -> str:
        if code == _GROUP_SEPARATOR_KEY:
            return "\x1d"
        character = self._layout.plain.get(code, "").upper()
        return chr(ord(character) & 0x1F) if len(character) == 1 and "@" <= character <= "_" else ""

    def _alternate_code(self) -> str:
        digits, self._alt_digits = self._alt_digits, ""
        if not digits or int(digits) > 255:
            return ""
        return bytes([int(digits)]).decode("cp1252", "ignore")


def retyped(text: str, *, system: str, scanner: str = "us") -> str:
    """What a scanner meant whose keys were read with another layout: by the system's characters back to the keys.

    For a keyboard wedge that types into a screen, where only characters arrive. A character that the system's layout
    does not have stays.
    """
    keys: dict[str, tuple[int, bool]] = {}
    for is_shifted, characters in ((False, LAYOUTS[system].plain), (True, LAYOUTS[system].shifted)):
        for code, character in characters.items():
            keys.setdefault(character, (code, is_shifted))
    wanted = LAYOUTS[scanner]
    result = []
    for character in text:
        code, shifted = keys.get(character, (-1, False))
        result.append((wanted.shifted if shifted else wanted.plain).get(code, character))
    return "".join(result)
