"""Inclusive ranges of sequences, kept sorted, apart from each other and never touching."""

from collections.abc import Iterable
from typing import TypeAlias

Range: TypeAlias = tuple[int, int]
Ranges: TypeAlias = tuple[Range, ...]


def union(*parts: Iterable[Range]) -> Ranges:
    """Everything that is in any of the parts."""
    merged: list[Range] = []
    for start, end in sorted(item for part in parts for item in part):
        if merged and start <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return tuple(merged)


def within(ranges: Ranges, start: int, end: int) -> Ranges:
    """The part of the ranges from `start` to `end`, both inclusive."""
    return tuple((max(a, start), min(b, end)) for a, b in ranges if b >= start and a <= end)


def without(ranges: Ranges, taken: Iterable[Range]) -> Ranges:
    """The ranges less what is taken out."""
    left = list(ranges)
    for start, end in taken:
        left = [
            piece
            for a, b in left
            for piece in (((a, b),) if b < start or a > end else ((a, start - 1), (end + 1, b)))
            if piece[0] <= piece[1]
        ]
    return tuple(left)


def gaps(ranges: Ranges, start: int, end: int) -> Ranges:
    """What lies between `start` and `end`, both inclusive, and in none of the ranges."""
    return without(((start, end),), ranges) if start <= end else ()


def contains(ranges: Ranges, sequence: int) -> bool:
    return any(start <= sequence <= end for start, end in ranges)


def size(ranges: Ranges) -> int:
    """How many sequences the ranges have together."""
    return sum(end - start + 1 for start, end in ranges)


def runs(sequences: Iterable[int]) -> Ranges:
    """Single sequences as ranges."""
    return union((sequence, sequence) for sequence in sequences)
