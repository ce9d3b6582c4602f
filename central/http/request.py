"""The request as a handler sees it: who calls, what the path and query say, and the services."""

from typing import Any
from uuid import UUID

from aiohttp import web

from central.http.routes import Route
from central.http.services import Services
from central.tenant_session import Caller


class Request:
    """One authenticated request (`caller` raises on a public route)."""

    __slots__ = ("_caller", "cache_seconds", "headers", "http", "path", "query", "route", "services")

    def __init__(
        self, http: web.Request, route: Route, services: Services, caller: Caller | None, path: dict[str, Any]
    ) -> None:
        self.http = http
        self.route = route
        self.services = services
        self.path: dict[str, Any] = path
        """The path's parts: `request.path["terminal_id"]`, a UUID."""
        self.query: Any = None
        """The query decoded into the route's struct."""
        self.headers: dict[str, str] = {}
        """Headers that the answer shall bear besides its own."""
        self.cache_seconds = 0.0
        """What the cache took, for `Server-Timing`; whoever asks the cache adds to it."""
        self._caller = caller

    @property
    def caller(self) -> Caller:
        if self._caller is None:
            raise RuntimeError(f"{self.route.name} is public: nobody was authenticated")
        return self._caller

    @property
    def tenant_id(self) -> UUID:
        return self.caller.tenant_id

    @property
    def address(self) -> str:
        """Where the request comes from, for limits; one word for a peer without an address."""
        return self.http.remote or "local"
