"""What a request works with, handed in by name: database, cache, wake-ups, clock, ids, and the deployment's keys."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import UUID

from uuid_utils.compat import uuid7

from central.cache import Cache
from central.config import Config
from central.database import Database
from central.database.deployment import Deployment
from central.tenant_session import Caller, TenantSession
from central.wakeups import Wakeups

T = TypeVar("T")


def utc_now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


def new_id() -> UUID:
    """A UUID of version 7."""
    return uuid7()


@dataclass(slots=True)
class Services:
    """One of each for a process. `of` keeps what a domain holds in memory: its queue, its cache of immutable things."""

    database: Database
    cache: Cache
    wakeups: Wakeups
    deployment: Deployment
    authenticate: Callable[["Services", str], Awaitable[Caller]]
    admit: Callable[[TenantSession], Awaitable[None]]
    """Whether a terminal, whose token says nothing of it, may still be served: asked in each of its transactions."""
    config: Config = field(default_factory=Config)
    clock: Callable[[], datetime] = utc_now
    ids: Callable[[], UUID] = new_id
    _kept: dict[Any, Any] = field(default_factory=dict)

    @property
    def keys(self) -> dict[str, bytes]:
        """The deployment's secrets by purpose (`central.database.deployment.purposes`)."""
        return self.deployment.keys

    @property
    def issuer(self) -> str:
        """Who signs for this deployment: the `aud` of a terminal's assertion."""
        return self.deployment.issuer

    def of(self, make: Callable[["Services"], T]) -> T:
        """The one thing of its kind in this process, made when it is first asked for: `services.of(Ingest)`.

        One that has a coroutine `close` is closed when the server stops.
        """
        try:
            found: T = self._kept[make]
        except KeyError:
            found = self._kept[make] = make(self)
        return found

    async def close(self) -> None:
        """Close what domains keep, then wake-ups, cache and database."""
        for kept in reversed(list(self._kept.values())):
            close = getattr(kept, "close", None)
            if close is not None:
                await close()
        await self.wakeups.close()
        await self.cache.close()
        await self.database.close()
