"""Wake-ups in one process, by LISTEN/NOTIFY and by Redis: one behaviour."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from central.database import Database
from central.wakeups import PostgresWakeups, RedisWakeups, Wakeups
from tests.central.redis_fixture import redis_server, redis_url
from tests.central.wakeups_behaviour import Make, WakeupsBehaviour

__all__ = ["redis_server", "redis_url"]


class TestInProcess(WakeupsBehaviour):
    @pytest.fixture
    def make(self) -> Make:
        only = Wakeups()

        async def make() -> Wakeups:
            return only

        return make


class TestPostgres(WakeupsBehaviour):
    @pytest.fixture
    async def make(self, database: Database) -> AsyncIterator[Make]:
        made: list[Wakeups] = []

        async def make() -> Wakeups:
            made.append(PostgresWakeups(database))
            await made[-1].start()
            return made[-1]

        yield make
        for wakeups in made:
            await wakeups.close()

    async def test_after_a_broken_connection_everybody_looks_again(self, near: Wakeups, superuser_address: str) -> None:
        async with near.listen("changes:1") as signal:
            await signal.wait(0)
            admin = await asyncpg.connect(superuser_address)
            await admin.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database()"
                " and query ilike 'listen%'"
            )
            await admin.close()

            assert await signal.wait(10) is True


class TestRedis(WakeupsBehaviour):
    @pytest.fixture
    async def make(self, redis_url: str) -> AsyncIterator[Make]:
        made: list[Wakeups] = []

        async def make() -> Wakeups:
            made.append(RedisWakeups(redis_url))
            await made[-1].start()
            return made[-1]

        yield make
        for wakeups in made:
            await wakeups.close()
