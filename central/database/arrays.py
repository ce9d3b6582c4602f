"""Columns of many rows as the parameters of one statement, in the form that costs least to hand over.

asyncpg asks abstract classes about every element of an array, which costs several times what writing it does.
"""

from collections.abc import Iterable, Sequence
from typing import TypeVar
from uuid import UUID

T = TypeVar("T")


def numbers(column: Iterable[int]) -> str:
    """Whole numbers, none missing, as the text of an array: `$5::text::bigint[]` in the statement."""
    return "{" + ",".join(map(str, column)) + "}"


def id_list(column: Iterable[UUID | str]) -> str:
    """Ids, none missing, as the text of an array: `$2::text::uuid[]`; worth it where they are texts already."""
    return "{" + ",".join(map(str, column)) + "}"


def sparse(column: Sequence[T | None]) -> Sequence[T | None]:
    """A column that mostly holds nothing, and then goes as no elements: `unnest` gives null for what an array lacks.

    Another column of the same `unnest` must have an element for every row.
    """
    return column if any(one is not None for one in column) else ()
