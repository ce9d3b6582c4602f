"""Under load those who were just answered are in the next transaction; nobody else is waited for."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from uuid import UUID, uuid4

import pytest

from central.uplink import group_commit
from central.uplink.group_commit import (
    GroupCommit,
    gather_bodies_min,
    gather_idle_steps_max,
    gather_steps_max,
    second_transaction_events_min,
)

TENANT = uuid4()


class Steps:
    """The steps of gathering, taken by hand: each lets everything else run first."""

    def __init__(self) -> None:
        self.taken = 0
        self.most_at_once = 0
        self._at_once = 0
        self._taken: defaultdict[int, asyncio.Event] = defaultdict(asyncio.Event)
        self._hooks: dict[int, Callable[[], Awaitable[None]]] = {}

    def at(self, step: int, hook: Callable[[], Awaitable[None]]) -> None:
        self._hooks[step] = hook

    async def until(self, step: int) -> None:
        await self._taken[step].wait()

    async def take(self, full: asyncio.Event, seconds: float) -> None:
        self.taken += 1
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        if self.taken in self._hooks:
            await self._hooks[self.taken]()
        self._taken[self.taken].set()
        await _let_others_run()
        self._at_once -= 1


async def _let_others_run() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Steps:
    made = Steps()
    monkeypatch.setattr(group_commit, "_step", made.take)
    return made


class Bodies:
    """A group commit whose transactions are counted, and tills that have one body after the other taken."""

    def __init__(self) -> None:
        self.transactions: list[int] = []
        self.queue = GroupCommit(self._commit)
        self._tasks: list[asyncio.Task[Any]] = []

    async def _commit(self, tenant_id: UUID, deliveries: Sequence[Any], carefully: bool) -> list[Any]:
        self.transactions.append(len(deliveries))
        await asyncio.sleep(0)
        return ["stored"] * len(deliveries)

    async def send(self, count: int, lines: int = 1) -> None:
        for _ in range(count):
            self._tasks.append(asyncio.ensure_future(self.queue.submit(TENANT, _delivery(lines))))
        await asyncio.sleep(0)

    async def done(self) -> None:
        await asyncio.gather(*self._tasks)
        await self.queue.close()


def _delivery(lines: int) -> Any:
    body = type("Body", (), {"lines": (b"{}",) * lines})()
    return type("Delivery", (), {"body": body, "key": (uuid4(), 1), "terminal_id": uuid4()})()


async def test_tills_that_send_again_at_once_share_the_next_transaction(steps: Steps) -> None:
    bodies = Bodies()
    await bodies.send(gather_bodies_min)
    steps.at(gather_idle_steps_max, lambda: bodies.send(gather_bodies_min - 1))
    steps.at(gather_idle_steps_max + 1, lambda: bodies.send(1))
    await steps.until(gather_idle_steps_max + 1)
    await bodies.done()

    assert bodies.transactions[-1] == gather_bodies_min


async def test_the_next_transaction_begins_when_the_last_of_them_has_sent_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(group_commit, "_step", lambda full, _seconds: full.wait())
    bodies = Bodies()
    await bodies.send(gather_bodies_min)
    await _let_others_run()
    await bodies.send(gather_bodies_min - 1)
    await _let_others_run()
    before = list(bodies.transactions)
    await bodies.send(1)
    await _let_others_run()

    assert (before, bodies.transactions) == ([gather_bodies_min], [gather_bodies_min, gather_bodies_min])
    monkeypatch.undo()
    await bodies.send(gather_bodies_min)
    await bodies.done()


async def test_what_waited_meanwhile_waits_for_those_too(steps: Steps) -> None:
    bodies = Bodies()
    await bodies.send(gather_bodies_min)
    await bodies.send(3)
    steps.at(1, lambda: bodies.send(gather_bodies_min))
    await steps.until(1)
    await bodies.done()

    assert bodies.transactions[-1] == gather_bodies_min + 3


async def test_nobody_who_does_not_come_is_waited_for(steps: Steps) -> None:
    bodies = Bodies()
    await bodies.send(gather_bodies_min)
    await bodies.done()

    assert steps.taken == gather_idle_steps_max


async def test_a_trickle_is_not_waited_for_for_ever(steps: Steps) -> None:
    bodies = Bodies()
    await bodies.send(gather_bodies_min * 2)
    for step in range(1, gather_steps_max + 1):
        steps.at(step, lambda: bodies.send(1))
    await steps.until(gather_steps_max)
    await bodies.done()

    assert bodies.transactions[-1] == gather_steps_max


async def test_two_transactions_of_a_tenant_wait_at_once_each_for_its_own(steps: Steps) -> None:
    bodies = Bodies()
    await bodies.send(gather_bodies_min * 2)
    many = second_transaction_events_min // gather_bodies_min + 1
    steps.at(1, lambda: bodies.send(gather_bodies_min, lines=many))
    await steps.until(2)
    await bodies.send(gather_bodies_min)
    await bodies.done()

    assert bodies.transactions == [gather_bodies_min * 2, gather_bodies_min, gather_bodies_min]
    assert steps.most_at_once == 2


async def test_a_terminal_s_turn_is_kept_while_its_tenant_has_nothing_but_a_place_in_the_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(group_commit, "transactions_max", 1)
    bodies = Bodies()
    terminal_id = uuid4()
    received: list[int] = []
    come = asyncio.Event()

    async def receive(number: int) -> Any:
        received.append(number)
        await come.wait()
        return _delivery(1)

    async def first() -> None:
        await bodies.queue.submit(TENANT, _delivery(second_transaction_events_min))
        await bodies.queue.take(TENANT, terminal_id, lambda: receive(1))

    async def second() -> None:
        await _let_others_run()
        await bodies.queue.take(TENANT, terminal_id, lambda: receive(2))

    tasks = [asyncio.ensure_future(first()), asyncio.ensure_future(second())]
    await bodies.send(1, lines=second_transaction_events_min)
    for _ in range(3):
        await _let_others_run()
    before = list(received)
    come.set()
    await asyncio.gather(*tasks)
    await bodies.done()

    assert (before, received) == ([1], [1, 2])


async def test_few_are_answered_without_a_wait(steps: Steps) -> None:
    bodies = Bodies()
    await bodies.send(gather_bodies_min - 1)
    await bodies.done()

    assert steps.taken == 0
