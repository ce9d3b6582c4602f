"""The quick way to read a line gives what the thorough one gives, or leaves the line to it."""

from datetime import UTC, date, datetime
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from protocol.lines import (
    Envelope,
    EnvelopeError,
    UnknownTypeError,
    UnreadableError,
    read_as_written,
    read_line,
    read_payload,
    write_line,
)
from tests.trade import cart, refund, sale, till_log

SOLD = sale(cart("3 x WINE @ 9.99 -1.00", "0.500 x CHEESE @ 12.00", "1 x VOUCHER-7 @ 20.00"), number="K1-7")
LINE = write_line(
    sequence=17,
    prev="0" * 64,
    payload=SOLD,
    created_at=datetime(2026, 11, 24, 12, tzinfo=UTC),
    business_date=date(2026, 11, 24),
)


def heading(envelope: Envelope[Any]) -> Envelope[None]:
    return structs.replace(envelope, payload=None)


def test_a_sale_and_a_refund_are_read_as_they_were_written() -> None:
    back = refund(SOLD, {1: 1000}, number="K1-8")
    for payload in (SOLD, back):
        line = write_line(
            sequence=1,
            prev="a" * 64,
            payload=payload,
            created_at=datetime(2026, 11, 24, 12, tzinfo=UTC),
            business_date=date(2026, 11, 24),
            clock_offset_ms=-3,
        )

        whole = read_as_written(line)

        assert whole is not None
        assert heading(whole[0]) == heading(read_line(line))
        assert whole[1] == read_payload(read_line(line))
        assert whole[1].payload == payload


def test_what_is_written_otherwise_is_left_to_the_thorough_way() -> None:
    spaced = msgspec.json.format(LINE, indent=1).replace(b"\n", b"")
    for line in (
        spaced,
        LINE + b" ",
        LINE.replace(b'"sequence":17', b'"sequence":17,"sequence":17'),
        LINE.replace(b'"currency":"EUR"', b'"currency":"EUR","currency":"EUR"'),
        LINE.replace(b'"currency":"EUR"', b'"currency":"EUR","fiscal":{"deep":[[]]}'),
        LINE.replace(b"K1-7", b"K1\\u00007"),
        LINE.replace(b"K1-7", b"K1\xff7"),
        LINE.replace(b"2026-11-24T", b"1926-11-24T"),
        LINE.replace(b'"line":2', b'"line":1'),
        LINE.replace(b'"version":1', b'"version":2'),
        b"",
        b"[" * 100_000,
    ):
        assert read_as_written(line) is None
    other = write_line(
        sequence=1,
        prev="0" * 64,
        payload=till_log(),
        created_at=datetime(2026, 11, 24, tzinfo=UTC),
        business_date=date(2026, 11, 24),
    )
    assert read_as_written(other) is None


@settings(max_examples=1_000)
@given(st.integers(0, len(LINE) - 1), st.binary(max_size=3), st.integers(0, 3))
def test_no_changed_byte_is_read_otherwise_than_the_thorough_way_reads_it(at: int, put: bytes, taken: int) -> None:
    line = LINE[:at] + put + LINE[at + taken :]
    whole = read_as_written(line)
    if whole is not None:
        assert heading(whole[0]) == heading(read_line(line))
        assert whole[1] == read_payload(read_line(line))
    else:
        try:
            read_payload(read_line(line))
        except (EnvelopeError, UnreadableError, UnknownTypeError):
            return
