"""What looks like a card number is shown with its first six and last four digits alone."""

import time
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.card_numbers import holds_card_number, masked


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("4111111111111111", "411111******1111"),
        ("paid by 4111 1111 1111 1111, thanks", "paid by 4111 11** **** 1111, thanks"),
        ("4111-1111-1111-1111 5500 0000 0000 0004", "4111-11**-****-1111 5500 00** **** 0004"),
        ("4111111111111112", "4111111111111112"),
        ("order 1234567890123", "order 1234567890123"),
        ("", ""),
    ],
)
def test_a_card_number_is_masked_and_nothing_else(text: str, shown: str) -> None:
    assert masked(text) == shown
    assert masked(shown) == shown
    assert not holds_card_number(shown)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("4111111111111111", "411111******1111"),
        ("paid with 4111 1111 1111 1111, thanks", "paid with 4111 11** **** 1111, thanks"),
        ("5500-0000-0000-0004", "5500-00**-****-0004"),
        ("378282246310005", "378282*****0005"),
        ("30569309025904", "305693****5904"),
        ("2223003122003222", "222300******3222"),
        ("12 4111111111111111 7", "12 411111******1111 7"),
        ("4111111111111111 5500000000000004", "411111******1111 550000******0004"),
    ],
)
def test_a_card_number_is_found_and_masked(text: str, shown: str) -> None:
    assert holds_card_number(text)
    assert masked(text) == shown
    assert not holds_card_number(masked(text))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "4111111111111112",
        "9111111111111111",
        "4006381333931",
        "114111111111111111",
        "2026-11-24 09:00",
        "2721000000000000",
        "call 030 1234 5678",
    ],
)
def test_anything_else_is_left_as_it_is(text: str) -> None:
    """A wrong check digit, another first digit, a barcode, digits glued to more, a date."""
    assert not holds_card_number(text)
    assert masked(text) == text


@pytest.mark.parametrize(
    "text", ["01a22603-3932-7053-8f99-c09bceea590b", "sale 01A22605-7759-7151-8F30-4D0B9C14EF2E is void"]
)
def test_a_uuid_is_none_whatever_its_digits(text: str) -> None:
    assert not holds_card_number(text)
    assert masked(text) == text


@given(st.uuids(version=4), st.text(max_size=20))
def test_every_uuid_is_left_as_it_is(one: UUID, before: str) -> None:
    assert masked(f"{before} {one}").endswith(f" {one}")


def test_a_card_number_beside_a_uuid_is_masked() -> None:
    one = "01a22603-3932-7053-8f99-c09bceea590b"

    assert masked(f"4111111111111111 {one} 4111111111111111") == f"411111******1111 {one} 411111******1111"


@pytest.mark.parametrize("text", ["x01a22603-3932-7053-8f99-c09bceea590b", "41111111-1111-1111-1111-111111111111"])
def test_what_only_looks_like_a_uuid_is_looked_at(text: str) -> None:
    assert holds_card_number(text)


def test_a_hostile_text_takes_no_longer_than_its_length() -> None:
    texts = ["4111111111111111 " * 15_000, "1 " * 120_000, "4" * 250_000, "4" + " " * 250_000]
    began = time.monotonic()
    for text in texts:
        masked(text)
    assert time.monotonic() - began < 5
