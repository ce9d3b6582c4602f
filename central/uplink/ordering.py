"""Where the lines of a body belong: pure, decided from what central has of the epoch.

The rules (contract, section 4), numbered as tests cite them. Branch 0, the chain, holds lines by sequence.

(1) A line that is stored with the same bytes is a duplicate and changes nothing.
(2) A line whose sequence has other bytes, or whose `prev` is not the hash of the stored line before it, begins a fork:
    it and all after it leave the chain, what stood before it in the body is stored on the chain. Queued lines that
    are the forked ones, or go on from them, came before their time: they leave the chain with them.
(3) A line is applied when all before it are applied or declared lost; until then it is queued.
(4) The queue is made of ranges, and in each range every line fits the one before it. Where a body closes a gap and
    the queued line behind it does not fit, that line and everything queued after it become a branch, and the body
    goes on where it stood.
(5) A sequence at or below `applied_through` that is not stored was declared lost. When it turns up it is held; a run of
    such lines that reaches the next stored line is applied late if that one fits it, else the run is the fork. So a
    held run that reaches an applied line is due: a transaction before took a part of its turn alone.
(6) A body that starts more than `ahead_max` past `applied_through` is refused whole.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct, field, structs

from central.uplink.ranges import Range, Ranges, gaps, runs, size, union, within, without
from protocol.uplink import ahead_max

unknown_hash: Final = ""
"""The hash of a line that central does not have: one that was declared lost."""


class StoredLine(Struct, frozen=True):
    """A line that central has on the chain; `held` is one that was lost and waits for its run (5).

    `prev` is needed of the lines right before and behind the body or a held run, and of the first inside the body with
    other bytes: up to there a stored line has the body's own.
    """

    hash: str
    prev: str
    held: bool = False


class Kept(Struct, frozen=True, kw_only=True):
    """What central has of an epoch, as far as one body can touch it.

    `lines` are those stored from the sequence before the body to the one after it, and every held run that touches it
    with its neighbours. `lost` are declared ranges past `applied_through`. `branch_hashes` are the hashes of lines on
    branches of this epoch at the body's first sequence and the one before.
    """

    applied_through: int
    applied_hash: str
    queued: Ranges = ()
    lost: Ranges = ()
    lines: Mapping[int, StoredLine] = field(default_factory=dict)
    branch_hashes: frozenset[str] = frozenset()

    def hash_at(self, sequence: int) -> str | None:
        """The hash of the line at a sequence, the first `prev` for 0; None where it is not known."""
        stored = self.lines.get(sequence)
        if stored is not None:
            return stored.hash
        if sequence == self.applied_through and self.applied_hash != unknown_hash:
            return self.applied_hash
        return None


class Span(Struct, frozen=True):
    """A body as the order sees it: consecutive, chained lines."""

    first: int
    prev: str
    hashes: Sequence[str]

    @property
    def last(self) -> int:
        return self.first + len(self.hashes) - 1

    def hash_at(self, sequence: int) -> str:
        return self.hashes[sequence - self.first]

    def prev_at(self, sequence: int) -> str:
        return self.prev if sequence == self.first else self.hash_at(sequence - 1)


class TooFarAhead(Struct, frozen=True):
    """Nothing is stored; `missing` comes first (6)."""

    missing: Ranges


class Placement(Struct, frozen=True, kw_only=True):
    """Where a body's lines belong, and what becomes applicable. Ranges are of sequences on the chain.

    `queue`, `hold` and `apply` may name lines of the body, which are then stored in that state, `apply` also lines that
    were queued or held before. `late` is the part of `apply` that was declared lost. From `fork_at` on the body's
    lines belong to a branch, and with them the stored lines in `leaving`, held or queued until now; from
    `unqueued_from` on, all that was queued before belongs to another.
    """

    duplicates: int
    store: Ranges
    apply: Ranges
    late: Ranges
    applied_through: int
    queued: Ranges
    fork_at: int | None = None
    leaving: Ranges = ()
    unqueued_from: int | None = None

    @property
    def forked(self) -> bool:
        return self.fork_at is not None or self.unqueued_from is not None


def missing_before(kept: Kept, sequence: int) -> Ranges:
    """What central lacks between what is applied and a sequence."""
    return gaps(union(kept.queued, kept.lost), kept.applied_through + 1, sequence - 1)


def extends_chain(kept: Kept, span: Span) -> bool:
    """Whether a body simply goes on where the chain ends, with nothing queued or lost: nearly every body does."""
    return span.first == kept.applied_through + 1 and span.prev == kept.applied_hash and not kept.queued


def continued(kept: Kept, span: Span) -> Placement:
    """The placement of a body of which `extends_chain` holds."""
    everything = ((span.first, span.last),)
    return Placement(duplicates=0, store=everything, apply=everything, late=(), applied_through=span.last, queued=())


def place(kept: Kept, span: Span) -> Placement | TooFarAhead:
    """Decide where a body's lines belong; `kept` is read under the lock of the epoch's row."""
    if span.first > kept.applied_through + ahead_max:
        return TooFarAhead(missing_before(kept, span.first))
    fork_at = _first_contradiction(kept, span)
    misfit = _queued_misfit(kept, span, span.last + 1 if fork_at is None else fork_at)
    if misfit is None:
        return _placed(kept, span, fork_at)
    without_misfit = structs.replace(
        kept,
        queued=within(kept.queued, 0, misfit - 1),
        lines={s: line for s, line in kept.lines.items() if s < misfit},
    )
    placement = _placed(without_misfit, span, _first_contradiction(without_misfit, span))
    return structs.replace(placement, unqueued_from=misfit)


def _placed(kept: Kept, span: Span, fork_at: int | None) -> Placement:
    """The placement of a body that no queued line misfits."""
    accepted = range(span.first, span.last + 1 if fork_at is None else fork_at)
    late, misfit = _late_runs(kept, span, accepted)
    leaving: Ranges = ()
    if misfit is not None:
        fork_at = max(misfit[0], span.first)
        leaving = runs(s for s in range(misfit[0], misfit[1] + 1) if s in kept.lines)
        accepted = range(span.first, fork_at)
    queued = kept.queued
    if fork_at is not None:
        follow = _queued_behind(kept, span, fork_at)
        leaving, queued = union(leaving, follow), without(queued, follow)
    new = runs(s for s in accepted if s not in kept.lines)
    queued = union(queued, within(new, kept.applied_through + 1, span.last))
    in_order, applied_through = _in_turn(kept, queued)
    return Placement(
        duplicates=sum(1 for s in accepted if s in kept.lines),
        store=new,
        apply=union(late, in_order) if late else in_order,
        late=late,
        applied_through=applied_through,
        queued=tuple(part for part in queued if part[0] > applied_through),
        fork_at=fork_at,
        leaving=leaving,
    )


def _first_contradiction(kept: Kept, span: Span) -> int | None:
    """The first sequence of the body that contradicts what is stored at it or before it (2)."""
    if span.first not in kept.lines:
        before = kept.hash_at(span.first - 1)
        if before is None:
            if span.prev in kept.branch_hashes or span.hashes[0] in kept.branch_hashes:
                return span.first
        elif before != span.prev:
            return span.first
    for sequence in range(span.first, span.last + 1):
        stored = kept.lines.get(sequence)
        if stored is not None and stored.hash != span.hash_at(sequence):
            return sequence
    return None


def _queued_misfit(kept: Kept, span: Span, end: int) -> int | None:
    """The queued line right behind new lines of the body, of those before `end`, where it does not fit them (4).

    It stands at `end` itself: within the body a queued line before it has the body's own bytes.
    """
    before = end - 1
    stored = kept.lines.get(end)
    if stored is None or before in kept.lines or not max(span.first, kept.applied_through + 1) <= before <= span.last:
        return None
    return end if stored.prev != span.hash_at(before) else None


def _queued_behind(kept: Kept, span: Span, fork_at: int) -> Ranges:
    """The queued ranges that begin with one of a body's forked lines, or with the line that goes on from its last (2).

    Whole ranges: a queued line before such a one would be the body's own too.
    """
    return tuple(
        (start, end)
        for start, end in kept.queued
        if fork_at <= start <= span.last + 1
        and (stored := kept.lines.get(start)) is not None
        and (stored.prev if start > span.last else stored.hash) == span.hash_at(min(start, span.last))
    )


def _late_runs(kept: Kept, span: Span, accepted: range) -> tuple[Ranges, Range | None]:
    """The runs of lost lines that this body brings to the next stored line: those that fit, and the first that does
    not (5)."""
    new = [s for s in accepted if s <= kept.applied_through and s not in kept.lines]
    held = [s for s, line in kept.lines.items() if line.held]
    fitting: list[Range] = []
    # A run that ends where the chain's next line comes with this very body is complete too.
    for start, end in runs([*new, *held]):
        # Held lines behind the body's last are checked here; those inside it or before it are known to be its own.
        if start <= span.last < end and kept.lines[span.last + 1].prev != _hash_of(kept, span, span.last):
            return tuple(fitting), (start, span.last)
        prev = _prev_of(kept, span, accepted, end + 1)
        if prev is None:
            continue
        if prev != _hash_of(kept, span, end):
            return tuple(fitting), (start, end)
        fitting.append((start, end))
    return tuple(fitting), None


def _prev_of(kept: Kept, span: Span, accepted: range, sequence: int) -> str | None:
    if sequence in accepted:
        return span.prev_at(sequence)
    stored = kept.lines.get(sequence)
    return None if stored is None else stored.prev


def _hash_of(kept: Kept, span: Span, sequence: int) -> str:
    stored = kept.lines.get(sequence)
    return span.hash_at(sequence) if stored is None else stored.hash


def _in_turn(kept: Kept, queued: Ranges) -> tuple[Ranges, int]:
    """The queued ranges whose turn has come, and where the chain then stands (3)."""
    turn: list[Range] = []
    reached = kept.applied_through
    for start, end in queued:
        for lost_start, lost_end in kept.lost:
            if lost_start <= reached + 1 <= lost_end:
                reached = min(lost_end, start - 1)
        if start != reached + 1:
            break
        turn.append((start, end))
        reached = end
    return tuple(turn), reached


def is_missing(kept: Kept, start: int, end: int) -> bool:
    """Whether every sequence from `start` to `end` is missing and not declared lost yet."""
    if not kept.queued or start <= kept.applied_through or end > kept.queued[-1][1]:
        return False
    return gaps(union(kept.queued, kept.lost), start, end) == ((start, end),)


def turn_of_queue(kept: Kept) -> tuple[Ranges, int]:
    """What of the queue applies as it is, and where the chain then stands: after a loss was declared, or where a
    transaction before this one took a part of its turn alone."""
    return _in_turn(kept, kept.queued)


def cut_turn(turn: Ranges, applied_through: int, lines_max: int) -> tuple[Ranges, int, Ranges]:
    """The first `lines_max` lines of a turn, where the chain then stands, and what stays queued of it."""
    room = lines_max
    taken: list[Range] = []
    left: list[Range] = []
    for start, end in turn:
        cut = min(end, start + room - 1)
        room -= max(cut - start + 1, 0)
        if cut >= start:
            taken.append((start, cut))
        if cut < end:
            left.append((max(cut + 1, start), end))
    return tuple(taken), (taken[-1][1] if left and taken else applied_through), tuple(left)


def cut_placement(kept: Kept, placement: Placement, lines_max: int) -> Placement:
    """A placement that applies `lines_max` lines in order at most, and as many late ones; the rest of its turn stays
    queued or held, for the next one."""
    if size(placement.apply) <= lines_max:
        return placement
    in_order = without(placement.apply, placement.late)
    taken, applied_through, left = cut_turn(in_order, placement.applied_through, lines_max)
    late, _, held = cut_turn(placement.late, kept.applied_through, lines_max)
    if not left and not held:
        return placement
    return structs.replace(
        placement,
        apply=union(late, taken),
        late=late,
        applied_through=applied_through,
        queued=union(left, placement.queued),
    )
