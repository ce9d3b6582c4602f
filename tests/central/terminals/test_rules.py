"""The pure rules of terminals: prefixes, ranges, tokens."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from central.terminals.access_token import AccessClaims, AccessTokenError, read_token, write_token
from central.terminals.epoch_position import missing_ranges, read_ranges, write_ranges
from central.terminals.receipt_prefix import epoch_letters, location_part, receipt_prefix

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
KEY = bytes(range(32))


@given(st.sets(st.tuples(st.text("AB1", min_size=1, max_size=3), st.integers(1, 30), st.integers(1, 800))))
def test_no_two_prefixes_are_alike_and_none_begins_anothers_number(
    terminals: set[tuple[str, int, int]],
) -> None:
    prefixes = {receipt_prefix(*terminal) for terminal in terminals}

    assert len(prefixes) == len(terminals)
    assert not [(one, other) for one in prefixes for other in prefixes if one != other and other.startswith(one)]
    assert all(prefix.endswith("-") for prefix in prefixes)


@pytest.mark.parametrize(("epoch", "letters"), [(1, "A"), (26, "Z"), (27, "AA"), (52, "AZ"), (703, "AAA")])
def test_epochs_are_counted_in_letters(epoch: int, letters: str) -> None:
    assert epoch_letters(epoch) == letters


@pytest.mark.parametrize(
    ("code", "part"), [("hh1", "HH1"), ("store-1", "STORE1"), ("A" * 32, "A" * 10), ("Ü", "L"), ("#", "L")]
)
def test_a_locations_code_becomes_letters_and_digits(code: str, part: str) -> None:
    assert location_part(code) == part


@given(st.lists(st.integers(1, 200), unique=True).map(sorted), st.integers(0, 3))
def test_missing_and_queued_ranges_cover_what_follows_without_overlap(stored: list[int], gap: int) -> None:
    applied_through = 0
    queued: list[tuple[int, int]] = []
    for sequence in (one + gap for one in stored):
        if queued and queued[-1][1] + 1 == sequence:
            queued[-1] = (queued[-1][0], sequence)
        else:
            queued.append((sequence, sequence))
    missing = missing_ranges(applied_through, tuple(queued))
    covered = sorted(number for start, end in (*queued, *missing) for number in range(start, end + 1))

    assert covered == list(range(1, queued[-1][1] + 1 if queued else 1))
    if queued:
        assert write_ranges(tuple(queued)) == "{" + ",".join(f"[{a},{b}]" for a, b in queued) + "}"


def test_what_was_declared_lost_is_not_missing_any_more() -> None:
    queued = ((7, 8), (12, 12))

    assert missing_ranges(2, queued) == ((3, 6), (9, 11))
    assert missing_ranges(2, queued, ((5, 6),)) == ((3, 4), (9, 11))
    assert missing_ranges(2, queued, ((1, 1), (4, 4), (9, 11))) == ((3, 3), (5, 6))
    assert missing_ranges(2, (), ((5, 6),)) == ()
    assert missing_ranges(6, ((12, 12),), ((5, 8),)) == ((9, 11),)


def test_ranges_are_read_as_postgresql_writes_them() -> None:
    assert read_ranges("{}") == ()
    assert read_ranges("{[3,6)}") == ((3, 5),)
    assert read_ranges("{[3,6),[8,9)}") == ((3, 5), (8, 8))


def test_a_token_says_who_it_was_given_to_until_it_expires() -> None:
    claims = AccessClaims(UUID(int=1), UUID(int=2), UUID(int=3), 7, int(NOW.timestamp()) + 900)
    token = write_token(claims, KEY)

    assert read_token(token, KEY, NOW) == claims
    for key, now in ((bytes(32), NOW), (KEY, NOW + timedelta(minutes=15))):
        with pytest.raises(AccessTokenError):
            read_token(token, key, now)


@given(st.text(max_size=200))
def test_no_other_text_is_a_token(text: str) -> None:
    with pytest.raises(AccessTokenError):
        read_token(text, KEY, NOW)
