"""Tells who waits that there is something new: in process, by LISTEN/NOTIFY, or by Redis.

A topic is a word and an id (`changes:<tenant_id>`), never data. A wake-up that is lost makes things slower, never
wrong: whoever waits looks again by time. What is told often is told once: topics gather while one message is under way.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, Protocol

import structlog
from redis.asyncio import Redis

channel: Final = "till_wakeups"
gather_seconds: Final = 0.1
"""Between two messages: the first is sent at once, and a till hears of what follows it a tenth of a second later."""
retry_seconds: Final = 1.0
cancel_seconds: Final = 0.2
topics_waiting_max: Final = 10_000

log = structlog.get_logger("central.wakeups")


class Carrier(Protocol):
    """The database that all processes share (`central.database.Database`), as far as wake-ups need it."""

    async def listener(self) -> Any:
        """A connection of asyncpg's to `LISTEN` on."""

    async def tell(self, channel: str, topics: Sequence[str]) -> None:
        """`NOTIFY` on a channel."""


class Signal:
    """One who waits for a topic. A wake-up between two waits is not lost."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self._stopped = False

    def wake(self) -> None:
        self._event.set()

    def stop(self) -> None:
        self._stopped = True
        self._event.set()

    @property
    def stopped(self) -> bool:
        """Whether the server stops: answer now."""
        return self._stopped

    async def wait(self, seconds: float) -> bool:
        """Wait for a wake-up, `seconds` at most; whether there was one. When the server stops, none waits any more."""
        if self._stopped:
            return False
        try:
            async with asyncio.timeout(seconds):
                await self._event.wait()
        except TimeoutError:
            return False
        if self._stopped:
            return False
        self._event.clear()
        return True


class Wakeups:
    """Wake-ups inside one process; the base of those that reach further."""

    def __init__(self) -> None:
        self._waiting: dict[str, set[Signal]] = {}
        self._stopped = False

    async def start(self) -> None:
        """Begin to hear what other processes tell."""

    async def close(self) -> None:
        """Hear no more."""

    def stop(self) -> None:
        """Let nobody wait any longer: the server stops."""
        self._stopped = True
        for waiting in self._waiting.values():
            for signal in waiting:
                signal.stop()

    def notify(self, topic: str) -> None:
        """Wake everybody who waits for the topic; call it after the commit."""
        self._wake(topic)

    @asynccontextmanager
    async def listen(self, *topics: str) -> AsyncIterator[Signal]:
        """Wait for any of the topics: begin to listen first, look second, wait third."""
        signal = Signal()
        if self._stopped:
            signal.stop()
        for topic in topics:
            self._waiting.setdefault(topic, set()).add(signal)
        try:
            yield signal
        finally:
            for topic in set(topics):
                waiting = self._waiting[topic]
                waiting.discard(signal)
                if not waiting:
                    del self._waiting[topic]

    @property
    def topics(self) -> int:
        """How many topics somebody waits for."""
        return len(self._waiting)

    def _wake(self, topic: str) -> None:
        for signal in self._waiting.get(topic, ()):
            signal.wake()

    def _wake_all(self) -> None:
        """After a broken connection: something may have been missed."""
        for topic in self._waiting:
            self._wake(topic)


class _FarWakeups(Wakeups):
    """What LISTEN/NOTIFY and Redis do alike: gather topics, send them, hear them, connect again."""

    def __init__(self) -> None:
        super().__init__()
        self._outgoing: set[str] = set()
        self._has_outgoing = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._heard = asyncio.Event()

    async def start(self) -> None:
        self._tasks = [asyncio.create_task(self._send_for_ever()), asyncio.create_task(self._hear_for_ever())]
        with contextlib.suppress(TimeoutError):  # not heard yet is slower, not wrong
            async with asyncio.timeout(retry_seconds):
                await self._heard.wait()

    async def close(self) -> None:
        pending = set(self._tasks)
        while pending:  # a client's own timeout may swallow a cancellation, so once may not be enough
            for task in pending:
                task.cancel()
            _, pending = await asyncio.wait(pending, timeout=cancel_seconds)

    def notify(self, topic: str) -> None:
        self._wake(topic)
        if len(self._outgoing) < topics_waiting_max:
            self._outgoing.add(topic)
            self._has_outgoing.set()

    async def _send_for_ever(self) -> None:
        while True:
            await self._has_outgoing.wait()
            topics, self._outgoing = self._outgoing, set()
            self._has_outgoing.clear()
            try:
                await self._send(topics)
            except Exception as error:  # whatever breaks the carrier, who waits looks again by time
                log.warning("wake-ups are not sent", error=type(error).__name__)
            await asyncio.sleep(gather_seconds)

    async def _hear_for_ever(self) -> None:
        while True:
            try:
                await self._hear()
            except Exception as error:
                log.warning("wake-ups are not heard", error=type(error).__name__)
            self._wake_all()
            await asyncio.sleep(retry_seconds)

    async def _send(self, topics: Iterable[str]) -> None:
        raise NotImplementedError

    async def _hear(self) -> None:
        """Connect, set `_heard`, wake topics; return or raise when the connection is lost."""
        raise NotImplementedError


class PostgresWakeups(_FarWakeups):
    """By LISTEN/NOTIFY on the database that all processes share."""

    def __init__(self, database: Carrier) -> None:
        super().__init__()
        self._database = database

    async def _send(self, topics: Iterable[str]) -> None:
        await self._database.tell(channel, sorted(topics))

    async def _hear(self) -> None:
        connection = await self._database.listener()
        lost = asyncio.Event()

        def heard(_connection: Any, _pid: int, _channel: str, topic: str) -> None:
            self._wake(topic)

        try:
            connection.add_termination_listener(lambda _connection: lost.set())
            await connection.add_listener(channel, heard)
            self._heard.set()
            self._wake_all()
            await lost.wait()
        finally:
            connection.terminate()


class RedisWakeups(_FarWakeups):
    """By Redis' publish and subscribe. Whoever can write there can wake us, no more."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._redis = Redis.from_url(url, socket_connect_timeout=retry_seconds)

    async def _send(self, topics: Iterable[str]) -> None:
        async with asyncio.timeout(retry_seconds), self._redis.pipeline(transaction=False) as pipeline:
            for topic in topics:
                pipeline.publish(channel, topic)
            await pipeline.execute()

    async def _hear(self) -> None:
        async with self._redis.pubsub() as subscription:
            await subscription.subscribe(channel)
            self._heard.set()
            self._wake_all()
            async for message in subscription.listen():
                if message["type"] == "message":
                    self._wake(message["data"].decode("utf-8", "replace"))

    async def close(self) -> None:
        await super().close()
        await self._redis.aclose()
