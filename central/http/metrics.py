"""Figures for Prometheus, on a listener of their own, with no tenant in them (contract, section 10).

Several processes share a folder (`PROMETHEUS_MULTIPROC_DIR`), so that any of them answers for all.
"""

import os
from functools import lru_cache
from typing import Final

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

folder_variable: Final = "PROMETHEUS_MULTIPROC_DIR"
series_remembered_max: Final = 4_096

_requests: Final = Counter("tillstream_requests", "Requests answered", ["method", "route", "status"])
_seconds: Final = Histogram(
    "tillstream_request_seconds",
    "How long answers took",
    ["route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 30, 90),
)


def count(method: str, route: str, status: int, seconds: float) -> None:
    """Count an answer under its route; whatever is no route is one (`none`)."""
    requests, taken = _of(method, route, status)
    requests.inc()
    taken.observe(seconds)


@lru_cache(maxsize=series_remembered_max)
def _of(method: str, route: str, status: int) -> tuple[Counter, Histogram]:
    return _requests.labels(method, route, status), _seconds.labels(route)


def application() -> web.Application:
    """`GET /metrics`."""

    async def metrics(_http: web.Request) -> web.Response:
        registry: CollectorRegistry = REGISTRY
        if folder_variable in os.environ:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.router.add_get("/metrics", metrics)
    return app
