"""`till-central serve`: the database, the listener, and one process or several on it."""

import asyncio
import contextlib
import fcntl
import functools
import os
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Final

import click
import msgspec

from central.cli.addresses import Address
from central.cli.target import Failure, Target, prepare_embedded, run, serving_address, target_options
from central.cli.worker import Work, work
from central.config import default_listen, default_metrics_listen
from central.database.embedded import application, keep_running

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
    with _alone(target), _bound(*listen) as listener, _bound(*metrics_listen) as metrics:
        plan = Work(
            redis_url=redis_url,
            tls_cert=str(tls_cert) if tls_cert else None,
            tls_key=str(tls_key) if tls_key else None,
            processes=workers,
            listener=listener.fileno(),
            metrics=metrics.fileno(),
        )
        plan.tls()
        run(_serve(target, plan, listener))


async def _serve(target: Target, plan: Work, listener: socket.socket) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with _database(target) as address:
        plan = msgspec.structs.replace(plan, address=address)
        started = asyncio.Event()
        serving = asyncio.create_task(
            work(plan, stop, started) if plan.processes == 1 else _workers(plan, listener, stop, started)
        )
        await asyncio.wait([serving, asyncio.create_task(started.wait())], return_when=asyncio.FIRST_COMPLETED)
        if not serving.done():
            click.echo(f"Listening on {_url(listener, secure=plan.tls_cert is not None)}")
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


async def _workers(plan: Work, listener: socket.socket, stop: asyncio.Event, started: asyncio.Event) -> None:
    """Several processes on one listener: one that dies is replaced, the others serve meanwhile. Raises `Failure`."""
    from central.cli.handing_over import Sharing  # with aiohttp, which other commands start faster without

    async def keep_one(number: int) -> None:
        while not stop.is_set():
            channel, theirs = socket.socketpair()
            with channel:
                with theirs:
                    mine = msgspec.structs.replace(plan, listener=None, channel=theirs.fileno())
                    process = await _start_worker((theirs.fileno(), plan.metrics), metrics_folder)
                try:
                    await _talk(process, msgspec.json.encode(mine), functools.partial(serves, number, channel), stop)
                finally:
                    sharing.remove(channel)
            await asyncio.sleep(0 if stop.is_set() else restart_seconds)

    def serves(number: int, channel: socket.socket) -> None:
        sharing.add(channel)
        ready.add(number)
        if len(ready) == plan.processes:
            started.set()

    ready: set[int] = set()
    sharing = Sharing(listener)
    with tempfile.TemporaryDirectory(prefix="tillstream-metrics-") as metrics_folder:
        keeping = asyncio.gather(*(keep_one(number) for number in range(plan.processes)))
        accepting = asyncio.create_task(sharing.run())
        awaited: list[asyncio.Future[Any]] = [keeping, accepting, asyncio.create_task(stop.wait())]
        try:
            await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)
            if accepting.done():
                await accepting
        except OSError as error:
            host, port = listener.getsockname()[:2]
            raise _not_ours(host, port, error) from error
        finally:
            accepting.cancel()
            await asyncio.wait([accepting])
            listener.close()  # who comes from now on is refused, and waits for nothing that has ended
            stop.set()
            await keeping


async def _start_worker(descriptors: tuple[int, int], metrics_folder: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "from central.cli import main; main()",
        "worker",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        pass_fds=descriptors,
        start_new_session=True,
        env={**os.environ, metrics_folder_variable: metrics_folder},
    )


async def _talk(
    process: asyncio.subprocess.Process, plan: bytes, serves: Callable[[], None], stop: asyncio.Event
) -> None:
    """Give a worker its plan, say when it serves, and wait until it ends or shall end."""
    assert process.stdin is not None
    assert process.stdout is not None
    ended = asyncio.create_task(process.wait())
    try:
        with contextlib.suppress(ConnectionError):
            process.stdin.write(plan + b"\n")
            await process.stdin.drain()
            if await process.stdout.readline():
                serves()
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
def _bound(host: str, port: int) -> Iterator[socket.socket]:
    """A bound socket that listens as soon as its server starts. Raises `Failure`."""
    try:
        family, kind, number, _, address = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        bound = socket.socket(family, kind, number)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.setblocking(False)
    except OSError as error:
        raise _not_ours(host, port, error) from error
    with bound:
        yield bound


def _not_ours(host: str, port: int, error: OSError) -> Failure:
    return Failure(f"{host}:{port} cannot be listened on ({error.strerror}): name another HOST:PORT")


def _url(listener: socket.socket, *, secure: bool) -> str:
    host, port = listener.getsockname()[:2]
    if host in ("0.0.0.0", "::"):  # noqa: S104 - read, not bound here
        host = socket.gethostname()
    return f"{'https' if secure else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"
