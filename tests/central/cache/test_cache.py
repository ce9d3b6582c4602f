"""A cache that may forget and is never believed: one behaviour, in process and in Redis."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from redis.asyncio import Redis

from central.cache import Cache, MemoryCache, RedisCache, value_bytes_max
from tests.central.redis_fixture import redis_server, redis_url

__all__ = ["redis_server", "redis_url"]
SECRET = b"s" * 32


class CacheBehaviour:
    async def test_what_was_put_is_got(self, cache: Cache) -> None:
        await cache.put("a", b"1", seconds=60)
        await cache.put("b", b"", seconds=60)

        assert (await cache.get("a"), await cache.get("b"), await cache.get("c")) == (b"1", b"", None)

    async def test_the_later_put_counts(self, cache: Cache) -> None:
        await cache.put("a", b"1", seconds=60)
        await cache.put("a", b"2", seconds=60)

        assert await cache.get("a") == b"2"

    async def test_a_value_past_the_bound_is_not_kept(self, cache: Cache) -> None:
        await cache.put("a", bytes(value_bytes_max + 1), seconds=60)

        assert await cache.get("a") is None


class TestMemory(CacheBehaviour):
    @pytest.fixture
    def cache(self) -> Cache:
        return MemoryCache()

    async def test_what_is_over_is_gone(self, cache: Cache) -> None:
        await cache.put("a", b"1", seconds=-1)

        assert await cache.get("a") is None

    async def test_the_longest_unused_goes_first(self) -> None:
        cache = MemoryCache(entries=2)
        await cache.put("a", b"1", seconds=60)
        await cache.put("b", b"1", seconds=60)
        await cache.get("a")
        await cache.put("c", b"1", seconds=60)

        assert [await cache.get(key) for key in "abc"] == [b"1", None, b"1"]

    async def test_it_is_bounded_in_bytes(self) -> None:
        cache = MemoryCache(memory_bytes=10)
        await cache.put("a", b"123456", seconds=60)
        await cache.put("b", b"123456", seconds=60)

        assert [await cache.get(key) for key in "ab"] == [None, b"123456"]


class TestRedis(CacheBehaviour):
    @pytest.fixture
    async def cache(self, redis_url: str) -> AsyncIterator[Cache]:
        cache = RedisCache(redis_url, SECRET)
        yield cache
        await cache.close()

    @pytest.fixture
    async def redis(self, redis_url: str) -> AsyncIterator[Any]:
        redis = Redis.from_url(redis_url)
        yield redis
        await redis.aclose()

    async def test_a_value_that_somebody_else_wrote_is_as_none(self, cache: Cache, redis: Any) -> None:
        await redis.set("a", b"x" * 40)

        assert await cache.get("a") is None

    async def test_a_value_moved_to_another_key_is_as_none(self, cache: Cache, redis: Any) -> None:
        await cache.put("tenant-a", b"1", seconds=60)
        await redis.copy("tenant-a", "tenant-b")

        assert (await cache.get("tenant-a"), await cache.get("tenant-b")) == (b"1", None)

    async def test_a_giant_value_is_not_swallowed(self, cache: Cache, redis: Any) -> None:
        await redis.setrange("a", 50_000_000, b"x")

        assert await cache.get("a") is None

    async def test_a_value_of_another_kind_is_as_none(self, cache: Cache, redis: Any) -> None:
        await redis.lpush("a", b"x")

        assert await cache.get("a") is None

    async def test_a_redis_that_is_gone_is_slower_never_wrong(self, tmp_path: Any) -> None:
        cache = RedisCache(f"unix://{tmp_path}/nothing", SECRET)
        await cache.put("a", b"1", seconds=60)

        assert await cache.get("a") is None
        await cache.close()
