"""How fast central takes events over HTTP, beside the fastest that the same PostgreSQL could store the same rows.

Every round measures every way in turn, so that a busy machine slows all of them: the bare COPY of finished rows
(the limit), batches of 100 and of 400 from eight tills, a hundred tills that send one sale a request, and the endpoint
that a newcomer would write. Ratios are to the limit of their own round. Where a hundred tills are online, their sales
are counted until the first has sent all that it has: from then on fewer are. `python -m benchmarks.ingest`.
"""

import asyncio
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

import aiohttp
import asyncpg
import click
import msgspec
import uvloop
from rich.console import Console
from rich.table import Table

from benchmarks import copy_limit, cpu, load
from benchmarks.figures import Figure, Scale, Told, at_least, duration, ratios
from benchmarks.newcomer import Base, TerminalRow
from benchmarks.shop import SetUp, Shop, Till
from central.database.embedded import EmbeddedPostgres, superuser

busy_tills: Final = 8
online_tills: Final = 100
limit_sales: Final = 8_000
processes_max: Final = 4

T = TypeVar("T")

online_way: Final = "100 tills, 1 sale each"
newcomer_way: Final = "newcomer's ORM endpoint"
GOALS: Final = {"batches of 100": 0.25, "batches of 400": 0.25, online_way: 0.10}
over_newcomer_wanted: Final = 10.0

sales_full: Final = 8_000
sales_quick: Final = 1_600


@dataclass
class Way:
    """One way to take sales, and its figure in each round."""

    name: str
    sales_per_second: list[float] = field(default_factory=list)
    ratios: list[float] = field(default_factory=list)
    cpu_seconds: list[float] = field(default_factory=list)
    """What central and PostgreSQL spent on a sale in each round: on a busy machine it moves least."""


class Central:
    """A `till-central serve` of its own, in a folder that is deleted at the end."""

    def __init__(self, folder: Path, workers: int) -> None:
        self.folder = folder
        self._workers = workers
        self._process: subprocess.Popen[str] | None = None
        self.port = 0

    @property
    def address(self) -> str:
        return EmbeddedPostgres(self.folder).address(superuser)

    @property
    def pid(self) -> int:
        """The process that PostgreSQL and any workers are children of."""
        if self._process is None:
            raise RuntimeError("it was not started")
        return self._process.pid

    def start(self) -> None:
        command = [*_till_central("serve"), "--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"]
        command += ["--workers", str(self._workers), "--data-dir", str(self.folder)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        self.port = int(line.rpartition(":")[2].strip().rstrip("/"))

    def tenant(self) -> dict[str, Any]:
        command = [*_till_central("tenant", "create"), "Bench", "--currency", "EUR", "--json"]
        made = subprocess.run([*command, "--data-dir", str(self.folder)], capture_output=True, check=True)
        found: dict[str, Any] = msgspec.json.decode(made.stdout)
        return found

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(30)


def _till_central(*arguments: str) -> list[str]:
    return [sys.executable, "-c", "from central.cli import main; main()", *arguments]


@asynccontextmanager
async def newcomer(address: str, tills: Sequence[Till]) -> AsyncIterator[int]:
    """The newcomer's endpoint in a process of its own; its port."""
    connection = await asyncpg.connect(address)
    await connection.execute("create schema if not exists newcomer")
    await connection.close()
    from sqlalchemy import insert
    from sqlalchemy.ext.asyncio import create_async_engine

    engine = create_async_engine(address.replace("postgresql://", "postgresql+asyncpg://", 1))
    async with engine.begin() as made:
        await made.run_sync(Base.metadata.create_all)
        rows = [{"terminal_id": till.terminal_id, "token": till.token} for till in tills]
        await made.execute(insert(TerminalRow), rows)
    await engine.dispose()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.newcomer", address, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        yield int(await process.stdout.readline())
    finally:
        process.terminate()
        await process.wait()


def _for_newcomer(till: Till, sales: int) -> list[bytes]:
    headers = {"Authorization": f"Bearer {till.token}", "Content-Type": "application/x-ndjson"}
    return [load.request("/sales", till.sale(), headers) for _ in range(sales)]


def _sent(size: int, sales: int) -> int:
    """How many sales go in whole bodies of that size from the busy tills."""
    return max(1, sales // (size * busy_tills)) * size * busy_tills


class Bench:
    """The rounds over one central."""

    def __init__(
        self, central: Central, shop: Shop, busy: list[Till], online: list[Till], strangers: list[Till]
    ) -> None:
        self._central = central
        self._shop = shop
        self._busy = busy
        self._online = online
        self.strangers = strangers
        self.limit = Way("bare COPY, best of 1, 2, 4 connections")
        self.ways = {name: Way(name) for name in (*GOALS, newcomer_way)}

    async def _counted(self, way: Way, sales: int, work: Coroutine[Any, Any, T]) -> T:
        before = cpu.of_tree(self._central.pid)
        figure = await work
        way.cpu_seconds.append((cpu.of_tree(self._central.pid) - before) / sales)
        return figure

    async def batches(self, size: int, sales: int) -> float:
        """Sales a second in bodies of `size` from the busy tills."""
        requests = _sent(size, sales) // (size * busy_tills)
        prepared = [[till.body(size, compressed=True) for _ in range(requests)] for till in self._busy]
        taken = await load.run("127.0.0.1", self._central.port, prepared)
        return _sent(size, sales) / taken.seconds

    async def singles(self, each: int) -> float:
        """Sales a second while all of the tills are online, one sale a request."""
        prepared = [[till.body(1, compressed=False) for _ in range(each)] for till in self._online]
        return (await load.run("127.0.0.1", self._central.port, prepared)).per_second_with_all

    async def newcomers(self, port: int, each: int) -> float:
        """The same of the newcomer's endpoint."""
        prepared = [_for_newcomer(till, each) for till in self.strangers]
        return (await load.run("127.0.0.1", port, prepared)).per_second_with_all

    async def round(self, rows: copy_limit.FinishedRows, port: int, sales: int) -> None:
        copies = len(copy_limit.connections) * rows.sales
        found = await self._counted(self.limit, copies, copy_limit.measure(self._central.address, rows))
        limit = max(found.values())
        self.limit.sales_per_second.append(limit)
        self.limit.ratios.append(1.0)
        each = max(2, sales // online_tills)
        few = max(2, sales // 5 // online_tills)
        figures = {
            name: await self._counted(self.ways[name], count, work)
            for name, count, work in (
                ("batches of 100", _sent(100, sales), self.batches(100, sales)),
                ("batches of 400", _sent(400, sales), self.batches(400, sales)),
                (online_way, each * online_tills, self.singles(each)),
                (newcomer_way, few * len(self.strangers), self.newcomers(port, few)),
            )
        }
        for name, figure in figures.items():
            self.ways[name].sales_per_second.append(figure)
            self.ways[name].ratios.append(figure / limit)


async def measure(scale: Scale) -> list[Figure]:
    """The ways as `make bench` shows them."""
    workers = min(os.cpu_count() or 1, processes_max)  # as an operator would set it; the limit has four connections
    scale.say(f"central serves with {workers} process(es)")
    bench = await take_rounds(scale.rounds, sales_quick if scale.quick else sales_full, workers, scale.say)
    limit = f"bare COPY {statistics.median(bench.limit.sales_per_second):,.0f}/s"
    figures = []
    for name, least in GOALS.items():
        way = bench.ways[name]
        shown = f"{statistics.median(way.sales_per_second):,.0f}/s"
        spent, bare = statistics.median(way.cpu_seconds), statistics.median(bench.limit.cpu_seconds)
        note = f"CPU of central and PostgreSQL a sale {duration(spent)}, of a COPY {duration(bare)}"
        figures.append(Figure(f"ingest, {name}", shown, limit, tuple(way.ratios), at_least(least, way.ratios), note))
    mine, theirs = bench.ways[online_way], bench.ways[newcomer_way]
    over = ratios(mine.sales_per_second, theirs.sales_per_second)
    floor = f"newcomer's ORM endpoint {statistics.median(theirs.sales_per_second):,.0f}/s"
    shown = f"{statistics.median(mine.sales_per_second):,.0f}/s"
    return [*figures, Figure(f"ingest, {online_way}", shown, floor, over, at_least(over_newcomer_wanted, over))]


async def take_rounds(rounds: int, sales: int, workers: int, say: Told) -> Bench:
    """Run everything in a temporary folder."""
    folder = Path(tempfile.mkdtemp(prefix="tillstream-bench-"))
    central = Central(folder, workers)
    try:
        central.start()
        tenant = central.tenant()
        async with aiohttp.ClientSession() as http:
            set_up = SetUp(f"http://127.0.0.1:{central.port}", tenant["api_key"], http)
            shop = await set_up.shop()
            places = [await set_up.location(f"L{number}") for number in range(4)]
            tills = [
                await set_up.till(shop, places[number % 4], f"Till {number}")
                for number in range(busy_tills + 2 * online_tills)
            ]
        busy, online = tills[:busy_tills], tills[busy_tills : busy_tills + online_tills]
        bench = Bench(central, shop, busy, online, tills[busy_tills + online_tills :])
        say(f"{len(tills)} tills are enrolled; the first sales make the rows that the limit copies")
        await bench.batches(400, limit_sales)
        await bench.singles(2)
        owner = await asyncpg.connect(central.address)
        rows = await copy_limit.export(owner, tenant["tenant_id"], limit_sales)
        await copy_limit.prepare(owner)
        await owner.close()
        async with newcomer(central.address, bench.strangers) as port:
            await bench.newcomers(port, 1)
            for number in range(1, rounds + 1):
                await bench.round(rows, port, sales)
                shown = ", ".join(f"{way.name} {way.ratios[-1]:.3f}" for way in bench.ways.values())
                say(f"round {number}: limit {bench.limit.sales_per_second[-1]:,.0f}/s; {shown}")
        return bench
    finally:
        central.stop()
        shutil.rmtree(EmbeddedPostgres(folder).folder, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)


def table(bench: Bench) -> Table:
    """Medians with their spread."""
    shown = Table(title="Sales of 5 lines and 3.0 kB a second, medians of interleaved rounds (lowest to highest)")
    for column in ("way", "sales/s", "of the limit", "at least"):
        shown.add_column(column, justify="left" if column == "way" else "right")
    for way in (bench.limit, *bench.ways.values()):
        goal = GOALS.get(way.name)
        shown.add_row(way.name, _spread(way.sales_per_second, ",.0f"), _spread(way.ratios, ".3f"), f"{goal or ''}")
    return shown


def over_newcomer(bench: Bench) -> float:
    """How many times the newcomer's endpoint the hundred tills' way is, round by round, in the median."""
    mine = bench.ways[online_way].sales_per_second
    theirs = bench.ways[newcomer_way].sales_per_second
    return statistics.median(a / b for a, b in zip(mine, theirs, strict=True))


def _spread(figures: list[float], form: str) -> str:
    return f"{statistics.median(figures):{form}} ({min(figures):{form}} to {max(figures):{form}})"


@click.command()
@click.option("--rounds", default=9, show_default=True)
@click.option("--sales", default=sales_full, show_default=True, help="A round's sales in batches.")
@click.option("--workers", default=1, show_default=True, help="Processes of central.")
def main(rounds: int, sales: int, workers: int) -> None:
    """Measure ingest against the limit of its own rounds."""
    console = Console()
    console.print(f"load average {os.getloadavg()[0]:.1f} before, {os.cpu_count()} cores, {workers} process(es)")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        bench = runner.run(take_rounds(rounds, sales, workers, console.print))
    console.print(table(bench))
    console.print(
        f"100 tills with 1 sale each are {over_newcomer(bench):.1f} times the newcomer's endpoint (10 at least)"
    )


if __name__ == "__main__":
    main()
