"""What central has of each epoch, and how the uplink moves it; ranges of sequences as text and as pairs.

Two statements serve the uplink whatever the number of terminals in a batch: `lock_positions` takes the rows in the
order of their keys, so that two batches never wait for each other in a circle, and `move_positions` writes them back.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeAlias
from uuid import UUID

from msgspec import Struct

from protocol.uplink import ranges_max

Ranges: TypeAlias = tuple[tuple[int, int], ...]
EpochKeyPair: TypeAlias = tuple[UUID, int]
"""A terminal's id and the number of its epoch."""

_NO_RANGE: Final = "{}"


class EpochPosition(Struct, frozen=True):
    """An epoch's row, as it is under the lock; its fields are the columns of `lock_positions`, in their order."""

    terminal_id: UUID
    epoch: int
    location_id: UUID
    receipt_prefix: str
    enrolled_at: datetime
    replaced_at: datetime | None
    """When a newer enrolment took its place; None for the newest."""
    revoked_at: datetime | None
    applied_through: int
    applied_hash: str
    """The hash of the line at `applied_through`, 64 hex digits; the first `prev` where nothing is applied yet."""
    queued: Ranges
    """Stored and not applied: inclusive ranges, rising."""
    stored_lines: int
    last_created_at: datetime | None
    """`created_at` of the last applied line."""
    receipt_counter: int
    """The highest counter seen in a receipt number of this prefix, 0 before the first."""
    forked: bool
    branched: bool
    """Whether some line of it ever went to a branch."""
    lost: Ranges
    """Declared lost: inclusive ranges, rising, also such as `applied_through` has passed."""

    @property
    def lost_ahead(self) -> Ranges:
        """What was declared lost and is not passed yet."""
        return tuple(part for part in self.lost if part[1] > self.applied_through)

    @property
    def newest_epoch(self) -> bool:
        return self.replaced_at is None


class PositionMove(Struct, frozen=True, kw_only=True):
    """Where an epoch stands after a batch; written as it is, so it must come from the locked row."""

    terminal_id: UUID
    epoch: int
    applied_through: int
    applied_hash: str
    queued: Ranges
    stored_lines: int
    last_created_at: datetime | None
    receipt_counter: int


def read_ranges(text: str) -> Ranges:
    """The inclusive ranges of an `int8multirange` as PostgreSQL writes it: `{[3,6),[8,9)}` is 3 to 5 and 8."""
    if text == _NO_RANGE:
        return ()
    pairs = (part.split(",") for part in text[2:-2].split("),["))
    return tuple((int(start), int(end) - 1) for start, end in pairs)


def write_ranges(ranges: Ranges) -> str:
    """The text of an `int8multirange` of inclusive ranges."""
    return "{" + ",".join(f"[{start},{end}]" for start, end in ranges) + "}" if ranges else _NO_RANGE


def missing_ranges(applied_through: int, queued: Ranges, lost: Ranges = ()) -> Ranges:
    """The holes in front of and between the queued ranges: what the terminal must send for them to apply.

    Nothing waits for what was declared lost.
    """
    if not queued:
        return ()
    missing: list[tuple[int, int]] = []
    expected = applied_through + 1
    last = queued[-1][0]
    for start, end in sorted([*queued, *(part for part in lost if part[0] < last)]):
        if start > expected:
            missing.append((expected, start - 1))
        expected = max(expected, end + 1)
    return tuple(missing)


def shown(ranges: Ranges) -> Ranges:
    """The ranges that an answer names: the first `ranges_max`."""
    return ranges[:ranges_max]


def positions_by_key(rows: Sequence[Mapping[str, Any]]) -> dict[EpochKeyPair, EpochPosition]:
    """The rows of `lock_positions` or `positions` as structs."""
    found: dict[EpochKeyPair, EpochPosition] = {}
    for row in rows:
        terminal_id, epoch, *more = row.values()
        queued, lost = read_ranges(more[7]), read_ranges(more[13])
        more[7], more[13] = queued, lost
        found[terminal_id, epoch] = EpochPosition(terminal_id, epoch, *more)
    return found
