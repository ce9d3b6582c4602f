"""Cursors: what is written is read, and nothing else (contract, section 5)."""

from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from central.downlink.compression import choose_encoding
from central.downlink.cursor import (
    Cursor,
    CursorError,
    CursorOwner,
    DeltaCursor,
    SnapshotCursor,
    cursor_characters_max,
    read_cursor,
    write_cursor,
)

KEY = bytes(range(32))
OWNER = CursorOwner(UUID(int=1), UUID(int=2), UUID(int=3), 1, UUID(int=4))
NUMBERS = st.integers(0, 2**53 - 1)
CURSORS = st.builds(DeltaCursor, NUMBERS, NUMBERS, st.integers(0, 5000)) | st.builds(
    SnapshotCursor, NUMBERS, NUMBERS, st.integers(0, 5000), st.integers(0, 5), st.text(max_size=36)
)


@given(CURSORS)
def test_a_cursor_says_where_its_owner_stands(cursor: Cursor) -> None:
    text = write_cursor(cursor, OWNER, KEY)

    assert read_cursor(text, OWNER, KEY) == cursor
    assert len(text) <= cursor_characters_max


@pytest.mark.parametrize("field", ["tenant_id", "location_id", "terminal_id", "epoch", "incarnation"])
def test_a_cursor_is_its_owners_alone(field: str) -> None:
    text = write_cursor(DeltaCursor(7, 8, 9), OWNER, KEY)
    other = msgspec.structs.replace(OWNER, **{field: 99 if field == "epoch" else UUID(int=99)})
    for owner, key in ((other, KEY), (OWNER, bytes(32))):
        with pytest.raises(CursorError):
            read_cursor(text, owner, key)


def test_no_changed_cursor_is_taken() -> None:
    text = write_cursor(SnapshotCursor(7, 8, 9, 4, "a"), OWNER, KEY)
    for place in range(len(text)):
        for other in "AB_":
            if text[place] != other:
                with pytest.raises(CursorError):
                    read_cursor(text[:place] + other + text[place + 1 :], OWNER, KEY)


@given(st.text(max_size=100))
def test_no_other_text_is_a_cursor(text: str) -> None:
    with pytest.raises(CursorError):
        read_cursor(text, OWNER, KEY)


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("", None),
        ("identity", None),
        ("gzip", "gzip"),
        ("zstd", "zstd"),
        ("gzip, deflate, zstd", "zstd"),
        ("gzip;q=1.0, zstd;q=0.5", "gzip"),
        ("zstd;q=0, gzip", "gzip"),
        ("*", "zstd"),
        ("gzip;q=0, *;q=0", None),
        ("gzip;q=x", None),
    ],
)
def test_the_encoding_is_what_the_client_likes_best(accepted: str, encoding: str | None) -> None:
    assert choose_encoding(accepted) == encoding
