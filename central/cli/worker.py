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

import click
import msgspec

from central.cli.target import Failure, run
from central.config import Config
from central.database import Database

allocations_per_collection = 100_000


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """The plan of a serving process; sockets are inherited by their file descriptors."""

    address: str = ""
    redis_url: str | None = None
    tls_cert: str | None = None
    tls_key: str | None = None
    processes: int = 1
    number: int = 0
    listener: int
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
    from central.app import open_services, serve_metrics_on, serve_on

    config = Config(redis_url=plan.redis_url, processes=plan.processes)
    services = await open_services(Database(plan.address), config)
    # What is loaded by now stays; decoded bodies are many small objects without cycles, and looking for cycles in them
    # at Python's own pace takes a third of the time that booking them does.
    gc.freeze()
    gc.set_threshold(allocations_per_collection, 20, 50)
    # The event loop closes the sockets that it served on; those of the plan stay its owner's.
    listener, metrics = (socket.socket(fileno=os.dup(number)) for number in (plan.listener, plan.metrics))
    try:
        async with serve_metrics_on(metrics), serve_on(services, listener, tls=plan.tls()):
            started.set()
            await stop.wait()
    finally:
        await services.close()
