"""Puts central together: every domain's routes, who authenticates what, and the server that listens."""

import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from aiohttp import web

from central import downlink, identity, terminals
from central.cache import Cache, MemoryCache, RedisCache
from central.config import Config, backlog
from central.database import Database
from central.database.deployment import read_deployment
from central.http import Route, Services, metrics
from central.http import health as http_health
from central.http.authentication import by_prefix
from central.http.frame import Guard, Handler, handle
from central.http.openapi import openapi_route
from central.identity.api_keys import prefix as api_key_prefix
from central.ledger import routes as ledger_routes
from central.products import LOADERS as PRODUCT_LOADERS
from central.products import ROUTES as PRODUCT_ROUTES
from central.reporting import routes as reporting_routes
from central.sales import routes as sales_routes
from central.sales.loaders import LOADERS as SALES_LOADERS
from central.sales.overdue import OverdueJob
from central.tenancy import routes as tenancy_routes
from central.tenancy.loaders import LOADERS as TENANCY_LOADERS
from central.uplink.resumption import Resumption
from central.uplink.routes import ROUTES as UPLINK_ROUTES
from central.wakeups import PostgresWakeups, RedisWakeups, Wakeups

shutdown_seconds_max: Final = 10.0
keepalive_seconds: Final = 75.0

ROUTES: Final[list[Route]] = [
    *http_health.ROUTES,
    *tenancy_routes.ROUTES,
    *identity.ROUTES,
    *terminals.ROUTES,
    *downlink.ROUTES,
    *PRODUCT_ROUTES,
    *ledger_routes.ROUTES,
    *sales_routes.ROUTES,
    *reporting_routes.ROUTES,
    *UPLINK_ROUTES,
]

LOADERS: Final[tuple[Mapping[Any, downlink.Loader], ...]] = (
    TENANCY_LOADERS,
    identity.LOADERS,
    PRODUCT_LOADERS,
    SALES_LOADERS,
)


async def open_services(
    database: Database, config: Config | None = None, *, wakeups: Wakeups | None = None, cache: Cache | None = None
) -> Services:
    """Everything a process needs, on a database that was migrated. Raises `DatabaseUnavailableError`."""
    config = config or Config()
    deployment = await read_deployment(database)
    if wakeups is None:
        wakeups = RedisWakeups(config.redis_url) if config.redis_url else PostgresWakeups(database)
    if cache is None:
        cache = RedisCache(config.redis_url, deployment.keys["cache"]) if config.redis_url else MemoryCache()
    database.notify = wakeups.notify
    await wakeups.start()
    services = Services(
        database=database,
        cache=cache,
        wakeups=wakeups,
        deployment=deployment,
        authenticate=by_prefix({api_key_prefix: identity.authenticate_key}, terminals.authenticate_token),
        admit=terminals.admit,
        config=config,
    )
    sources = downlink.Sources(
        recipient=terminals.recipient,
        begin_poll=terminals.begin_poll,
        loaders={name: load for domain in LOADERS for name, load in domain.items()},
    )
    downlink.register(services, sources)
    return services


def _application(services: Services, guard: Guard) -> tuple[web.Application, dict[tuple[str, str], Handler]]:
    """The application with all routes, and those of a fixed path."""
    app = web.Application(middlewares=[guard.middleware])  # type: ignore[list-item]
    fixed: dict[tuple[str, str], Handler] = {}
    for route in [*ROUTES, openapi_route(ROUTES)]:
        handler = handle(route, services)
        app.router.add_route(route.method, route.path.replace(":int}", "}"), handler)
        if "{" not in route.path:
            fixed[route.method, route.path] = handler
    return app, fixed


@asynccontextmanager
async def serving(services: Services) -> AsyncIterator[web.AppRunner]:
    """A server to give connections to; on leaving, long polls end and what is under way is finished first."""
    guard = Guard()
    app, fixed = _application(services, guard)
    runner = web.AppRunner(
        app,
        access_log=None,
        auto_decompress=False,
        handle_signals=False,
        keepalive_timeout=keepalive_seconds,
        shutdown_timeout=shutdown_seconds_max,
    )
    await runner.setup()
    assert runner.server is not None
    runner.server.request_handler = guard.shortcuts(fixed, runner.server.request_handler)  # type: ignore[assignment]
    try:
        services.of(OverdueJob).start()
        services.of(Resumption).start()
        yield runner
    finally:
        services.wakeups.stop()
        await runner.cleanup()


@asynccontextmanager
async def serve_on(
    services: Services, listener: socket.socket, *, tls: ssl.SSLContext | None = None
) -> AsyncIterator[web.AppRunner]:
    """Serve on a bound socket, and leave as `serving` does."""
    async with serving(services) as runner:
        await web.SockSite(runner, listener, ssl_context=tls, backlog=backlog).start()
        yield runner


@asynccontextmanager
async def serve_metrics_on(listener: socket.socket) -> AsyncIterator[web.AppRunner]:
    """Serve the figures on a bound socket of their own."""
    runner = web.AppRunner(metrics.application(), access_log=None, handle_signals=False)
    await runner.setup()
    try:
        await web.SockSite(runner, listener).start()
        yield runner
    finally:
        await runner.cleanup()
