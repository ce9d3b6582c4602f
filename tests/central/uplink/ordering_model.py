"""A model of one epoch at central that keeps every line, and the journals that are delivered to it."""

from hashlib import sha256

from central.uplink.ordering import (
    Kept,
    Placement,
    Span,
    StoredLine,
    TooFarAhead,
    continued,
    extends_chain,
    is_missing,
    place,
    turn_of_queue,
    unknown_hash,
)
from central.uplink.ranges import Ranges, runs, union

GENESIS = sha256(b"genesis").hexdigest()


class Writer:
    """A disk that writes a chain, alone or as a clone that goes on from another's line."""

    def __init__(self, name: str, lines: int, *, clone_of: "Writer | None" = None, after: int = 0) -> None:
        self.hashes = {0: GENESIS}
        for sequence in range(1, lines + 1):
            if clone_of is not None and sequence <= after:
                self.hashes[sequence] = clone_of.hashes[sequence]
            else:
                self.hashes[sequence] = sha256(f"{name} {sequence} {self.hashes[sequence - 1]}".encode()).hexdigest()

    def body(self, first: int, last: int) -> Span:
        return Span(first, self.hashes[first - 1], [self.hashes[s] for s in range(first, last + 1)])


class Epoch:
    """Central's side of one epoch, in memory: keeps what the placements say, and checks them as it goes."""

    def __init__(self) -> None:
        self.lines: dict[int, StoredLine] = {}
        self.applied: list[int] = []
        self.applied_through = 0
        self.queued: Ranges = ()
        self.lost: Ranges = ()
        self.branches: list[dict[int, StoredLine]] = []

    def kept(self, span: Span) -> Kept:
        near = {s: line for s, line in self.lines.items() if span.first - 1 <= s <= span.last + 1}
        held = runs([s for s, line in self.lines.items() if line.held])
        for start, end in held:
            if end >= span.first - 1 and start <= span.last + 1:
                near |= {s: self.lines[s] for s in range(start - 1, end + 2) if s in self.lines}
        ends = (span.first - 1, span.last + 1)
        near = {
            s: line if s in ends or not line.held else StoredLine(line.hash, "", held=True) for s, line in near.items()
        }
        inside = [s for s in sorted(near) if span.first <= s <= span.last]
        other = next((s for s in inside if near[s].hash != span.hash_at(s)), None)
        near |= {s: StoredLine(near[s].hash, "", near[s].held) for s in inside if s != other}
        through = self.lines.get(self.applied_through)
        return Kept(
            applied_through=self.applied_through,
            applied_hash=GENESIS if self.applied_through == 0 else through.hash if through else unknown_hash,
            queued=self.queued,
            lost=tuple(part for part in self.lost if part[1] > self.applied_through),
            lines=near,
            branch_hashes=frozenset(
                branch[s].hash for branch in self.branches for s in (span.first - 1, span.first) if s in branch
            ),
        )

    def deliver(self, span: Span) -> Placement | TooFarAhead:
        kept = self.kept(span)
        placement = continued(kept, span) if extends_chain(kept, span) else place(kept, span)
        if extends_chain(kept, span):
            assert place(kept, span) == placement
        if isinstance(placement, Placement):
            self._keep(span, placement)
        return placement

    def _keep(self, span: Span, placement: Placement) -> None:
        before = {s: self.lines[s] for s in self.applied}
        if placement.unqueued_from is not None:
            self._branch_off({s: self.lines.pop(s) for s in list(self.lines) if s >= placement.unqueued_from})
        leaving = {s: self.lines.pop(s) for start, end in placement.leaving for s in range(start, end + 1)}
        assert all(line.held or s > self.applied_through for s, line in leaving.items())
        self._branch_off(leaving)
        if placement.fork_at is not None:
            forked = range(placement.fork_at, span.last + 1)
            self._branch_off({s: StoredLine(span.hash_at(s), span.prev_at(s)) for s in forked})
        for start, end in placement.store:
            for sequence in range(start, end + 1):
                assert sequence not in self.lines
                held = sequence <= self.applied_through
                self.lines[sequence] = StoredLine(span.hash_at(sequence), span.prev_at(sequence), held)
        for start, end in placement.apply:
            for sequence in range(start, end + 1):
                assert sequence not in self.applied
                line = self.lines[sequence]
                earlier = self.lines.get(sequence - 1)
                assert earlier is None or line.prev == earlier.hash
                assert earlier is not None or sequence == 1 or self.was_lost(sequence - 1)
                self.applied.append(sequence)
                self.lines[sequence] = StoredLine(line.hash, line.prev)
        for sequence in self.applied:
            assert sequence not in before or self.lines[sequence].hash == before[sequence].hash
        self.applied_through, self.queued = placement.applied_through, placement.queued
        assert self.queued == runs(s for s in self.lines if s > self.applied_through)

    def _branch_off(self, lines: dict[int, StoredLine]) -> None:
        """What leaves the chain, or never comes to it; a line that a branch has already changes nothing."""
        known = {line.hash for branch in self.branches for line in branch.values()}
        branch = {s: line for s, line in lines.items() if line.hash not in known}
        if branch:
            self.branches.append(branch)

    def hashes_kept(self) -> set[str]:
        """Every line on the chain or on a branch."""
        chain = {line.hash for line in self.lines.values()}
        return chain | {line.hash for branch in self.branches for line in branch.values()}

    def was_lost(self, sequence: int) -> bool:
        return any(start <= sequence <= end for start, end in self.lost)

    def lose(self, first: int, last: int) -> None:
        span = Span(first, GENESIS, [])
        assert is_missing(self.kept(span), first, last)
        self.lost = union(self.lost, ((first, last),))
        apply, self.applied_through = turn_of_queue(self.kept(span))
        self.applied += [s for start, end in apply for s in range(start, end + 1)]
        self.queued = tuple(part for part in self.queued if part[0] > self.applied_through)
