"""A full disk is one line in the log, not one a second."""

import sqlite3
from collections.abc import Coroutine
from typing import Any

import pytest
from structlog.testing import capture_logs

from terminal_agent.journal import JournalFullError
from terminal_agent.upkeep import kept_up

FULL = JournalFullError("the disk is full; free some space, nothing was kept")


class Task:
    """Fails as told, one error after the other, then comes back; `waits` is what lay between."""

    def __init__(self, *errors: Exception, seconds_of_work: float = 0.0) -> None:
        self._errors = list(errors)
        self._seconds_of_work = seconds_of_work
        self._now = 0.0
        self.waits: list[float] = []

    async def work(self) -> None:
        self._now += self._seconds_of_work
        if self._errors:
            raise self._errors.pop(0)

    async def wait(self, seconds: float) -> None:
        self.waits.append(seconds)

    def kept_up(self) -> Coroutine[Any, Any, None]:
        return kept_up("uplink", self.work, wait=self.wait, monotonic=lambda: self._now)


async def test_a_disk_that_stays_full_is_said_once_and_asked_less_and_less_often() -> None:
    task = Task(*[FULL] * 8)
    with capture_logs() as logs:
        await task.kept_up()

    assert [(line["event"], line["reason"]) for line in logs] == [("task-waits", str(FULL))]
    assert task.waits == [1, 2, 4, 8, 16, 30, 30, 30]


async def test_another_cause_is_said_too() -> None:
    task = Task(FULL, sqlite3.OperationalError("disk I/O error"), FULL)
    with capture_logs() as logs:
        await task.kept_up()

    assert [line["reason"] for line in logs] == [str(FULL), "disk I/O error", str(FULL)]


async def test_what_worked_for_a_while_in_between_is_news_again() -> None:
    task = Task(FULL, FULL, seconds_of_work=3_600)
    with capture_logs() as logs:
        await task.kept_up()

    assert len(logs) == 2
    assert task.waits == [1, 1]


@pytest.mark.parametrize("error", [ValueError("ours"), KeyError("ours")])
async def test_a_mistake_of_ours_comes_with_its_traceback(error: Exception) -> None:
    task = Task(error, error)
    with capture_logs() as logs:
        await task.kept_up()

    assert [line["event"] for line in logs] == ["task-failed", "task-failed"]
    assert all(line["exc_info"] for line in logs)
