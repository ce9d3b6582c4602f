"""A body is taken apart within its bounds, and an acknowledgement is nothing less than one."""

from datetime import UTC, date, datetime

import pytest
from msgspec.structs import replace

from protocol.chain import line_hash
from protocol.events import TillLog
from protocol.lines import line_bytes_max, write_line
from protocol.uplink import (
    BadEnvelopeError,
    BodyTooLargeError,
    LineTooLongError,
    UplinkAnswer,
    acknowledges,
    body_bytes_max,
    events_per_body_max,
    read_envelopes,
    split_body,
)

ANSWER = UplinkAnswer(
    received=2, stored=1, duplicates=1, last_hash="a" * 64, applied_through=2, queued=(), missing=(), forked=False,
    exceptions=(),
)  # fmt: skip


def lines(count: int, first: int = 1) -> list[bytes]:
    written: list[bytes] = []
    prev = "0" * 64
    for sequence in range(first, first + count):
        line = write_line(
            sequence=sequence,
            prev=prev,
            payload=TillLog(kind="training"),
            created_at=datetime(2026, 11, 24, tzinfo=UTC),
            business_date=date(2026, 11, 24),
        )
        written.append(line)
        prev = line_hash(line)
    return written


def test_a_body_is_its_lines_whether_or_not_the_last_has_its_newline() -> None:
    body = b"\n".join(lines(3))

    assert split_body(body) == split_body(body + b"\n") == lines(3)
    assert split_body(b"") == []


def test_a_body_holds_no_more_events_and_bytes_than_it_may() -> None:
    assert len(split_body(b"x\n" * events_per_body_max)) == events_per_body_max
    with pytest.raises(BodyTooLargeError):
        split_body(b"x\n" * (events_per_body_max + 1))
    with pytest.raises(BodyTooLargeError):
        split_body(b"x" * (body_bytes_max + 1))


def test_the_line_that_is_too_long_is_named() -> None:
    with pytest.raises(LineTooLongError) as refusal:
        split_body(b"x\n" + b"y" * (line_bytes_max + 1))

    assert refusal.value.line == 2


def test_consecutive_chained_lines_are_read_with_their_hashes() -> None:
    body = lines(3, first=7)

    envelopes, hashes = read_envelopes(body)

    assert [envelope.sequence for envelope in envelopes] == [7, 8, 9]
    assert hashes == [line_hash(line) for line in body]


def test_an_empty_body_is_no_event() -> None:
    with pytest.raises(BadEnvelopeError):
        read_envelopes([])


@pytest.mark.parametrize(
    ("body", "line"),
    [
        pytest.param([*lines(2), b""], 3, id="an empty line at the end"),
        pytest.param([lines(3)[0], lines(3)[2]], 2, id="a line left out"),
        pytest.param([lines(2)[1], lines(2)[0]], 2, id="the wrong order"),
        pytest.param([lines(1)[0], lines(1, first=2)[0]], 2, id="a prev that does not fit"),
    ],
)
def test_the_first_line_that_does_not_follow_is_named(body: list[bytes], line: int) -> None:
    with pytest.raises(BadEnvelopeError) as refusal:
        read_envelopes(body)

    assert refusal.value.line == line


def test_an_answer_acknowledges_only_what_was_sent_and_kept() -> None:
    assert acknowledges(ANSWER, lines_sent=2, last_hash="a" * 64)
    assert not acknowledges(ANSWER, lines_sent=3, last_hash="a" * 64)
    assert not acknowledges(ANSWER, lines_sent=2, last_hash="b" * 64)
    assert not acknowledges(replace(ANSWER, stored=0), lines_sent=2, last_hash="a" * 64)
