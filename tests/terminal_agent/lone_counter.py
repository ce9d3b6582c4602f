"""A counter that knows no central: a real journal, replica, register and spool on a folder, and how it crashes.

async with counter(folder) as at: await at.scan("COFFEE")
# leaving without `in_order` is what a killed process leaves behind: nothing is flushed
"""

import asyncio
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import msgspec

from migrations.terminal.journal import migrations
from protocol.downlink import Change
from protocol.enrolment import EnrolAnswer
from terminal_agent.catalogue import Catalogue
from terminal_agent.checkout import Checkout
from terminal_agent.clock import Clock
from terminal_agent.database import connect, migrate, transaction
from terminal_agent.disk_space import DiskSpace
from terminal_agent.identity import add_enrolment
from terminal_agent.journal import Journal
from terminal_agent.printing.receipt import Shop
from terminal_agent.printing.spool import Spool
from terminal_agent.register.commands import OpenShift, Scan, TakeTender, read_command
from terminal_agent.register.state import Person
from terminal_agent.replica import ReplicaReceipt
from terminal_agent.sign_in import SignIn
from terminal_agent.state_view import PrintingView, Surroundings, SyncView

ANN = Person(UUID(int=1), "1", "Ann", "cashier")
BARCODES = {"COFFEE": "4006381333931", "BREAD": "96385074"}
PRICES = {"COFFEE": 350, "BREAD": 199}
ENROLLED = EnrolAnswer(
    terminal_id="01a20000-0000-7000-8000-000000000001",
    epoch=1,
    issuer="https://till.example",
    location_id="01a20000-0000-7000-8000-000000000002",
    tenant_name="Corner Shop",
    location_name="High Street",
    currency="EUR",
    price_mode="tax_inclusive",
    tax_rounding="receipt",
    cash_rounding_minor=1,
    timezone="Europe/London",
    receipt_prefix="T1-",
    pin_key="",
    journal_keep_days=400,
)


class Alone:
    """Nothing stands around the register, and nobody answers."""

    def surroundings(self) -> Surroundings:
        sync = SyncView(online=False, pending=0, acknowledged_through=0, last_contact_at=None, catalogue_through=None)
        return Surroundings((), PrintingView(0, 0), sync)

    def is_online(self) -> bool:
        return False

    def committed(self) -> None:
        """Nobody delivers."""

    def changed(self) -> None:
        """Nobody looks on."""

    async def receipts(self, receipt_number: str) -> Sequence[ReplicaReceipt]:
        return ()

    async def voucher_balance(self, voucher_code: str) -> int | None:
        return None


@dataclass
class LoneCounter:
    """One run of a till on a folder."""

    folder: Path
    journal: Journal
    catalogue: Catalogue
    checkout: Checkout

    def sign_in(self) -> None:
        """Ann is at the till; PINs have tests of their own."""
        self.checkout.state = msgspec.structs.replace(self.checkout.state, cashier=ANN)

    async def command(self, command: str, command_id: str | None = None, **fields: Any) -> dict[str, Any]:
        """What the till answers. Raises `Refused`."""
        body = {"command": command, "command_id": command_id or str(uuid4()), **fields}
        answer: dict[str, Any] = msgspec.json.decode(
            await self.checkout.handle(read_command(msgspec.json.encode(body)))
        )
        return answer

    async def scan(self, sku: str) -> dict[str, Any]:
        return await self.command("scan", barcode=BARCODES[sku])

    @property
    def cart(self) -> list[str]:
        """The skus in the open sale."""
        cart = self.checkout.state.cart
        return [] if cart is None else [line.sku or "" for line in cart.lines]

    @property
    def revision(self) -> str | None:
        cart = self.checkout.state.cart
        return None if cart is None else cart.revision

    def sales(self) -> list[list[str]]:
        """The skus of each sale that the journal has, in order."""
        rows = self.journal.reader.execute("select line from journal where type = 'SALE' order by position")
        return [[line["sku"] for line in msgspec.json.decode(row[0])["payload"]["lines"]] for row in rows]


async def stock(folder: Path) -> None:
    """Enrol the folder's till and fill its replica; once a folder."""
    with closing(connect(folder / "journal.sqlite", "FULL")) as connection:
        migrate(connection, migrations)
        with transaction(connection):
            add_enrolment(
                connection, server="https://till.example", public_key="", answer=ENROLLED, at=datetime.now(UTC)
            )
    catalogue = _catalogue(folder)
    changes = [
        Change(
            "product",
            str(UUID(int=number)),
            "put",
            {
                "product_id": str(UUID(int=number)),
                "sku": sku,
                "name": sku.title(),
                "price_minor": PRICES[sku],
                "barcodes": [barcode],
            },
        )
        for number, (sku, barcode) in enumerate(BARCODES.items(), start=1)
    ]
    await catalogue.apply(changes, cursor="c", catalogue_through="2026-11-24T12:00:00.000Z", more=False)
    catalogue.close()


@asynccontextmanager
async def counter(folder: Path, *, boot_id: str = "boot 1", reserve_bytes: int = 0) -> AsyncIterator[LoneCounter]:
    """The till at work; leaving abandons what it held in memory, as a kill does."""
    space = DiskSpace(folder / "reserve", bytes_reserved=reserve_bytes, free_bytes_min=0)
    journal = Journal(folder / "journal.sqlite", space)
    catalogue = _catalogue(folder)
    alone = Alone()
    clock = Clock(journal.reader)
    checkout = Checkout(
        journal=journal,
        catalogue=catalogue,
        pins=SignIn(catalogue, journal, b"", asyncio.get_running_loop().time),
        clock=clock,
        spool=Spool(journal, rendering=folder, now=clock.now, on_change=alone.changed),
        space=space,
        shop=Shop("Corner Shop", "High Street", ENROLLED.terminal_id, "EUR", journal.current.zone),
        ids=uuid4,
        counter=alone,
        questions=alone,
        boot_id=boot_id,
    )
    made = LoneCounter(folder, journal, catalogue, checkout)
    made.sign_in()
    try:
        yield made
    finally:
        journal.close()
        catalogue.close()


async def open_shift(at: LoneCounter) -> None:
    await at.checkout.handle(OpenShift())


async def sell_one(at: LoneCounter, sku: str) -> None:
    """A whole sale, by card."""
    await at.checkout.handle(Scan(barcode=BARCODES[sku]))
    await at.checkout.handle(TakeTender(method="CARD", command_id=str(uuid4())))


def copy_disk(folder: Path, to: Path) -> Path:
    """What is on the disk at this moment."""
    shutil.copytree(folder, to)
    return to


def _catalogue(folder: Path) -> Catalogue:
    enrolment = f"{ENROLLED.terminal_id} {ENROLLED.epoch}"
    return Catalogue(folder / "catalogue.sqlite", location_id=ENROLLED.location_id, enrolment=enrolment, currency="EUR")
