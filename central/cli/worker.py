"""One serving process: what it is told, and how it serves until it is stopped.

`serve` does this itself, or starts several; those read their plan from stdin and end when stdin does.
"""

import asyncio
import gc
import os
import signal
import socket
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import click
import msgspec

from central.cli.target import Failure, run
from central.config import Config
from central.database import Database
from central.http import Services

allocations_per_collection = 100_000


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """The plan of a serving process; sockets are inherited by their file descriptors.

    Alone it serves the listener; one of several, what is handed over to it through its channel.
    """

    address: str = ""
    redis_url: str | None = None
    tls_cert: str | None = None
    tls_key: str | None = None
    processes: int = 1
    listener: int | None = None
    channel: int | None = None
    metrics: int

    def tls(self) -> ssl.SSLContext | None:
        """TLS 1.2 and up, where there is a certificate. Raises `Failure`."""
        if self.tls_cert is None or self.tls_key is None:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_cert_chain(self.tls_cert, self.tls_key)
        except (OSError, ssl.SSLError) as error:
            raise Failure(
                f"{self.tls_cert} and {self.tls_key} are no certificate and its key: give PEM files that fit"
            ) from error
        return context


@click.command(hidden=True)
def worker() -> None:
    """A process of `serve --workers`."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    plan = msgspec.json.decode(sys.stdin.buffer.readline(), type=Work)
    run(_until_stdin_ends(plan))


async def _until_stdin_ends(plan: Work) -> None:
    stop, started = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_reader(sys.stdin.fileno(), stop.set)
    serving = asyncio.create_task(work(plan, stop, started))
    await asyncio.wait([serving, asyncio.create_task(started.wait())], return_when=asyncio.FIRST_COMPLETED)
    if not serving.done():
        click.echo("serving")
    await serving


async def work(plan: Work, stop: asyncio.Event, started: asyncio.Event) -> None:
    """Serve until `stop`; what is under way is finished first."""
    # Not at the top: `prometheus_client` wants its folder named before, and other commands start faster without.
    from central.app import open_services, serve_metrics_on

    config = Config(redis_url=plan.redis_url, processes=plan.processes)
    services = await open_services(Database(plan.address), config)
    # What is loaded by now stays; decoded bodies are many small objects without cycles, and looking for cycles in them
    # at Python's own pace takes a third of the time that booking them does.
    gc.freeze()
    gc.set_threshold(allocations_per_collection, 20, 50)
    try:
        async with serve_metrics_on(_own(plan.metrics)), _connections(services, plan):
            started.set()
            await stop.wait()
    finally:
        await services.close()


@asynccontextmanager
async def _connections(services: Services, plan: Work) -> AsyncIterator[None]:
    from central.app import serve_on, serving
    from central.cli.handing_over import connections_from

    if plan.channel is None:
        assert plan.listener is not None
        async with serve_on(services, _own(plan.listener), tls=plan.tls()):
            yield
        return
    async with serving(services) as runner:
        assert runner.server is not None
        async with connections_from(socket.socket(fileno=plan.channel), runner.server, plan.tls()):
            yield


def _own(descriptor: int) -> socket.socket:
    """The event loop closes the sockets that it served on; those of the plan stay its owner's."""
    return socket.socket(fileno=os.dup(descriptor))
