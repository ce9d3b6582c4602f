"""The first catalogue of 70,000 products into a new terminal's replica over HTTP, beside the least that could be done.

Ours is the terminal's own line, downlink and replica, following central from nothing until there is no more. The floor
is the same pages from a process that only gives them out, decoded as JSON, and the same rows put into bare tables: all
in one transaction. Both begin with an empty file each round.
"""

import gzip
import random
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final
from zoneinfo import ZoneInfo

import aiohttp
import msgspec

from benchmarks import assortment
from benchmarks.figures import Figure, Scale, duration, median_duration, ratios, within
from benchmarks.hello import hello
from benchmarks.stage import Stage, stage
from protocol.downlink import ChangesAnswer, changes_max
from terminal_agent.catalogue import Catalogue
from terminal_agent.central_link import CentralLink
from terminal_agent.clock import Clock
from terminal_agent.database import connect, transaction
from terminal_agent.downlink import Downlink
from terminal_agent.enrolment import enrol
from terminal_agent.identity import Enrolment
from terminal_agent.patience import Patience
from terminal_agent.state_directory import StateDirectory

rounds_full: Final = 3
rounds_quick: Final = 1
aim_seconds: Final = 5.0
gzip_level: Final = 1


async def measure(scale: Scale) -> list[Figure]:
    count = assortment.products_quick if scale.quick else assortment.products_full
    async with stage() as there:
        begin = time.monotonic()
        await assortment.import_products(there, count)
        scale.say(f"{count:,} products imported in {duration(time.monotonic() - begin)}")
        with TemporaryDirectory(prefix="tillstream-bench-") as folder:
            return await _rounds(scale, there, Path(folder), count)


async def _rounds(scale: Scale, there: Stage, folder: Path, count: int) -> list[Figure]:
    directory, enrolment = await _enrolled(there, folder)
    ours: list[float] = []
    floor: list[float] = []
    spent: list[float] = []
    pages = folder / "pages"
    pages.mkdir()
    async with _link(directory, enrolment) as link:
        names, size = await _keep_pages(link, pages)
        scale.say(f"{size:,} bytes in {len(names)} pages")
        async with hello(pages) as (port, _), aiohttp.ClientSession() as http:
            urls = [f"http://127.0.0.1:{port}/{name}" for name in names]
            for turn in range(1, (rounds_quick if scale.quick else rounds_full) + 1):
                before = there.cpu_seconds()
                ours.append(await _follow(link, enrolment, folder / f"catalogue-{turn}.sqlite", count))
                spent.append(there.cpu_seconds() - before)
                floor.append(await _bare(http, urls, folder / f"bare-{turn}.sqlite"))
                scale.say(f"round {turn}: {duration(ours[-1])}, floor {duration(floor[-1])}")
    middle = sorted(ours)[len(ours) // 2]
    goal = within(aim_seconds, middle)
    return [
        Figure(
            f"first catalogue of {count:,} products over HTTP",
            duration(middle),
            f"the pages fetched, the rows inserted bare {median_duration(floor)}",
            ratios(ours, floor),
            None if scale.quick else goal,
            f"CPU of central and PostgreSQL {median_duration(spent)}",
        )
    ]


async def _enrolled(there: Stage, folder: Path) -> tuple[StateDirectory, Enrolment]:
    """A terminal, enrolled as the agent does it."""
    location_id = await there.set_up().location("L0")
    made = {"location_id": location_id, "label": "Till"}
    async with there.http.post(f"{there.url}/v1/terminals", json=made, headers=there.headers) as answer:
        code = (await answer.json(content_type=None))["enrolment_code"]
    directory = StateDirectory(folder / "till")
    directory.make()
    at = datetime.now(UTC)
    return directory, await enrol(directory, server=there.url, code=code, ca_file=None, keep_journal=False, at=at)


class _link:  # noqa: N801 - used as a function
    """The terminal's line to central; a journal without lines stands behind it."""

    def __init__(self, directory: StateDirectory, enrolment: Enrolment) -> None:
        key = directory.read_private_key(enrolment.key_name)
        if key is None:
            raise RuntimeError("the terminal has no key")
        self._journal = connect(directory.journal, "FULL")
        self._link = CentralLink(
            enrolment,
            key,
            Clock(self._journal),
            ca_file=None,
            journal_end=lambda: (0, enrolment.first_prev),
            on_contact=lambda answered: None,
        )

    async def __aenter__(self) -> CentralLink:
        return self._link

    async def __aexit__(self, *_: object) -> None:
        await self._link.close()
        self._journal.close()


async def _follow(link: CentralLink, enrolment: Enrolment, path: Path, count: int) -> float:
    """Seconds until a new replica has everything and one of its last products is found."""
    catalogue = Catalogue(
        path, location_id=enrolment.answer.location_id, enrolment="bench 1", currency=enrolment.answer.currency
    )
    chance = random.Random(1)
    downlink = Downlink(link, catalogue, patience=Patience(chance), chance=chance, on_change=lambda: None)
    begin = time.perf_counter()
    while await downlink.follow(0):
        pass
    seconds = time.perf_counter() - begin
    today = datetime.now(ZoneInfo("UTC")).date()
    if catalogue.by_reading(assortment.barcode_of(count - 1), today) is None:
        raise RuntimeError("the replica lacks a product")
    catalogue.close()
    return seconds


async def _keep_pages(link: CentralLink, pages: Path) -> tuple[list[str], int]:
    """Put the pages of the snapshot into files, compressed; answers their names and their size together."""
    size, names = 0, list[str]()
    params = {"limit": str(changes_max), "wait": "0"}
    while True:
        answer = await link.request("GET", "/v1/sync/changes", params=params)
        page = answer.read(ChangesAnswer)
        packed = gzip.compress(answer.body, gzip_level)
        names.append(f"{len(names):04}")
        (pages / names[-1]).write_bytes(packed)
        size += len(packed)
        if not page.more:
            return names, size
        params["cursor"] = page.cursor


async def _bare(http: aiohttp.ClientSession, pages: Sequence[str], path: Path) -> float:
    """Fetch, decode and insert the same, with nothing else asked or kept."""
    begin = time.perf_counter()
    with closing(connect(path, "NORMAL")) as bare:
        bare.execute("create table products (product_id text primary key, sku text, name text, data blob)")
        bare.execute("create table barcodes (barcode text primary key, product_id text)")
        with transaction(bare):
            for page in pages:
                async with http.get(page) as answer:
                    _insert(bare, msgspec.json.decode(await answer.read()))
    return time.perf_counter() - begin


def _insert(bare: sqlite3.Connection, page: Any) -> None:
    found = [change for change in page["changes"] if change["entity"] == "product"]
    bare.executemany(
        "insert into products values (?, ?, ?, ?)",
        [(of["id"], of["data"]["sku"], of["data"]["name"], msgspec.json.encode(of["data"])) for of in found],
    )
    bare.executemany(
        "insert into barcodes values (?, ?)",
        [(code["barcode"], of["id"]) for of in found for code in of["data"]["barcodes"]],
    )
