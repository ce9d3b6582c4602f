"""How a terminal's receipts are numbered: `HH1-2B-` is location HH1, its second terminal, that one's second enrolment.

No two terminals, and no two enrolments of one, ever print the same number (contract, section 3): the location's part
is unique in the tenant and never changes, a terminal's number is given once in its location, and each epoch has its
own letters. Digits follow by letters and a dash, so no prefix is the beginning of another's number.
"""

import re
from typing import Final

location_part_characters_max: Final = 10
_NOT_IN_A_PREFIX: Final = re.compile(r"[^A-Z0-9]")


def location_part(code: str, attempt: int = 1) -> str:
    """What a location's code becomes in its receipt numbers; `attempt` 2, 3 … where another location has it already."""
    part = _NOT_IN_A_PREFIX.sub("", code.upper())[:location_part_characters_max] or "L"
    return part if attempt == 1 else f"{part}X{attempt}"


def epoch_letters(epoch: int) -> str:
    """1 is A, 26 is Z, 27 is AA: the columns of a spreadsheet."""
    if epoch < 1:
        raise ValueError("epochs count from 1")
    letters = ""
    while epoch:
        epoch, letter = divmod(epoch - 1, 26)
        letters = chr(ord("A") + letter) + letters
    return letters


def receipt_prefix(part: str, terminal_number: int, epoch: int) -> str:
    """The prefix of a terminal's epoch; a receipt's number is this and a counter from 1."""
    return f"{part}-{terminal_number}{epoch_letters(epoch)}-"
