"""Bodies of many terminals in few transactions: what waits while one runs is merged into the next.

Tills that are online send one sale a request; a transaction for each would cost seven times as much. Nothing waits for
others to come: a body that finds its tenant idle is taken at once. Tenants take turns, so that one that floods makes
itself wait alone; every queue is bounded, and past the bound a body is refused before it is read.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeAlias
from uuid import UUID

import structlog
from msgspec import Struct, field

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


class _Gathering(Struct, eq=False):
    """Who is waited for before a next transaction: `full` once so many bodies wait as are `enough`."""

    enough: int
    full: asyncio.Event


class _Tenant(Struct, eq=False):
    """What a process has at hand of one tenant, for as long as there is anything."""

    tenant_id: UUID
    bodies: int = 0
    """From before they are read until they are answered."""
    turns: dict[UUID, _Turn] = field(default_factory=dict)
    queue: deque[_Waiting] = field(default_factory=deque)
    queued_events: int = 0
    in_line: bool = False
    """Whether it waits for its turn among the tenants."""
    transactions: int = 0
    gatherings: list[_Gathering] = field(default_factory=list)


class GroupCommit:
    """The queues of one process."""

    def __init__(self, commit: Commit) -> None:
        self._commit = commit
        self._tenants: dict[UUID, _Tenant] = {}
        self._ready: deque[_Tenant] = deque()
        self._transactions = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._bodies = 0
        self._bytes = 0

    async def take(self, tenant_id: UUID, terminal_id: UUID, receive: Callable[[], Awaitable[Delivery]]) -> Outcome:
        """Receive a body once there is a place for it and it is its terminal's turn, and have it stored, ordered and
        booked: one body of a terminal at a time.

        Raises `Overloaded` where there is no place, where the turn does not come within `turn_seconds_max`, and at once
        where `bodies_per_terminal_max` wait already; what `receive` raises; `DatabaseUnavailable` and `Internal`.
        """
        tenant = self._of(tenant_id)
        if self._bodies >= bodies_max or tenant.bodies >= bodies_per_tenant_max or self._bytes >= bytes_max:
            self._forget_idle(tenant)
            raise Overloaded(retry_after=_spread(terminal_id))
        self._bodies += 1
        tenant.bodies += 1
        try:
            return await self._take_in_turn(tenant, terminal_id, receive)
        finally:
            self._bodies -= 1
            tenant.bodies -= 1
            self._forget_idle(tenant)

    async def _take_in_turn(
        self, tenant: _Tenant, terminal_id: UUID, receive: Callable[[], Awaitable[Delivery]]
    ) -> Outcome:
        turn = tenant.turns.get(terminal_id)
        if turn is None:
            turn = tenant.turns[terminal_id] = _Turn(asyncio.Lock())
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
                    return await self._queue(tenant, delivery)
                finally:
                    self._bytes -= size
            finally:
                turn.lock.release()
        finally:
            turn.bodies -= 1
            if not turn.bodies:
                del tenant.turns[terminal_id]

    async def submit(self, tenant_id: UUID, delivery: Delivery) -> Outcome:
        """Have a body stored, ordered and booked. Raises `DatabaseUnavailable`, and `Internal` for our own faults."""
        return await self._queue(self._of(tenant_id), delivery)

    def _queue(self, tenant: _Tenant, delivery: Delivery) -> asyncio.Future[Outcome]:
        """Line a body up; its outcome."""
        answered: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        tenant.queue.append(_Waiting(delivery, answered))
        tenant.queued_events += len(delivery.body.lines)
        for gathering in tenant.gatherings:
            if len(tenant.queue) >= gathering.enough:
                gathering.full.set()
        self._line_up(tenant)
        self._start()
        return answered

    def _of(self, tenant_id: UUID) -> _Tenant:
        tenant = self._tenants.get(tenant_id)
        if tenant is None:
            tenant = self._tenants[tenant_id] = _Tenant(tenant_id)
        return tenant

    def _forget_idle(self, tenant: _Tenant) -> None:
        if not (tenant.bodies or tenant.queue or tenant.transactions or tenant.in_line):
            self._tenants.pop(tenant.tenant_id, None)

    async def close(self) -> None:
        """Let the transactions that run come to their end."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _line_up(self, tenant: _Tenant) -> None:
        """Let a tenant that has enough waiting take its turn among the tenants."""
        if tenant.in_line or tenant.transactions >= transactions_per_tenant_max:
            return
        if not tenant.transactions or tenant.queued_events >= second_transaction_events_min:
            tenant.in_line = True
            self._ready.append(tenant)

    def _start(self) -> None:
        while self._ready and self._transactions < transactions_max:
            tenant = self._ready.popleft()
            tenant.in_line = False
            tenant.transactions += 1
            self._transactions += 1
            task = asyncio.get_running_loop().create_task(self._run(tenant))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _run(self, tenant: _Tenant) -> None:
        try:
            batch = _take(tenant)
            if batch:
                await self._answer(tenant.tenant_id, batch)
                await _gather(tenant, len(batch))
        finally:
            tenant.transactions -= 1
            self._transactions -= 1
            if tenant.queue:
                self._line_up(tenant)
            self._forget_idle(tenant)
            self._start()

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


async def _gather(tenant: _Tenant, answered: int) -> None:
    """Let those who were just answered send again before the next transaction, where they were many."""
    if answered < gather_bodies_min:
        return
    queue = tenant.queue
    gathering = _Gathering(min(answered + len(queue), bodies_per_transaction_max), asyncio.Event())
    tenant.gatherings.append(gathering)
    idle_steps = 0
    try:
        for _ in range(gather_steps_max):
            waiting = len(queue)
            await _step(gathering.full, gather_step_seconds)
            idle_steps = idle_steps + 1 if len(queue) == waiting else 0
            if len(queue) >= gathering.enough or idle_steps == gather_idle_steps_max:
                return
    finally:
        tenant.gatherings.remove(gathering)


def _take(tenant: _Tenant) -> list[_Waiting]:
    """What waits, in the order of its coming, each epoch once; nobody waits any more for what was given up."""
    queue = tenant.queue
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
    tenant.queued_events = sum(len(waiting.delivery.body.lines) for waiting in queue)
    return batch


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
