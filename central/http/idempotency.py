"""Idempotency-Key: a create's key, its effect and its answer are one transaction (contract, section 2).

The key's row goes in first: whoever comes second waits for the first transaction (or is told that it still runs), and
then finds its answer. Only a success is remembered, since a failure rolls the row back; secrets are not kept.
"""

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Final

import asyncpg
import msgspec
from aiohttp import web

from central.http.problems import IdempotencyInProgress, IdempotencyMismatch, Invalid
from central.http.request import Request
from central.tenant_session import TenantSession

header: Final = "Idempotency-Key"
replayed_header: Final = "Idempotent-Replayed"
keep: Final = timedelta(days=7)
swept_at_once_max: Final = 100

_key: Final = re.compile(r"[\x21-\x7e]{1,255}\Z")

_claim: Final = """
    insert into till.idempotency as kept (tenant_id, caller, route, key, body_hash, created_at)
    values ($1, $2, $3, $4, $5, $6)
    on conflict (tenant_id, caller, route, key) do update
        set body_hash = excluded.body_hash, created_at = excluded.created_at, status = null, answer = null
        where kept.created_at < $7
    returning true
"""
_find: Final = """
    select body_hash, status, answer from till.idempotency
    where tenant_id = $1 and caller = $2 and route = $3 and key = $4
"""
_keep: Final = """
    update till.idempotency set status = $5, answer = $6
    where tenant_id = $1 and caller = $2 and route = $3 and key = $4
"""
_sweep: Final = """
    delete from till.idempotency where tenant_id = $1 and (tenant_id, caller, route, key) in (
        select tenant_id, caller, route, key from till.idempotency
        where tenant_id = $1 and created_at < $2 limit $3 for update skip locked)
"""


class Running:
    """The keys whose first request still runs in this process."""

    def __init__(self, _services: object = None) -> None:
        self._keys: set[tuple[object, ...]] = set()

    @contextmanager
    def claim(self, *key: object) -> Iterator[None]:
        """Raises `IdempotencyInProgress` where the same key runs already."""
        if key in self._keys:
            raise IdempotencyInProgress
        self._keys.add(key)
        try:
            yield
        finally:
            self._keys.discard(key)


def read_key(http: web.Request) -> str | None:
    """The request's key, None where it bears none. Raises `Invalid`."""
    values = http.headers.getall(header, ())
    if not values:
        return None
    if len(values) != 1 or not _key.match(values[0]):
        raise Invalid("a key is 1 to 255 visible ASCII characters", field=header)
    return values[0]


def caller_name(request: Request) -> str:
    """A caller's own name inside the tenant."""
    return f"{request.caller.kind}:{request.caller.id}"


async def claim(request: Request, session: TenantSession, key: str, body: bytes) -> tuple[int, bytes] | None:
    """Take the key for this transaction; None, or the status and answer that it was answered with before.

    Raises `IdempotencyMismatch`, `IdempotencyInProgress`.
    """
    row = (session.tenant_id, caller_name(request), request.route.name, key)
    now = request.services.clock()
    body_hash = hashlib.sha256(request.http.path_qs.encode() + b"\n" + body).digest()
    try:
        claimed = await session.driver.fetchval(_claim, *row, body_hash, now, now - keep)
    except asyncpg.LockNotAvailableError as error:  # it runs in another process
        raise IdempotencyInProgress from error
    if claimed:
        await session.driver.execute(_sweep, session.tenant_id, now - keep, swept_at_once_max)
        return None
    kept = await session.driver.fetchrow(_find, *row)
    if kept is None or kept["status"] is None:
        raise IdempotencyInProgress
    if bytes(kept["body_hash"]) != body_hash:
        raise IdempotencyMismatch
    return kept["status"], bytes(kept["answer"])


async def remember(request: Request, session: TenantSession, key: str, status: int, answer: Any) -> None:
    """Keep the answer in the same transaction, its secrets as null."""
    kept = msgspec.to_builtins(answer)
    if isinstance(kept, dict):
        kept.update(dict.fromkeys(request.route.secrets))
    row = (session.tenant_id, caller_name(request), request.route.name, key)
    await session.driver.execute(_keep, *row, status, b"" if answer is None else msgspec.json.encode(kept))
