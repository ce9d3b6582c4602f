"""`till-central serve`: the database, the listener, and one process or several on it."""

import asyncio
import contextlib
import fcntl
import os
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final

import click
import msgspec

from central.cli.addresses import Address
from central.cli.target import Failure, Target, prepare_embedded, run, serving_address, target_options
from central.cli.worker import Work, work
from central.config import default_listen, default_metrics_listen
from central.database.embedded import application, keep_running

backlog: Final = 1_024
stop_seconds_max: Final = 20.0
restart_seconds: Final = 0.5
metrics_folder_variable: Final = "PROMETHEUS_MULTIPROC_DIR"


@click.command()
@click.option("--listen", type=Address(), default=default_listen, show_default=True, help="Port 0 is any free one.")
@click.option("--redis-url", envvar="TILL_CENTRAL_REDIS_URL", help="A Redis for several processes' cache and wake-ups.")
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Processes.")
@click.option("--metrics-listen", type=Address(), default=default_metrics_listen, show_default=True)
@click.option("--tls-cert", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--tls-key", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@target_options
def serve(
    target: Target,
    listen: tuple[str, int],
    redis_url: str | None,
    workers: int,
    metrics_listen: tuple[str, int],
    tls_cert: Path | None,
    tls_key: Path | None,
) -> None:
    """Serve until SIGTERM or SIGINT. Prints one line when it listens."""
    if (tls_cert is None) != (tls_key is None):
        raise click.UsageError("--tls-cert and --tls-key go together")
    with _alone(target), bound_together(*listen, workers) as listeners, _bound(*metrics_listen) as metrics:
        plan = Work(
            redis_url=redis_url,
            tls_cert=str(tls_cert) if tls_cert else None,
            tls_key=str(tls_key) if tls_key else None,
            processes=workers,
            listener=listeners[0].fileno(),
            metrics=metrics.fileno(),
        )
        plan.tls()
        run(_serve(target, plan, listeners))


async def _serve(target: Target, plan: Work, listeners: Sequence[socket.socket]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with _database(target) as address:
        plan = msgspec.structs.replace(plan, address=address)
        started = asyncio.Event()
        serving = asyncio.create_task(
            work(plan, stop, started) if plan.processes == 1 else _workers(plan, listeners, stop, started)
        )
        await asyncio.wait([serving, asyncio.create_task(started.wait())], return_when=asyncio.FIRST_COMPLETED)
        if not serving.done():
            click.echo(f"Listening on {_url(listeners[0], secure=plan.tls_cert is not None)}")
        await serving


@asynccontextmanager
async def _database(target: Target) -> AsyncIterator[str]:
    """The address to serve with; an embedded server is started again whenever it dies."""
    if target.database_url is not None:
        async with serving_address(target) as address:
            yield address
        return
    server = target.embedded()
    await asyncio.to_thread(server.enter)
    try:
        await prepare_embedded(server)
        keeping = asyncio.create_task(keep_running(server))
        try:
            yield server.address(application)
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)
    finally:
        await asyncio.to_thread(server.leave)


async def _workers(plan: Work, listeners: Sequence[socket.socket], stop: asyncio.Event, started: asyncio.Event) -> None:
    """Several processes on one address; one that dies is replaced, and finds the connections that waited for it."""

    async def keep_one(number: int) -> None:
        mine = msgspec.structs.replace(plan, number=number, listener=listeners[number].fileno())
        while not stop.is_set():
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-c",
                "from central.cli import main; main()",
                "worker",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                pass_fds=(mine.listener, mine.metrics),
                start_new_session=True,
                env={**os.environ, metrics_folder_variable: metrics_folder},
            )
            await _talk(process, msgspec.json.encode(mine), ready[number], stop)
            await asyncio.sleep(0 if stop.is_set() else restart_seconds)

    ready = [asyncio.Event() for _ in range(plan.processes)]
    with tempfile.TemporaryDirectory(prefix="tillstream-metrics-") as metrics_folder:
        keeping = [asyncio.create_task(keep_one(number)) for number in range(plan.processes)]
        await asyncio.gather(*(event.wait() for event in ready))
        started.set()
        await asyncio.gather(*keeping)


async def _talk(process: asyncio.subprocess.Process, plan: bytes, ready: asyncio.Event, stop: asyncio.Event) -> None:
    """Give a worker its plan, wait until it serves, and until it ends or shall end."""
    assert process.stdin is not None
    assert process.stdout is not None
    ended = asyncio.create_task(process.wait())
    try:
        with contextlib.suppress(ConnectionError):
            process.stdin.write(plan + b"\n")
            await process.stdin.drain()
            await process.stdout.readline()
        ready.set()
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait([ended, stopping], return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
    finally:
        # The worker ends when its stdin does: also where this process is killed.
        process.stdin.close()
        try:
            async with asyncio.timeout(stop_seconds_max):
                await ended
        except TimeoutError:
            process.kill()
            await process.wait()


@contextmanager
def _alone(target: Target) -> Iterator[None]:
    """One `serve` a data directory. Raises `Failure`."""
    if target.database_url is not None:
        yield
        return
    target.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (target.data_dir / "serve.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise Failure(
                f"another till-central serve (process {lock.read().strip()}) runs on {target.data_dir}:"
                " stop that one, or name another --data-dir"
            ) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield


@contextmanager
def bound_together(host: str, port: int, count: int) -> Iterator[list[socket.socket]]:
    """A bound socket for each of so many processes, all of one address. Raises `Failure`.

    The kernel shares connections out among them; from one socket, the process that wakes up first takes all that wait.
    """
    with contextlib.ExitStack() as bound:
        first = bound.enter_context(_bound(host, port))  # alone: with others it would not fail where somebody listens
        if count == 1:
            yield [first]
            return
        port = first.getsockname()[1]
        first.close()
        yield [bound.enter_context(_bound(host, port, shared=True)) for _ in range(count)]


@contextmanager
def _bound(host: str, port: int, *, shared: bool = False) -> Iterator[socket.socket]:
    """A bound socket that listens as soon as its server starts. Raises `Failure`."""
    try:
        family, kind, number, _, address = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        bound = socket.socket(family, kind, number)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        bound.bind(address)
        bound.setblocking(False)
    except OSError as error:
        raise Failure(f"{host}:{port} cannot be listened on ({error.strerror}): name another HOST:PORT") from error
    with bound:
        yield bound


def _url(listener: socket.socket, *, secure: bool) -> str:
    host, port = listener.getsockname()[:2]
    if host in ("0.0.0.0", "::"):  # noqa: S104 - read, not bound here
        host = socket.gethostname()
    return f"{'https' if secure else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"
