"""A cache that may forget at any time and is never believed: in process, or Redis for several processes.

Redis is assumed hostile: an entry bears an HMAC over its key and value under the deployment's key, and one that does
not fit is as none. Redis lost means slower, never wrong. Keys are made of fixed-length parts by whoever asks.
"""

import asyncio
import hmac
import time
from collections import OrderedDict
from typing import Final, Protocol

from redis.asyncio import Redis
from redis.exceptions import RedisError

entries_max: Final = 50_000
memory_bytes_max: Final = 64 * 1024 * 1024
value_bytes_max: Final = 64 * 1024
redis_seconds_max: Final = 0.05
redis_pause_seconds: Final = 1.0
_mac_bytes: Final = 32


class Cache(Protocol):
    """Bytes by key, for a time."""

    async def get(self, key: str) -> bytes | None: ...

    async def put(self, key: str, value: bytes, *, seconds: float) -> None: ...

    async def close(self) -> None: ...


class MemoryCache:
    """The cache of one process: bounded, the longest unused goes first."""

    def __init__(self, *, entries: int = entries_max, memory_bytes: int = memory_bytes_max) -> None:
        self._entries: OrderedDict[str, tuple[float, bytes]] = OrderedDict()
        self._entries_max = entries
        self._bytes_max = memory_bytes
        self._bytes = 0

    async def get(self, key: str) -> bytes | None:
        entry = self._entries.get(key)
        if entry is None:
            return None
        if entry[0] < time.monotonic():
            self._drop(key)
            return None
        self._entries.move_to_end(key)
        return entry[1]

    async def put(self, key: str, value: bytes, *, seconds: float) -> None:
        if len(value) > value_bytes_max:
            return
        if key in self._entries:
            self._drop(key)
        self._entries[key] = (time.monotonic() + seconds, value)
        self._bytes += len(value)
        while len(self._entries) > self._entries_max or self._bytes > self._bytes_max:
            self._drop(next(iter(self._entries)))

    def _drop(self, key: str) -> None:
        self._bytes -= len(self._entries.pop(key)[1])

    async def close(self) -> None:
        self._entries.clear()
        self._bytes = 0


class RedisCache:
    """A cache that several processes share. After an error it is left alone for a while."""

    def __init__(self, url: str, secret: bytes) -> None:
        self._redis = Redis.from_url(
            url, socket_timeout=redis_seconds_max, socket_connect_timeout=redis_seconds_max, max_connections=64
        )
        self._secret = secret
        self._resume_at = 0.0

    async def get(self, key: str) -> bytes | None:
        if time.monotonic() < self._resume_at:
            return None
        try:
            async with asyncio.timeout(redis_seconds_max):
                # A range, so that nobody can make us swallow a giant.
                entry = await self._redis.getrange(key, 0, _mac_bytes + value_bytes_max)
        except (RedisError, OSError, TimeoutError):
            self._resume_at = time.monotonic() + redis_pause_seconds
            return None
        if not isinstance(entry, bytes):
            return None
        mac, value = entry[:_mac_bytes], entry[_mac_bytes:]
        return value if hmac.compare_digest(mac, self._mac(key, value)) else None

    async def put(self, key: str, value: bytes, *, seconds: float) -> None:
        if time.monotonic() < self._resume_at or len(value) > value_bytes_max:
            return
        try:
            async with asyncio.timeout(redis_seconds_max):
                await self._redis.set(key, self._mac(key, value) + value, px=max(1, round(seconds * 1000)))
        except (RedisError, OSError, TimeoutError):
            self._resume_at = time.monotonic() + redis_pause_seconds

    def _mac(self, key: str, value: bytes) -> bytes:
        name = key.encode()
        return hmac.digest(self._secret, len(name).to_bytes(4, "big") + name + value, "sha256")

    async def close(self) -> None:
        await self._redis.aclose()
