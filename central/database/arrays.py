"""Columns of many rows as the parameters of one statement, in the form that costs least to hand over.

asyncpg asks abstract classes about every element of an array, which costs several times what writing it does.
"""

import re
from collections.abc import Sequence
from datetime import date, datetime
from typing import Final, TypeVar
from uuid import UUID

import msgspec

T = TypeVar("T")
_encoder: Final = msgspec.json.Encoder()


def packed(column: Sequence[UUID | str | date | datetime | bool | int | None]) -> str:
    """Ids, dates, moments, flags, whole numbers or texts, as the text of an array: `$2::text::uuid[]` in the statement.

    Of these, and of null, JSON's texts are PostgreSQL's own but for control characters, which stand for themselves.
    """
    array = "{" + _encoder.encode(column)[1:-1].decode() + "}"
    if "\\" in array and "\\" in array.replace("\\\\", "").replace('\\"', ""):
        return _escape.sub(_unescaped, array)
    return array


_escape: Final = re.compile(r"\\(u[0-9a-f]{4}|.)")


def _unescaped(escape: re.Match[str]) -> str:
    return escape[0] if escape[1] in ('"', "\\") else str(msgspec.json.decode(f'"{escape[0]}"'))


def sparse(column: Sequence[T | None]) -> Sequence[T | None]:
    """A column that mostly holds nothing, and then goes as no elements: `unnest` gives null for what an array lacks.

    Another column of the same `unnest` must have an element for every row.
    """
    return column if any(one is not None for one in column) else ()
