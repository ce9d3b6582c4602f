"""Bodies of many terminals in few transactions: what waits while one runs is merged into the next.

Tills that are online send one sale a request; a transaction for each would cost seven times as much. Nothing waits for
others to come: a body that finds its tenant idle is taken at once. Tenants take turns, so that one that floods makes
itself wait alone; every queue is bounded, and past the bound a body is refused before it is read.
"""

import asyncio
import contextlib
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeAlias
from uuid import UUID

import structlog
from msgspec import Struct

from central.database import DatabaseUnavailableError
from central.http import DatabaseUnavailable, Overloaded, Problem
from central.http.problems import Internal
from central.uplink.application import is_fault_of_values
from central.uplink.ingest import Delivery, Outcome

bodies_max: Final = 1_000
"""In one process, from before a body is read until it is answered."""
bodies_per_tenant_max: Final = 500
bodies_per_terminal_max: Final = 16
bytes_max: Final = 256 * 1024 * 1024
"""Of lines that wait or are being stored."""
events_per_transaction_max: Final = 2_000
bodies_per_transaction_max: Final = 200
transactions_max: Final = 6
"""At once in one process."""
transactions_per_tenant_max: Final = 2
"""Of one tenant: while PostgreSQL works on one, the next is prepared; they take rows in one order, and wait for each
other where they share some."""
second_transaction_events_min: Final = 200
"""How many events must wait for a second one to begin beside the first: fewer are merged into what comes next."""
gather_bodies_min: Final = 16
gather_step_seconds: Final = 0.002
gather_steps_max: Final = 10
gather_idle_steps_max: Final = 2
"""Under load a next transaction begins as soon as all who were just answered sent again, or when no more come for some
steps, in which their answers and their next requests travel: fewer transactions."""
turn_seconds_max: Final = 5.0
"""How long a second body of one terminal waits for the first."""

log = structlog.get_logger("central.uplink")

Commit: TypeAlias = Callable[[UUID, Sequence[Delivery], bool], Awaitable[list[Outcome]]]
"""Runs one transaction: tenant, bodies, whether carefully."""


class _Turn(Struct):
    """A terminal's lock, and how many bodies have it or wait for it."""

    lock: asyncio.Lock
    bodies: int = 0


class _Waiting(Struct):
    delivery: Delivery
    answered: asyncio.Future[Outcome]


class _Gathering(Struct):
    """Who is waited for before a next transaction: `full` once so many bodies wait as are `enough`."""

    enough: int
    full: asyncio.Event


class GroupCommit:
    """The queues of one process."""

    def __init__(self, commit: Commit) -> None:
        self._commit = commit
        self._queues: dict[UUID, deque[_Waiting]] = {}
        self._waiting_events: Counter[UUID] = Counter()
        self._ready: deque[UUID] = deque()
        self._running: Counter[UUID] = Counter()
        self._gathering: dict[UUID, list[_Gathering]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._bodies: dict[UUID, int] = {}
        self._bodies_in_all = 0
        self._bytes = 0
        self._turns: dict[tuple[UUID, UUID], _Turn] = {}

    async def take(self, tenant_id: UUID, terminal_id: UUID, receive: Callable[[], Awaitable[Delivery]]) -> Outcome:
        """Receive a body once there is a place for it and it is its terminal's turn, and have it stored, ordered and
        booked: one body of a terminal at a time.

        Raises `Overloaded` where there is no place, where the turn does not come within `turn_seconds_max`, and at once
        where `bodies_per_terminal_max` wait already; what `receive` raises; `DatabaseUnavailable` and `Internal`.
        """
        mine = self._bodies.get(tenant_id, 0)
        if self._bodies_in_all >= bodies_max or mine >= bodies_per_tenant_max or self._bytes >= bytes_max:
            raise Overloaded(retry_after=_spread(terminal_id))
        self._bodies_in_all += 1
        self._bodies[tenant_id] = mine + 1
        try:
            return await self._take_in_turn(tenant_id, terminal_id, receive)
        finally:
            self._bodies_in_all -= 1
            self._bodies[tenant_id] -= 1
            if not self._bodies[tenant_id]:
                del self._bodies[tenant_id]

    async def _take_in_turn(
        self, tenant_id: UUID, terminal_id: UUID, receive: Callable[[], Awaitable[Delivery]]
    ) -> Outcome:
        key = (tenant_id, terminal_id)
        turn = self._turns.get(key)
        if turn is None:
            turn = self._turns[key] = _Turn(asyncio.Lock())
        if turn.bodies >= bodies_per_terminal_max:
            raise Overloaded("too many bodies of this terminal wait already", retry_after=_spread(terminal_id))
        turn.bodies += 1
        try:
            await _acquire(turn.lock, terminal_id)
            try:
                delivery = await receive()
                size = sum(map(len, delivery.body.lines))
                self._bytes += size
                try:
                    return await self.submit(tenant_id, delivery)
                finally:
                    self._bytes -= size
            finally:
                turn.lock.release()
        finally:
            turn.bodies -= 1
            if not turn.bodies:
                self._turns.pop(key, None)

    async def submit(self, tenant_id: UUID, delivery: Delivery) -> Outcome:
        """Have a body stored, ordered and booked. Raises `DatabaseUnavailable`, and `Internal` for our own faults."""
        waiting = _Waiting(delivery, asyncio.get_running_loop().create_future())
        queue = self._queues.get(tenant_id)
        if queue is None:
            queue = self._queues[tenant_id] = deque()
        queue.append(waiting)
        self._waiting_events[tenant_id] += len(delivery.body.lines)
        for gathering in self._gathering.get(tenant_id, ()):
            if len(queue) >= gathering.enough:
                gathering.full.set()
        self._line_up(tenant_id)
        self._start()
        return await waiting.answered

    async def close(self) -> None:
        """Let the transactions that run come to their end."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _line_up(self, tenant_id: UUID) -> None:
        """Let a tenant that has enough waiting take its turn among the tenants."""
        running = self._running[tenant_id]
        if running >= transactions_per_tenant_max or tenant_id in self._ready:
            return
        if not running or self._waiting_events[tenant_id] >= second_transaction_events_min:
            self._ready.append(tenant_id)

    def _start(self) -> None:
        while self._ready and self._running.total() < transactions_max:
            tenant_id = self._ready.popleft()
            self._running[tenant_id] += 1
            task = asyncio.get_running_loop().create_task(self._run(tenant_id))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _run(self, tenant_id: UUID) -> None:
        try:
            batch = self._take(tenant_id)
            if batch:
                await self._answer(tenant_id, batch)
                await self._gather(tenant_id, len(batch))
        finally:
            self._running[tenant_id] -= 1
            if self._queues.get(tenant_id):
                self._line_up(tenant_id)
            elif not self._running[tenant_id]:
                del self._running[tenant_id]
                self._queues.pop(tenant_id, None)
                self._waiting_events.pop(tenant_id, None)
            self._start()

    async def _gather(self, tenant_id: UUID, answered: int) -> None:
        """Let those who were just answered send again before the next transaction, where they were many."""
        if answered < gather_bodies_min:
            return
        queue = self._queues[tenant_id]
        gathering = _Gathering(min(answered + len(queue), bodies_per_transaction_max), asyncio.Event())
        self._gathering.setdefault(tenant_id, []).append(gathering)
        idle_steps = 0
        try:
            for _ in range(gather_steps_max):
                waiting = len(queue)
                await _step(gathering.full, gather_step_seconds)
                idle_steps = idle_steps + 1 if len(queue) == waiting else 0
                if len(queue) >= gathering.enough or idle_steps == gather_idle_steps_max:
                    return
        finally:
            self._gathering[tenant_id].remove(gathering)
            if not self._gathering[tenant_id]:
                del self._gathering[tenant_id]

    def _take(self, tenant_id: UUID) -> list[_Waiting]:
        """What waits, in the order of its coming, each epoch once; nobody waits any more for what was given up."""
        queue = self._queues[tenant_id]
        batch: list[_Waiting] = []
        left: list[_Waiting] = []
        epochs: set[tuple[UUID, int]] = set()
        events = 0
        while queue and len(batch) < bodies_per_transaction_max:
            waiting = queue.popleft()
            if waiting.answered.done():
                continue
            size = len(waiting.delivery.body.lines)
            if batch and events + size > events_per_transaction_max:
                left.append(waiting)
                break
            if waiting.delivery.key in epochs:
                left.append(waiting)
                continue
            epochs.add(waiting.delivery.key)
            events += size
            batch.append(waiting)
        queue.extendleft(reversed(left))
        self._waiting_events[tenant_id] = sum(len(waiting.delivery.body.lines) for waiting in queue)
        return batch

    async def _answer(self, tenant_id: UUID, batch: list[_Waiting]) -> None:
        try:
            outcomes: Sequence[Outcome] = await self._commit(tenant_id, [w.delivery for w in batch], False)
        except asyncio.CancelledError:
            for waiting in batch:
                _fail(waiting, DatabaseUnavailable())
            raise
        except DatabaseUnavailableError:
            outcomes = [DatabaseUnavailable(retry_after=_spread(w.delivery.terminal_id)) for w in batch]
        except Exception as error:
            outcomes = await self._alone(tenant_id, batch, error)
        for waiting, outcome in zip(batch, outcomes, strict=True):
            if not waiting.answered.done():
                waiting.answered.set_result(outcome)

    async def _alone(self, tenant_id: UUID, batch: list[_Waiting], error: Exception) -> list[Outcome]:
        """Each body by itself after the merged transaction failed, so that one bad event harms its own terminal alone;
        one whose values PostgreSQL refuses then goes event by event."""
        if len(batch) == 1 and not is_fault_of_values(error):
            log.error("uplink transaction failed", exc_info=error, terminal_id=str(batch[0].delivery.terminal_id))
            return [Internal()]
        carefully = len(batch) == 1
        return [await self._one(tenant_id, waiting.delivery, carefully=carefully) for waiting in batch]

    async def _one(self, tenant_id: UUID, delivery: Delivery, *, carefully: bool) -> Outcome:
        try:
            (outcome,) = await self._commit(tenant_id, [delivery], carefully)
            return outcome
        except DatabaseUnavailableError:
            return DatabaseUnavailable(retry_after=_spread(delivery.terminal_id))
        except Exception as error:
            if is_fault_of_values(error) and not carefully:
                return await self._one(tenant_id, delivery, carefully=True)
            log.error("uplink transaction failed", exc_info=error, terminal_id=str(delivery.terminal_id))
            return Internal()


async def _step(full: asyncio.Event, seconds: float) -> None:
    """Let some time go by, or less where all have come."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await full.wait()


async def _acquire(lock: asyncio.Lock, terminal_id: UUID) -> None:
    if not lock.locked():
        await lock.acquire()
        return
    try:
        async with asyncio.timeout(turn_seconds_max):
            await lock.acquire()
    except TimeoutError as error:
        detail = "another body of this terminal is still being taken"
        raise Overloaded(detail, retry_after=_spread(terminal_id)) from error


def _fail(waiting: _Waiting, problem: Problem) -> None:
    if not waiting.answered.done():
        waiting.answered.set_result(problem)


def _spread(terminal_id: UUID) -> int:
    """Seconds to wait, 1 to 5, so that the tills of a shop do not come back all at once."""
    return 1 + terminal_id.int % 5
