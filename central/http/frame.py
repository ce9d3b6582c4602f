"""The frame around every handler: authenticate, check the role, read, decode, open the transaction, answer.

The order of checks is the contract's: 401, 403, then the path (404), the query, the body (415, 413, 422).
"""

import re
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final
from uuid import UUID

import msgspec
import structlog
from aiohttp import hdrs, web

from central.database import DatabaseUnavailableError
from central.http import idempotency, metrics
from central.http.authentication import bearer
from central.http.bodies import check_json_headers, decode, decode_query, read_body
from central.http.problems import (
    BadRequest,
    DatabaseUnavailable,
    Forbidden,
    Internal,
    MethodNotAllowed,
    NotFound,
    Overloaded,
    Problem,
    TooLarge,
    Unauthenticated,
)
from central.http.request import Request
from central.http.routes import PUBLIC, Route
from central.http.services import Services
from central.http.whole_answers import write_whole
from central.tenant_session import Caller, tenant_session

requests_max: Final = 2_000
"""At once in one process, long polls among them; past it 503 before any work is taken."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

log = structlog.get_logger("central.http")
_part: Final = re.compile(r"\{([a-z_]+)(:int)?\}")
_uuid: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z")
_integer: Final = re.compile(r"[0-9]{1,9}\Z")
_safe_headers: Final = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Server": "tillstream",
}
_json_headers: Final = {**_safe_headers, "Content-Type": "application/json"}


def handle(route: Route, services: Services) -> Handler:
    """The aiohttp handler of a route."""
    parts = _part.findall(route.path)

    async def handler(http: web.Request) -> web.StreamResponse:
        caller = None
        if route.roles is not PUBLIC:
            caller = await authenticate(http, route, services)
        request = Request(http, route, services, caller, _read_path(http, parts))
        if route.query is not None:
            request.query = decode_query(http.query_string, route.query)
        if route.session:
            return await _in_session(request)
        _, decoded = await _decoded(request)
        answer = await route.handler(request, *decoded)
        return answer if route.raw else _response(request, answer, 0.0)

    return handler


async def authenticate(http: web.Request, route: Route, services: Services) -> Caller:
    """Raises `Unauthenticated`, `Forbidden`, and whatever the issuing domain says."""
    caller = await services.authenticate(services, bearer(http))
    if caller.role not in route.roles:
        raise Forbidden
    return caller


async def _in_session(request: Request) -> web.StreamResponse:
    route, services = request.route, request.services
    body, decoded = await _decoded(request)
    key = idempotency.read_key(request.http) if route.create else None
    if key is None:
        async with tenant_session(services.database, request.caller, reports=route.reports) as session:
            if request.caller.kind == "terminal":
                await services.admit(session)
            answer = await route.handler(request, session, *decoded)
        return answer if route.raw else _response(request, answer, session.database_seconds)
    running = services.of(idempotency.Running)
    with running.claim(request.tenant_id, idempotency.caller_name(request), route.name, key):
        async with tenant_session(services.database, request.caller) as session:
            kept = await idempotency.claim(request, session, key, body)
            if kept is None:
                answer = await route.handler(request, session, *decoded)
                await idempotency.remember(request, session, key, route.status, answer)
        if kept is None:
            return _response(request, answer, session.database_seconds)
        request.headers[idempotency.replayed_header] = "true"
        status, text = kept
        return _encoded(request, status, text, session.database_seconds)


async def _decoded(request: Request) -> tuple[bytes, list[Any]]:
    """The body and what it says, where the route takes one; a revoked terminal hears of that before what is wrong."""
    route, services = request.route, request.services
    if route.request is None:
        return b"", []
    try:
        body = await _body(request)
        return body, [decode(body, route.request)]
    except Problem:
        if route.roles is not PUBLIC and request.caller.kind == "terminal":
            async with tenant_session(services.database, request.caller) as session:
                await services.admit(session)
        raise


async def _body(request: Request) -> bytes:
    route = request.route
    check_json_headers(request.http, route.request_media_types)
    return await read_body(request.http, route.body_bytes_max)


def _read_path(http: web.Request, parts: list[tuple[str, str]]) -> dict[str, Any]:
    path: dict[str, Any] = {}
    for name, integer in parts:
        value = http.match_info[name]
        if integer:
            if not _integer.match(value):
                raise NotFound
            path[name] = int(value)
        elif name.endswith("_id"):
            if not _uuid.match(value):
                raise NotFound
            path[name] = UUID(value)
        elif "\0" in value:
            raise NotFound
        else:
            path[name] = value
    return path


def _response(request: Request, answer: Any, database_seconds: float) -> web.StreamResponse:
    if answer is None:
        return _encoded(request, 204 if request.route.status == 200 else request.route.status, b"", database_seconds)
    return _encoded(request, request.route.status, msgspec.json.encode(answer), database_seconds)


def _encoded(request: Request, status: int, text: bytes, database_seconds: float) -> web.StreamResponse:
    headers = request.headers
    if request.route.roles is not PUBLIC:
        timing = f"db;dur={database_seconds * 1000:.2f}, cache;dur={request.cache_seconds * 1000:.2f}"
        if text and not headers:
            written = write_whole(request.http, status, _json_headers, timing, text)
            if written is not None:
                return written
        headers = {**headers, "Server-Timing": timing}
    return web.Response(
        body=text or None, status=status, headers={**(_json_headers if text else _safe_headers), **headers}
    )


class Guard:
    """Stands before every handler: errors become problems, every answer bears the safe headers, and there is a bound.

    It is the application's one middleware. Routes whose path is fixed are found by it directly (`shortcuts`): aiohttp's
    resolver, middlewares and signals cost as much as all else that it does for a request.
    """

    def __init__(self) -> None:
        self._running = 0

    @web.middleware
    async def middleware(self, http: web.Request, handler: Handler) -> web.StreamResponse:
        """A request that the application has found the route of."""
        resource = http.match_info.route.resource
        if resource is None:
            return await self.answer(http, handler, "none", "none")
        return await self.answer(http, handler, http.method, resource.canonical)

    def shortcuts(self, fixed: Mapping[tuple[str, str], Handler], otherwise: Handler) -> Handler:
        """A handler of all requests that answers those for a method and a path itself, and asks for the rest."""

        async def answer(http: web.Request) -> web.StreamResponse:
            path = http.raw_path.partition("?")[0]
            handler = fixed.get((http.method, path))
            if handler is None or hdrs.EXPECT in http.headers:
                return await otherwise(http)
            return await self.answer(http, handler, http.method, path)

        return answer

    async def answer(self, http: web.Request, handler: Handler, method: str, route: str) -> web.StreamResponse:
        """What the handler answers, or the problem that it ends in; counted under the method and route."""
        if self._running >= requests_max:
            return _safe(Overloaded().response())
        self._running += 1
        started = time.perf_counter()
        try:
            response = await _answered(http, handler)
        finally:
            self._running -= 1
        metrics.count(method, route, response.status, time.perf_counter() - started)
        return _safe(response)


async def _answered(http: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(http)
    except Problem as problem:
        return problem.response()
    except DatabaseUnavailableError:
        return DatabaseUnavailable().response()
    except web.HTTPException as error:
        return _of_aiohttp(error).response()
    except Exception:
        log.exception("unexpected", method=http.method, path=http.path)
        return Internal().response()


def _safe(response: web.StreamResponse) -> web.StreamResponse:
    if not response.prepared and hdrs.SERVER not in response.headers:
        for name, value in _safe_headers.items():
            response.headers.setdefault(name, value)
    return response


def _of_aiohttp(error: web.HTTPException) -> Problem:
    """aiohttp's own refusals, in the contract's words."""
    if isinstance(error, web.HTTPMethodNotAllowed):
        return MethodNotAllowed(headers={"Allow": ", ".join(sorted(error.allowed_methods))})
    if isinstance(error, web.HTTPRequestEntityTooLarge):
        return TooLarge()
    if error.status == 401:
        return Unauthenticated()
    if error.status in (400, 417):
        return BadRequest()
    return NotFound()
