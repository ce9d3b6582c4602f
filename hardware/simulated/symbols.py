"""What the data of a bar code command says: Code 128 with its code sets (`{A`, `{B`, `{C`), and the numeric kinds."""

from __future__ import annotations

_WANTED_DIGITS = {"EAN13": 12, "EAN8": 7, "UPCA": 11}
_SETS = b"ABC"


def code128_text(data: bytes) -> str | None:
    """The characters of Code 128 data; None where it begins with no code set, as a real printer prints nothing then.

    In set C each byte is two digits. `{{` is a brace; `{1` to `{4` (FNC) and `{S` (shift) print nothing.
    """
    if data[:1] != b"{" or data[1:2] not in (b"A", b"B", b"C"):
        return None
    text, chosen, at = "", data[1], 2
    while at < len(data):
        byte = data[at]
        at += 1
        if byte == ord("{") and at < len(data):
            after, at = data[at], at + 1
            if after in _SETS:
                chosen = after
            elif after == ord("{"):
                text += "{"
        elif chosen == ord("C"):
            text += f"{byte:02d}" if byte < 100 else ""
        else:
            text += chr(byte)
    return text


def barcode_text(kind: str, data: bytes) -> str | None:
    """What a bar code of this kind says; None where a real printer would not print it."""
    if kind == "CODE128":
        return code128_text(data)
    text = data.decode("ascii", "replace")
    wanted = _WANTED_DIGITS.get(kind)
    if wanted is not None and (len(text) not in (wanted, wanted + 1) or not text.isdigit()):
        return None
    return text
