"""How long a till waits: after wrong PINs, and before it asks central again."""

import random

from protocol.uplink import retry_seconds_max, retry_seconds_min
from terminal_agent.patience import Patience
from terminal_agent.sign_in import free_tries, wait_seconds


def test_five_pins_are_free_then_the_wait_doubles_to_a_quarter_of_an_hour() -> None:
    assert [wait_seconds(wrong) for wrong in range(12)] == [0] * 5 + [30, 60, 120, 240, 480, 900, 900]
    assert wait_seconds(10**6) == 900


def test_guessing_half_of_all_four_digit_pins_takes_fifty_days() -> None:
    assert sum(wait_seconds(wrong) for wrong in range(free_tries, 5_000)) > 50 * 86_400


def test_each_wait_lies_between_a_second_and_five_minutes_and_is_spread_out() -> None:
    patience = Patience(random.Random(1))
    waits = [patience.seconds() for _ in range(200)]

    assert min(waits) >= retry_seconds_min
    assert max(waits) <= retry_seconds_max + retry_seconds_min
    assert waits[0] <= 3
    assert max(waits[20:]) > 250
    assert min(waits[20:]) < 60


def test_what_central_asks_for_is_the_least_and_a_success_begins_anew() -> None:
    patience = Patience(random.Random(1))
    for _ in range(20):
        patience.seconds()
    assert patience.seconds(retry_after=120.0) >= 120
    patience.succeeded()

    assert patience.seconds() <= 3
