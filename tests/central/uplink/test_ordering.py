"""The order of lines, against a model that keeps every line; numbers cite central/uplink/ordering.py."""

import random
from collections import Counter
from itertools import pairwise, permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from central.uplink.ordering import (
    Kept,
    Placement,
    Span,
    TooFarAhead,
    cut_placement,
    is_missing,
    place,
)
from central.uplink.ranges import runs
from protocol.uplink import ahead_max
from tests.central.uplink.ordering_model import GENESIS, Epoch, Writer


@st.composite
def deliveries(draw: st.DrawFn) -> tuple[int, list[tuple[int, int]]]:
    """A journal's length, and bodies of it in any order with repeats and overlaps that together bring every line."""
    lines = draw(st.integers(1, 24))
    bodies = draw(
        st.lists(
            st.tuples(st.integers(1, lines), st.integers(0, 7)).map(lambda b: (b[0], min(b[0] + b[1], lines))),
            max_size=14,
        )
    )
    cuts = sorted({0, lines, *draw(st.sets(st.integers(1, lines), max_size=5))})
    whole = [(a + 1, b) for a, b in pairwise(cuts)]
    return lines, draw(st.permutations([*bodies, *whole]))


@settings(max_examples=500)
@given(deliveries())
def test_one_journal_ends_in_one_state_however_it_is_cut_repeated_and_shuffled(
    case: tuple[int, list[tuple[int, int]]],
) -> None:
    lines, bodies = case
    writer, epoch = Writer("a", lines), Epoch()
    delivered: set[int] = set()
    for first, last in bodies:
        placement = epoch.deliver(writer.body(first, last))
        new = set(range(first, last + 1)) - delivered
        delivered |= new
        assert isinstance(placement, Placement)
        assert not placement.forked
        assert placement.duplicates == last - first + 1 - len(new)
        through = next(s for s in range(lines + 1) if s + 1 not in delivered)
        assert (epoch.applied_through, epoch.queued) == (through, runs(s for s in delivered if s > through))

    assert epoch.applied == list(range(1, lines + 1))


@st.composite
def cloned_deliveries(draw: st.DrawFn) -> tuple[int, int, int, list[tuple[str, int, int]]]:
    after = draw(st.integers(0, 8))
    mine, theirs = after + draw(st.integers(1, 8)), after + draw(st.integers(1, 8))
    bodies = []
    for name, lines in (("mine", mine), ("theirs", theirs)):
        cuts = sorted({0, lines, *draw(st.sets(st.integers(1, lines), max_size=4))})
        bodies += [(name, a + 1, b) for a, b in pairwise(cuts)]
        bodies += [(name, a + 1, b) for a, b in draw(st.lists(st.sampled_from(list(pairwise(cuts))), max_size=2))]
    return after, mine, theirs, draw(st.permutations(bodies))


@settings(max_examples=500)
@given(cloned_deliveries())
def test_a_clone_in_any_order_loses_no_line_and_applies_none_twice(
    case: tuple[int, int, int, list[tuple[str, int, int]]],
) -> None:
    after, mine, theirs, bodies = case
    original = Writer("a", mine)
    writers = {"mine": original, "theirs": Writer("b", theirs, clone_of=original, after=after)}
    epoch = Epoch()
    for name, first, last in bodies:
        epoch.deliver(writers[name].body(first, last))

    sent = set(original.hashes.values()) | set(writers["theirs"].hashes.values())
    assert epoch.hashes_kept() == sent - {GENESIS}
    assert epoch.branches
    assert epoch.queued == ()
    assert sorted(epoch.applied) == epoch.applied == list(range(1, epoch.applied_through + 1))


@pytest.mark.parametrize(
    ("mine", "theirs"),
    [
        ([(1, 2), (3, 4), (5, 6)], [(3, 4), (5, 6), (7, 8)]),
        ([(1, 1), (2, 4)], [(2, 2), (3, 3), (4, 4), (5, 5)]),
        ([(1, 3), (4, 4), (5, 5)], [(1, 3), (4, 4), (5, 5), (6, 6)]),
        ([(1, 2), (3, 5), (6, 7)], [(3, 5), (6, 6), (7, 7)]),
        ([(1, 2), (3, 5), (4, 7)], [(2, 4), (5, 6), (6, 8)]),
    ],
    ids=str,
)
def test_however_the_bodies_of_two_disks_come_each_line_of_the_clone_is_on_one_branch(
    mine: list[tuple[int, int]], theirs: list[tuple[int, int]]
) -> None:
    """(2), (4)"""
    shared = 2
    original = Writer("a", mine[-1][1])
    clone = Writer("b", theirs[-1][1], clone_of=original, after=shared)
    bodies = [original.body(*of) for of in mine] + [clone.body(*of) for of in theirs]
    everything = {hash_ for span in bodies for hash_ in span.hashes}
    for order in permutations(bodies):
        epoch = Epoch()
        for span in order:
            epoch.deliver(span)

        assert (epoch.queued, epoch.hashes_kept()) == ((), everything)
        chain = [epoch.lines[s].hash for s in range(1, epoch.applied_through + 1)]
        winner = original if chain[-1] in original.hashes.values() else clone
        assert chain == [winner.hashes[s] for s in range(1, epoch.applied_through + 1)]
        on_branches = Counter(line.hash for branch in epoch.branches for line in branch.values())
        loser = clone if winner is original else original
        assert all(on_branches[loser.hashes[s]] == 1 for s in loser.hashes if s > shared)
        assert set(on_branches.values()) == {1}


@settings(max_examples=500)
@given(cloned_deliveries(), st.integers(0, 9), st.integers(1, 6), st.integers(0, 2**32))
def test_a_clone_of_a_clone_in_any_order_leaves_nothing_missing(
    case: tuple[int, int, int, list[tuple[str, int, int]]], cloned_after: int, lines: int, seed: int
) -> None:
    """(2), (4)"""
    after, mine, theirs, bodies = case
    original = Writer("a", mine)
    clone = Writer("b", theirs, clone_of=original, after=after)
    second_after = min(cloned_after, theirs)
    second = Writer("c", second_after + lines, clone_of=clone, after=second_after)
    writers = {"mine": original, "theirs": clone}
    spans = [writers[name].body(first, last) for name, first, last in bodies]
    chance = random.Random(seed)
    spans += [second.body(s, min(s + chance.randint(0, 2), second_after + lines)) for s in second.hashes if s]
    chance.shuffle(spans)
    epoch = Epoch()
    for span in spans:
        epoch.deliver(span)

    assert epoch.hashes_kept() == {hash_ for span in spans for hash_ in span.hashes}
    assert epoch.queued == ()
    assert epoch.applied == list(range(1, epoch.applied_through + 1))


def test_a_line_with_other_bytes_begins_a_fork_and_what_fits_before_it_stays() -> None:
    """(2)"""
    original = Writer("a", 9)
    epoch = Epoch()
    epoch.deliver(original.body(1, 5))

    placement = epoch.deliver(Writer("b", 9, clone_of=original, after=7).body(4, 9))
    assert isinstance(placement, Placement)
    assert (placement.fork_at, epoch.applied_through) == (None, 9)

    placement = epoch.deliver(original.body(4, 9))
    assert isinstance(placement, Placement)
    assert (placement.fork_at, placement.duplicates, epoch.applied_through) == (8, 4, 9)


def test_a_prev_that_does_not_fit_begins_a_fork() -> None:
    """(2)"""
    original = Writer("a", 9)
    epoch = Epoch()
    epoch.deliver(original.body(1, 5))

    placement = epoch.deliver(Writer("b", 9, clone_of=original, after=3).body(6, 9))

    assert isinstance(placement, Placement)
    assert (placement.fork_at, placement.store, epoch.applied_through) == (6, (), 5)


def test_a_first_line_that_names_another_writer_begins_a_fork() -> None:
    """(2)"""
    placement = Epoch().deliver(Span(1, "f" * 64, ["e" * 64]))

    assert isinstance(placement, Placement)
    assert placement.fork_at == 1


def test_a_misfit_that_shows_when_a_gap_closes_makes_the_queue_a_branch() -> None:
    """(4)"""
    original = Writer("a", 9)
    epoch = Epoch()
    epoch.deliver(original.body(1, 2))
    clone = Writer("b", 9, clone_of=original, after=2)
    epoch.deliver(clone.body(5, 6))
    epoch.deliver(clone.body(8, 9))

    placement = epoch.deliver(original.body(3, 4))

    assert isinstance(placement, Placement)
    assert (placement.fork_at, placement.unqueued_from, placement.forked) == (None, 5, True)
    assert (epoch.applied_through, epoch.queued) == (4, ())
    assert sorted(epoch.branches[0]) == [5, 6, 8, 9]


def test_lines_that_go_on_from_a_branch_stay_with_it_where_the_chain_is_shorter() -> None:
    """(2)"""
    original = Writer("a", 9)
    clone = Writer("b", 9, clone_of=original, after=2)
    epoch = Epoch()
    epoch.deliver(original.body(1, 3))
    epoch.deliver(clone.body(3, 5))

    placement = epoch.deliver(clone.body(6, 7))

    assert isinstance(placement, Placement)
    assert (placement.fork_at, placement.store) == (6, ())


def test_a_body_may_start_as_far_ahead_as_the_bound_and_no_further() -> None:
    """(6)"""
    epoch = Epoch()

    assert isinstance(epoch.deliver(Span(ahead_max, "a" * 64, ["b" * 64])), Placement)
    assert epoch.deliver(Span(ahead_max + 1, "b" * 64, ["c" * 64])) == TooFarAhead(((1, ahead_max - 1),))


def test_what_is_declared_lost_lets_the_queue_behind_it_apply() -> None:
    """(3)"""
    writer, epoch = Writer("a", 9), Epoch()
    epoch.deliver(writer.body(1, 2))
    epoch.deliver(writer.body(6, 9))
    epoch.lose(3, 4)
    assert (epoch.applied_through, epoch.queued) == (4, ((6, 9),))
    epoch.lose(5, 5)

    assert (epoch.applied_through, epoch.queued) == (9, ())
    assert epoch.applied == [1, 2, 6, 7, 8, 9]


def test_lost_lines_that_turn_up_are_held_until_they_reach_the_next_stored_line() -> None:
    """(5)"""
    writer, epoch = Writer("a", 9), Epoch()
    epoch.deliver(writer.body(1, 2))
    epoch.deliver(writer.body(7, 9))
    epoch.lose(3, 6)
    epoch.deliver(writer.body(3, 4))
    assert epoch.applied == [1, 2, 7, 8, 9]

    placement = epoch.deliver(writer.body(5, 6))

    assert isinstance(placement, Placement)
    assert (placement.late, epoch.applied) == (((3, 6),), [1, 2, 7, 8, 9, 3, 4, 5, 6])


def test_the_end_of_a_lost_run_applies_before_its_beginning_turns_up() -> None:
    """(5)"""
    writer, epoch = Writer("a", 9), Epoch()
    epoch.deliver(writer.body(1, 2))
    epoch.deliver(writer.body(7, 9))
    epoch.lose(3, 6)
    epoch.deliver(writer.body(5, 6))
    epoch.deliver(writer.body(3, 4))

    assert epoch.applied == [1, 2, 7, 8, 9, 5, 6, 3, 4]


def test_lost_lines_that_do_not_reach_what_is_stored_are_a_fork_with_all_that_was_held() -> None:
    """(5)"""
    original = Writer("a", 9)
    clone = Writer("b", 9, clone_of=original, after=2)
    epoch = Epoch()
    epoch.deliver(original.body(1, 2))
    epoch.deliver(original.body(7, 9))
    epoch.lose(3, 6)
    epoch.deliver(clone.body(3, 4))

    placement = epoch.deliver(clone.body(5, 6))

    assert isinstance(placement, Placement)
    assert (placement.fork_at, placement.leaving, placement.store) == (5, ((3, 4),), ())
    assert [sorted(branch) for branch in epoch.branches] == [[3, 4], [5, 6]]


def test_lost_lines_that_do_not_fit_a_held_one_behind_them_are_a_fork_and_it_goes_on_waiting() -> None:
    """(5)"""
    original = Writer("a", 9)
    clone = Writer("b", 9, clone_of=original, after=2)
    epoch = Epoch()
    epoch.deliver(original.body(1, 2))
    epoch.deliver(original.body(7, 9))
    epoch.lose(3, 6)
    epoch.deliver(original.body(5, 5))

    placement = epoch.deliver(clone.body(3, 4))

    assert isinstance(placement, Placement)
    assert (placement.fork_at, placement.leaving, placement.store) == (3, (), ())
    assert epoch.lines[5].held
    epoch.deliver(original.body(6, 6))
    assert epoch.applied == [1, 2, 7, 8, 9, 5, 6]


@settings(max_examples=300)
@given(deliveries(), st.lists(st.booleans(), min_size=20, max_size=20))
def test_lines_lost_and_found_are_each_applied_once(
    case: tuple[int, list[tuple[int, int]]], losses: list[bool]
) -> None:
    """(5)"""
    lines, bodies = case
    writer, epoch = Writer("a", lines), Epoch()
    for (first, last), loses in zip(bodies, losses, strict=False):
        placement = epoch.deliver(writer.body(first, last))
        assert isinstance(placement, Placement)
        assert not placement.forked
        if loses and epoch.queued:
            open_to_loss = range(epoch.applied_through + 1, epoch.queued[-1][1])
            missing = [s for s in open_to_loss if s not in epoch.lines and not epoch.was_lost(s)]
            if missing:
                epoch.lose(missing[0], missing[0])

    assert sorted(epoch.applied) == list(range(1, lines + 1))


def test_only_what_is_missing_can_be_declared_lost() -> None:
    kept = Kept(applied_through=2, applied_hash="a", queued=((5, 6), (9, 9)), lost=((7, 7),))

    assert is_missing(kept, 3, 4)
    assert is_missing(kept, 8, 8)
    for start, end in ((2, 3), (3, 5), (7, 8), (6, 6), (9, 9), (10, 10), (4, 3)):
        assert not is_missing(kept, start, end)


@given(st.integers(1, 12), st.integers(2, 9))
def test_a_long_turn_is_taken_in_parts(lines_max: int, first_queued: int) -> None:
    writer, epoch = Writer("a", 20), Epoch()
    epoch.deliver(writer.body(first_queued, 20))
    span = writer.body(1, first_queued - 1)

    whole = place(epoch.kept(span), span)
    assert isinstance(whole, Placement)
    part = cut_placement(epoch.kept(span), whole, lines_max)

    through = min(lines_max, 20)
    assert (part.apply, part.applied_through) == (((1, through),), through)
    assert part.queued == (((through + 1, 20),) if through < 20 else ())


def test_a_queued_line_that_fits_stays_where_the_clone_s_own_line_is_refused() -> None:
    """(2), (4)"""
    original = Writer("a", 9)
    clone = Writer("b", 9, clone_of=original, after=6)
    epoch = Epoch()
    epoch.deliver(original.body(1, 5))
    epoch.deliver(original.body(7, 9))

    placement = epoch.deliver(clone.body(6, 8))

    assert isinstance(placement, Placement)
    assert (placement.fork_at, placement.unqueued_from, epoch.applied_through) == (7, None, 9)
