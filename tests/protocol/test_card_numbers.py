"""What looks like a card number is shown with its first six and last four digits alone."""

import time

import pytest

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


def test_a_hostile_text_takes_no_longer_than_its_length() -> None:
    texts = ["4111111111111111 " * 15_000, "1 " * 120_000, "4" * 250_000, "4" + " " * 250_000]
    began = time.monotonic()
    for text in texts:
        masked(text)
    assert time.monotonic() - began < 5
