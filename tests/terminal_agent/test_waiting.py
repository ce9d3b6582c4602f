"""How long a till waits: after wrong PINs, and before it asks central again."""

import asyncio
import random

from protocol.uplink import retry_seconds_max, retry_seconds_min
from terminal_agent.config import read_config
from terminal_agent.daemon import Daemon
from terminal_agent.patience import Patience
from terminal_agent.sign_in import free_tries, wait_seconds
from terminal_agent.state_directory import StateDirectory
from tests.terminal_agent.conftest import Till

SOON_SECONDS = 20.0


class Longest(random.Random):
    """Draws the longest wait each time."""

    def uniform(self, a: float, b: float) -> float:
        return max(a, b)


def after_many_failures() -> Patience:
    """Of a loop that is about to wait for five minutes."""
    patience = Patience(Longest())
    for _ in range(20):
        patience.seconds()
    return patience


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


async def test_a_loop_that_nobody_answered_tries_soon_after_central_is_heard_of() -> None:
    patience = after_many_failures()
    async with asyncio.timeout(SOON_SECONDS), asyncio.TaskGroup() as loops:
        waiting = loops.create_task(patience.wait())
        await asyncio.sleep(0)
        assert not waiting.done()
        patience.heard()

    assert patience.seconds() <= 4


async def test_a_wait_that_central_asked_for_is_not_cut_short() -> None:
    patience = after_many_failures()
    waiting = asyncio.create_task(patience.wait(retry_after=30))
    await asyncio.sleep(0)
    patience.heard()
    await asyncio.wait([waiting], timeout=3 * retry_seconds_min)

    assert not waiting.done()
    waiting.cancel()


async def test_a_till_that_is_answered_again_hurries_all_its_loops(till: Till) -> None:
    """Its poll for changes gets through first: the sales do not wait for minutes more."""
    await till.kill()
    directory = StateDirectory(till.folder)
    with directory.locked():
        daemon = Daemon(directory, read_config(directory.config, listen="127.0.0.1:0", ca_file=None))
        async with asyncio.timeout(SOON_SECONDS), asyncio.TaskGroup() as loops:
            for patience in daemon._patiences:
                for _ in range(20):
                    patience.seconds()
                loops.create_task(patience.wait())
            await asyncio.sleep(0)
            daemon._contact(answered=True)
        daemon._journal.close()
        daemon._catalogue.close()

    assert len(daemon._patiences) == 2
