"""What looks like a card number is shown with its first six and last four digits alone."""

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
