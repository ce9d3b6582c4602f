"""Texts that hold what looks like a payment card's number, and how one is shown masked (contract, section 4).

14 to 19 digits, blanks and dashes between them, the first digits 3 to 6 or 2221 to 2720, and the check digit right.
A UUID is none, though the digits of one in some six hundred look like it.
"""

import re
from collections.abc import Iterator
from typing import Final

digits_min: Final = 14
digits_max: Final = 19
shown_first: Final = 6
shown_last: Final = 4

code_fields: Final = frozenset(
    {"barcode", "sku", "serial", "lot", "expires", "code", "voucher_code", "receipt_number", "tender_type"}
)
"""Fields of events that hold a code and no free text: what stands there is shown as it is."""

_uuid: Final = re.compile(
    r"(?<![0-9A-Za-z])[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}(?![0-9A-Za-z])",
    re.ASCII | re.IGNORECASE,
)
_run: Final = re.compile(r"(?<!\d)\d(?:[ -]*\d){13,}(?!\d)", re.ASCII)
_group: Final = re.compile(r"\d+", re.ASCII)


def holds_card_number(text: str) -> bool:
    """Whether a text holds what looks like a card number."""
    return len(text) >= digits_min and any(
        next(_card_spans(run[0]), None) is not None for part in _uuid.split(text) for run in _run.finditer(part)
    )


def masked(text: str) -> str:
    """The text with each card number's digits but the first six and the last four written as `*`."""
    if len(text) < digits_min:
        return text
    ids = _uuid.findall(text)
    parts = [_run.sub(lambda run: _masked_run(run[0]), part) for part in _uuid.split(text)]
    return "".join(part + id_ for part, id_ in zip(parts, [*ids, ""], strict=True))


def _masked_run(run: str) -> str:
    parts: list[str] = []
    done = 0
    for start, end in _card_spans(run):
        parts += [run[done:start], _masked_number(run[start:end])]
        done = end
    return "".join(parts) + run[done:]


def _masked_number(number: str) -> str:
    count = sum(character.isdigit() for character in number)
    shown: list[str] = []
    position = 0
    for character in number:
        if character.isdigit():
            hidden = shown_first <= position < count - shown_last
            shown.append("*" if hidden else character)
            position += 1
        else:
            shown.append(character)
    return "".join(shown)


def _card_spans(run: str) -> Iterator[tuple[int, int]]:
    """Where card numbers stand in a run of digits, blanks and dashes: whole groups of digits, one after the other.

    A number may stand beside others with a blank between, so each start and each length is tried at the borders of
    groups; digits that are glued to more digits are one number.
    """
    groups = [(match.start(), match.end(), match[0]) for match in _group.finditer(run)]
    first = 0
    while first < len(groups):
        digits = ""
        for last in range(first, len(groups)):
            digits += groups[last][2]
            if len(digits) > digits_max:
                break
            if len(digits) >= digits_min and _is_card_number(digits):
                yield groups[first][0], groups[last][1]
                first = last
                break
        first += 1


def _is_card_number(digits: str) -> bool:
    if not (digits[0] in "3456" or 2221 <= int(digits[:4]) <= 2720):
        return False
    total = 0
    for position, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if position % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0
