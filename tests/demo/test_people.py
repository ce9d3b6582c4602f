"""The demo's front end and its people: what they go by when a till tells them one thing late."""

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from demo.cashiers import look_at_the_paper
from demo.chain import PLANS, Person, Store
from demo.network import Line
from demo.papers import is_whole
from demo.till import Till, TillRefusedError

SLIP = "Coffee            3.50\n\nS1-1A-32        0123456789\n2026-11-24 12:00:00\n"
REFUND = "Refund of S1-1A-3\n\nS1-1A-33        abcdef0123\n2026-11-24 12:00:00\n"
SECONDS_MAX = 20.0


class AskingTill(Till):
    """A till whose stream says what the test lets it say; it refuses a word on what it does not ask about."""

    def __init__(self, folder: Path, client: aiohttp.ClientSession) -> None:
        cashier, supervisor = Person("Ann", "1", "2580", "cashier"), Person("Sue", "9", "397168", "supervisor")
        store = Store(1, "", "High Street", cashier, supervisor)
        super().__init__("till", PLANS[0].code, store, folder, Line(lambda: ("127.0.0.1", 1)), client)
        self.asks: list[str] = []
        self.told: asyncio.Queue[tuple[str, bool]] = asyncio.Queue()

    async def command(self, command: str, command_id: str | None = None, **fields: Any) -> dict[str, Any]:
        number = fields["receipt_number"]
        if number not in self.asks:
            raise TillRefusedError(f"{command} {number}", "nothing-to-confirm")
        self.asks.remove(number)
        self.told.put_nowait((number, fields["whole"]))
        return {}

    def stream(self, revision: int) -> None:
        self._take_streamed(state(revision, *self.asks))

    def answer(self, revision: int, *unconfirmed: str) -> None:
        self._take_answer(state(revision, *unconfirmed))


def state(revision: int, *unconfirmed: str) -> dict[str, Any]:
    return {"revision": revision, "printing": {"unconfirmed_receipts": list(unconfirmed)}}


async def test_a_person_answers_each_question_of_a_till_also_after_the_first(tmp_path: Path) -> None:
    """The stream is late with what became of the first; it is not asked about twice for that."""
    async with aiohttp.ClientSession() as client:
        till = AskingTill(tmp_path, client)
        async with asyncio.timeout(SECONDS_MAX), asyncio.TaskGroup() as people:
            looking = people.create_task(look_at_the_paper(till, [till.printer], lambda _: None))
            for revision, number in enumerate(("S1-1A-3", "S1-1A-4", "S1-1A-5"), start=1):
                till.asks = [number]
                till.stream(revision)
                assert await till.told.get() == (number, False)
                for _ in range(10):
                    till.answer(revision, number)
                    await asyncio.sleep(0)
                till.stream(revision)
            looking.cancel()

    assert till.told.empty()


async def test_of_answers_and_stream_the_newer_is_shown(tmp_path: Path) -> None:
    async with aiohttp.ClientSession() as client:
        till = AskingTill(tmp_path, client)
        till.answer(2, "answered")
        till.stream(1)
        assert till.state == state(2, "answered")
        till.stream(2)
        assert till.state == state(2)
        till.answer(2, "late")
        assert till.state == state(2)


@pytest.mark.parametrize(
    ("slip", "number", "whole"),
    [
        (SLIP, "S1-1A-32", True),
        (SLIP, "S1-1A-3", False),
        (REFUND, "S1-1A-3", False),
        (REFUND, "S1-1A-33", True),
        (SLIP[: SLIP.index("6789")], "S1-1A-32", False),
    ],
    ids=["its own", "a longer number", "a refund of it", "the refund's own", "torn in its last lines"],
)
def test_a_slip_is_whole_down_to_its_last_lines(slip: str, number: str, whole: bool) -> None:
    assert is_whole(slip, number) == whole
