"""How fast a till is, beside what its disk and its SQLite could do at best, in the same rounds.

    journal append     event, print job, answer, open sale in one transaction        | one fdatasync of 4 KiB
                       the same                                                      | its line alone into a bare table
    scan to cart       command in, product found, cart priced, state encoded         | the indexed read alone
    first catalogue    70,000 products in pages of 1,000                             | the same rows, one bare insert

Each pair is measured turn by turn, so that a busy machine slows both.
"""

import asyncio
import dataclasses
import functools
import itertools
import os
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from stdnum import ean

from benchmarks.figures import Figure, Scale, at_most, duration, median_duration, p99, ratios, within
from migrations.terminal.journal import migrations
from protocol.downlink import Change
from protocol.enrolment import EnrolAnswer
from protocol.events import Sale
from terminal_agent.catalogue import Catalogue
from terminal_agent.checkout import Checkout
from terminal_agent.clock import Clock
from terminal_agent.daemon import new_id
from terminal_agent.database import connect, grow_log, migrate, transaction
from terminal_agent.disk_space import DiskSpace
from terminal_agent.identity import add_enrolment
from terminal_agent.journal import Batch, Draft, Journal, OpenSaleAfter, Printed, Remembered
from terminal_agent.known_receipts import read_event
from terminal_agent.printing.receipt import Shop
from terminal_agent.printing.spool import Spool
from terminal_agent.register.commands import OpenShift, Scan, TakeTender
from terminal_agent.register.state import Person
from terminal_agent.replica import ReplicaReceipt
from terminal_agent.sign_in import SignIn
from terminal_agent.state_view import PrintingView, Surroundings, SyncView

products: Final = 70_000
products_quick: Final = 20_000
append_wanted: Final = 1.3
scan_aim_seconds: Final = 0.001
page: Final = 1_000
appends_per_round: Final = 60
scans_per_round: Final = 400
lines_per_cart: Final = 12
lines_per_sale: Final = 5
block: Final = 4_096
_LAST_SLIP: Final = "select slip from journal where slip is not null order by position desc limit 1"
_LAST_SALE: Final = "select line from journal where type = 'SALE' order by position desc limit 1"


class QuietCounter:
    """A counter on which nothing else stands."""

    def surroundings(self) -> Surroundings:
        sync = SyncView(online=False, pending=0, acknowledged_through=0, last_contact_at=None, catalogue_through=None)
        return Surroundings((), PrintingView(0, 0), sync)

    def is_online(self) -> bool:
        return False

    def committed(self) -> None:
        """Nobody delivers here."""

    def changed(self) -> None:
        """Nobody looks on here."""

    async def receipts(self, receipt_number: str) -> Sequence[ReplicaReceipt]:
        return ()

    async def voucher_balance(self, voucher_code: str) -> int | None:
        return None


async def measure(scale: Scale) -> list[Figure]:
    """The journal, the scan and the replica on the disk of `TILLSTREAM_BENCH_DIR`, or else of temporary files."""
    count = products_quick if scale.quick else products
    barcodes = [_barcode(number) for number in range(count)]
    with tempfile.TemporaryDirectory(prefix="tillstream-bench-", dir=os.environ.get("TILLSTREAM_BENCH_DIR")) as name:
        folder = Path(name)
        catalogue = Catalogue(folder / "catalogue.sqlite", location_id=_LOCATION, enrolment="bench 1", currency="EUR")
        first = await _first_catalogue(folder, catalogue, barcodes)
        scale.say(f"{count:,} products are in the replica")
        with _till(folder, catalogue) as (checkout, journal):
            await journal.grow_log()
            await _open(checkout)
            appends = await _appends(scale.rounds, folder, checkout, journal, barcodes)
            scans = await _scans(scale.rounds, folder, checkout, barcodes)
        catalogue.close()
    return [*appends, scans, first]


async def _appends(
    rounds: int, folder: Path, checkout: Checkout, journal: Journal, barcodes: list[str]
) -> list[Figure]:
    """A sale of five lines: the append alone, and from the tender to its answer, beside an fdatasync of one block.

    The append and its floors are timed on the thread that appends in a till, which has just appended the tender's sale.
    """
    chance = random.Random(7)
    appends, tenders, floor, bare = _empty(rounds), _empty(rounds), _empty(rounds), _empty(rounds)
    with _block_file(folder / "floor") as sync, closing(connect(folder / "bare.sqlite", "FULL")) as lines:
        lines.execute("create table lines (line blob not null)")
        grow_log(lines)
        for number in range(rounds):
            for _ in range(appends_per_round):
                for barcode in chance.choices(barcodes, k=lines_per_sale):
                    await checkout.handle(Scan(barcode=barcode))
                floor[number].append(await journal.writer.run(functools.partial(_timed, sync)))
                begin = time.perf_counter()
                answer = await checkout.handle(TakeTender(method="CARD", command_id=str(new_id())))
                tenders[number].append(time.perf_counter() - begin)
                batch = _batch(checkout, journal, answer)
                once_more = functools.partial(journal.append_now, batch)
                appends[number].append(await journal.writer.run(functools.partial(_timed, once_more)))
                line = journal.reader.execute(_LAST_SALE).fetchone()
                insert = functools.partial(_insert_bare, lines, line)
                bare[number].append(await journal.writer.run(functools.partial(_timed, insert)))
    append = _figure("journal append", appends, "fdatasync of 4 KiB", floor)
    return [
        dataclasses.replace(append, goal=at_most(append_wanted, append.ratios)),
        _figure("journal append", appends, "its line alone into a bare table", bare),
        _figure("tender to answer", tenders, "fdatasync of 4 KiB", floor),
    ]


def _insert_bare(connection: sqlite3.Connection, line: tuple[bytes]) -> None:
    with transaction(connection):
        connection.execute("insert into lines (line) values (?)", line)


def _batch(checkout: Checkout, journal: Journal, answer: bytes) -> Batch:
    """A sale once more as the checkout appends it; its paper and its answer are made already."""
    sale = read_event(journal.reader.execute(_LAST_SALE).fetchone()[0]).payload
    assert isinstance(sale, Sale)
    at = datetime.now(UTC)
    draft = Draft(msgspec.structs.replace(sale, sale_id=new_id()), at, at.date())
    document = bytes(journal.reader.execute(_LAST_SLIP).fetchone()[0])
    return Batch(
        (draft,),
        prints=lambda events: [Printed(0, document, events[0].receipt_number)],
        remembered=Remembered(str(new_id()), "fingerprint", lambda events: answer),
        open_sale=lambda: OpenSaleAfter(ended=1),
    )


async def _scans(rounds: int, folder: Path, checkout: Checkout, barcodes: list[str]) -> Figure:
    """From the scan to the encoded state of a cart of up to twelve lines, the open sale written behind meanwhile."""
    chance = random.Random(11)
    ours, floor = _empty(rounds), _empty(rounds)
    reader = sqlite3.connect(folder / "catalogue.sqlite")
    read = "select products.data from barcodes join products using (product_id) where barcode = ?"
    behind = asyncio.create_task(checkout.write_behind())
    for turn in range(rounds):
        for number in range(scans_per_round):
            if number % lines_per_cart == 0:
                checkout.state = msgspec.structs.replace(checkout.state, cart=None)
            barcode = chance.choice(barcodes)
            begin = time.perf_counter()
            await checkout.handle(Scan(barcode=barcode))
            ours[turn].append(time.perf_counter() - begin)
            key = (barcode.zfill(14),)
            floor[turn].append(_timed(lambda: reader.execute(read, key).fetchone()))  # noqa: B023 - called at once
    behind.cancel()
    reader.close()
    slow = statistics.median(map(p99, ours))
    what = f"scan to shown cart, {len(barcodes):,} products"
    figure = _figure(what, ours, "the indexed read", floor)
    return dataclasses.replace(figure, goal=within(scan_aim_seconds, slow, "p99"))


async def _first_catalogue(folder: Path, catalogue: Catalogue, barcodes: list[str]) -> Figure:
    """The whole catalogue from decoded pages, beside one insert of the same rows into a bare table."""
    pages = [
        [_change(number, barcodes[number]) for number in range(first, first + page)]
        for first in range(0, len(barcodes), page)
    ]
    begin = time.perf_counter()
    for number, changes in enumerate(pages, start=1):
        await catalogue.apply(
            changes, cursor=str(number), catalogue_through="2026-11-24T12:00:00.000Z", more=number < len(pages)
        )
    ours = time.perf_counter() - begin
    rows = [(change.id, msgspec.json.encode(change.data)) for changes in pages for change in changes]
    with closing(connect(folder / "bare.sqlite", "NORMAL")) as bare:
        bare.execute("create table products (id text primary key, data blob not null) without rowid")
        begin = time.perf_counter()
        with transaction(bare):
            bare.executemany("insert into products values (?, ?)", rows)
        floor = time.perf_counter() - begin
    return Figure(
        f"first catalogue of {len(rows):,} products, decoded pages into the replica",
        duration(ours),
        f"the same rows into a bare table {duration(floor)}",
        (ours / floor,),
    )


def _empty(rounds: int) -> list[list[float]]:
    return [[] for _ in range(rounds)]


def _timed(work: Callable[[], Any]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def _figure(what: str, ours: list[list[float]], best: str, floor: list[list[float]]) -> Figure:
    """Medians over the rounds, and the ratio of each round's medians."""
    middles = [statistics.median(times) for times in ours]
    floors = [statistics.median(times) for times in floor]
    return Figure(
        what,
        f"{median_duration(middles)}, p99 {median_duration([p99(times) for times in ours])}",
        f"{best} {median_duration(floors)}, p99 {median_duration([p99(times) for times in floor])}",
        ratios(middles, floors),
    )


@contextmanager
def _block_file(path: Path) -> Iterator[Callable[[], None]]:
    """Write one block somewhere in a file that is there already, and bring it to the disk."""
    places = itertools.cycle(range(256))
    content = os.urandom(block)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    os.write(descriptor, bytes(256 * block))
    os.fsync(descriptor)

    def sync() -> None:
        os.pwrite(descriptor, content, next(places) * block)
        os.fdatasync(descriptor)

    try:
        yield sync
    finally:
        os.close(descriptor)


@contextmanager
def _till(folder: Path, catalogue: Catalogue) -> Iterator[tuple[Checkout, Journal]]:
    """A register with a real journal, without devices and without a server."""
    path = folder / "journal.sqlite"
    with closing(connect(path, "FULL")) as connection:
        migrate(connection, migrations)
        with transaction(connection):
            add_enrolment(connection, server="https://till.example", public_key="", answer=_ANSWER, at=_NOW)
    space = DiskSpace(folder / "reserve", bytes_reserved=0, free_bytes_min=0)
    journal = Journal(path, space)
    clock = Clock(journal.reader)
    counter = QuietCounter()
    checkout = Checkout(
        journal=journal,
        catalogue=catalogue,
        pins=SignIn(catalogue, journal, b"", time.monotonic),
        clock=clock,
        spool=Spool(journal, rendering=folder, now=clock.now, on_change=counter.changed),
        space=space,
        shop=_SHOP,
        ids=new_id,
        counter=counter,
        questions=counter,
    )
    try:
        yield checkout, journal
    finally:
        journal.close()


async def _open(checkout: Checkout) -> None:
    person = Person(UUID(int=1), "1", "Ann", "cashier")
    checkout.state = msgspec.structs.replace(checkout.state, cashier=person)
    await checkout.handle(OpenShift())


def _barcode(number: int) -> str:
    digits = f"40{number:010d}"
    return digits + str(ean.calc_check_digit(digits))


def _change(number: int, barcode: str) -> Change:
    product_id = str(UUID(int=number))
    data = {
        "product_id": product_id,
        "sku": f"SKU{number}",
        "name": f"Product number {number} of the catalogue",
        "unit": "C62",
        "price_minor": 100 + number % 900,
        "price_quantity_milli": 1000,
        "open_price": False,
        "age_min": None,
        "tax_group_id": None,
        "barcodes": [{"barcode": barcode, "quantity_milli": 1000, "price_minor": None}],
        "category": f"C{number % 50}",
        "attributes": {},
        "revision": number,
        "prices": [],
    }
    return Change("product", product_id, "put", data)


_NOW: Final = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
_LOCATION: Final = "01a20000-0000-7000-8000-000000000002"
_SHOP: Final = Shop("Corner Shop", "High Street", "01a20000-0000-7000-8000-000000000001", "EUR", ZoneInfo("UTC"))
_ANSWER: Final = EnrolAnswer(
    terminal_id=_SHOP.terminal_id,
    epoch=1,
    issuer="https://till.example",
    location_id=_LOCATION,
    tenant_name=_SHOP.tenant_name,
    location_name=_SHOP.location_name,
    currency="EUR",
    price_mode="tax_inclusive",
    tax_rounding="receipt",
    cash_rounding_minor=1,
    timezone="UTC",
    receipt_prefix="B1-",
    pin_key="",
    journal_keep_days=400,
)
