"""A till: the terminal agent's own journal, register, replica, uplink and downlink, on a clock and network handed in.

It is put together as the daemon does it, without devices and waits. It can be killed at any step: what goes on is a
copy of the disk as it was at that moment.
"""

import asyncio
import contextlib
import random
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec

from protocol.downlink import TerminalStatus
from terminal_agent.catalogue import Catalogue
from terminal_agent.central_link import CentralLink, CentralUnreachableError, TokenRefusedError
from terminal_agent.checkout import Checkout
from terminal_agent.clock import Clock
from terminal_agent.disk_space import DiskSpace
from terminal_agent.downlink import Downlink
from terminal_agent.enrolment import enrol
from terminal_agent.identity import Enrolment
from terminal_agent.journal import Journal
from terminal_agent.journal_reading import read_counters
from terminal_agent.patience import Patience
from terminal_agent.printing.receipt import Shop
from terminal_agent.printing.spool import Spool
from terminal_agent.questions import Questions
from terminal_agent.register.commands import Command
from terminal_agent.sign_in import SignIn
from terminal_agent.state_directory import StateDirectory
from terminal_agent.state_view import PrintingView, Surroundings, SyncView
from terminal_agent.uplink import Uplink
from tests.simulation.network import Network, Session
from tests.simulation.printer import Printer
from tests.simulation.schedule import SimulatedTime

pushes_max = 50
pages_max = 50


class KilledError(BaseException):
    """The till's process is gone at this step."""


class Link(CentralLink):
    """The till's line, over the simulated network."""

    def __init__(self, network: Network, enrolment: Enrolment, *rest: Any, **how: Any) -> None:
        super().__init__(enrolment, *rest, **how)
        sender = (enrolment.answer.terminal_id, enrolment.answer.epoch)
        self._session = Session(network, sender)  # type: ignore[assignment]


@dataclass
class World:
    """What a till stands in."""

    network: Network
    time: SimulatedTime
    chance: random.Random
    ids: Callable[[], UUID]


class Till:
    """One state directory and, while it is open, the process that works in it."""

    def __init__(self, name: str, folder: Path, world: World, printer: Printer) -> None:
        self.name = name
        self.directory = StateDirectory(folder)
        self.printer = printer
        self.skew = timedelta()
        self.is_open = False
        self._world = world
        self._online = False

    async def enrol(self, server: str, code: str, *, keep_journal: bool = False) -> None:
        """Enrol by a code from the back office; the till is closed."""
        self.directory.make()
        await enrol(
            self.directory, server=server, code=code, ca_file=None, keep_journal=keep_journal, at=self._world.time()
        )

    async def open(self) -> None:
        """Start the process on what the disk holds."""
        directory, world = self.directory, self._world
        self.journal = Journal(directory.journal, DiskSpace(directory.reserve, bytes_reserved=0, free_bytes_min=0))
        self.enrolment = enrolment = self.journal.current
        identity = enrolment.answer
        self.clock = Clock(self.journal.reader, source=self._own_time)
        self.catalogue = Catalogue(
            directory.catalogue,
            location_id=identity.location_id,
            enrolment=f"{identity.terminal_id} {identity.epoch}",
            currency=identity.currency,
        )
        self.uplinks = [self._uplink(self._link(one)) for one in reversed(self.journal.enrolments)]
        self.link = self._link(enrolment)
        self.downlink = Downlink(
            self.link, self.catalogue, patience=Patience(world.chance), chance=world.chance, on_change=_nobody
        )
        self.spool = Spool(self.journal, rendering=directory.rendering, now=self.clock.now, on_change=_nobody)
        await self.spool.recover()
        self.checkout = self._checkout(enrolment)
        self.is_open = True

    async def close(self) -> None:
        """End the process; a kill is this on a copy of the disk that was made before."""
        if self.is_open:
            self.is_open = False
            self.journal.close()
            self.catalogue.close()

    def copy_disk(self, folder: Path) -> Path:
        """The disk as it stands at this very moment, also amid a transaction."""
        if folder.exists():
            shutil.rmtree(folder)
        shutil.copytree(self.directory.path, folder)
        return folder

    async def go_on_from(self, folder: Path) -> None:
        """The process was killed when `folder` was the disk: that is what there is, and it starts on it."""
        await self.close()
        _replace(self.directory.path, folder)
        await self.open()

    @property
    def identity(self) -> Any:
        return self.enrolment.answer

    @property
    def pending(self) -> int:
        return sum(uplink.pending for uplink in self.uplinks)

    @property
    def needs_help(self) -> str | None:
        return next((one.delivery.needs_help for one in self.uplinks if one.delivery.needs_help), None)

    def lines_of(self, enrolment: Enrolment) -> int:
        """How many lines the disk has of an enrolment."""
        return self._end_of(enrolment)[0]

    def stamp_of(self, receipt_number: str) -> str | None:
        """What the paper of a receipt bears: the first digits of its line's hash."""
        row = self.journal.reader.execute(
            "select hash from journal where receipt_number = ?", (receipt_number,)
        ).fetchone()
        return None if row is None else str(row[0][:10])

    def acknowledged(self) -> list[tuple[Enrolment, int]]:
        """Through which sequence the till counts each of its journals as acknowledged."""
        return [(one._enrolment, one.delivery.acknowledged_through) for one in self.uplinks]

    def forget_tokens(self) -> None:
        """Time passed: each line asks for a new token, and hears what central has."""
        for uplink in self.uplinks:
            uplink._link.forget_token()
        self.link.forget_token()

    def last_acknowledged(self) -> list[tuple[str, int, int, str]]:
        """The last line of each journal that the till counts as acknowledged: terminal, epoch, sequence, hash."""
        found = []
        for enrolment, through in self.acknowledged():
            row = self.journal.reader.execute(
                "select hash from journal where position = ?", (enrolment.base_position + through,)
            ).fetchone()
            if row is not None:
                found.append((enrolment.answer.terminal_id, enrolment.answer.epoch, through, str(row[0])))
        return found

    async def command(self, command: Command) -> dict[str, Any]:
        """What the till answers. Raises `Refused`."""
        answer: dict[str, Any] = msgspec.json.decode(await self.checkout.handle(command))
        return answer

    async def push(self) -> bool:
        """One round of deliveries of each enrolment, as the daemon makes it; whether nothing stood in the way."""
        fine = True
        for uplink in reversed(self.uplinks):
            try:
                await uplink.deliver()
            except (CentralUnreachableError, TokenRefusedError):
                fine = False
            await uplink._keep()
        self._online = fine
        return fine

    async def follow(self) -> bool:
        """Follow the changes until there are none; whether nothing stood in the way."""
        with contextlib.suppress(CentralUnreachableError, TokenRefusedError):
            for _ in range(pages_max):
                if not await self.downlink.follow(0):
                    return True
        return False

    async def report(self) -> None:
        """Tell central how it is."""
        status = TerminalStatus(agent_version="simulated", pending=self.pending)
        with contextlib.suppress(CentralUnreachableError, TokenRefusedError):
            await self.link.request(
                "POST",
                "/v1/sync/status",
                headers={"Content-Type": "application/json"},
                body=msgspec.json.encode(status),
            )
        await self.journal.write(self.clock.keep)

    async def print_all(self) -> None:
        """Let the spool print what it has on the till's printer, until the line is lost or nothing waits."""
        await self.printer.serve(self.spool)

    def kill_amid(self, instruction: int, folder: Path) -> None:
        """Copy the disk when the journal's writer has worked through so many of SQLite's instructions."""
        left = instruction

        def look() -> int:
            nonlocal left
            left -= 1
            if left == 0:
                self.copy_disk(folder)
            return 0

        self.journal._connection.set_progress_handler(look, 1)

    def kill_amid_no_more(self) -> None:
        self.journal._connection.set_progress_handler(None, 0)

    def surroundings(self) -> Surroundings:
        delivery = self.uplinks[0].delivery
        sync = SyncView(
            online=self._online,
            pending=self.pending,
            acknowledged_through=delivery.acknowledged_through,
            last_contact_at=None,
            catalogue_through=self.catalogue.progress.catalogue_through,
        )
        return Surroundings((), PrintingView(self.spool.queued, len(self.spool.unconfirmed)), sync)

    def is_online(self) -> bool:
        return self._online

    def committed(self) -> None:
        """The next round sends it."""

    def changed(self) -> None:
        """Nobody looks on."""

    def _own_time(self) -> datetime:
        return self._world.time() + self.skew

    def _link(self, enrolment: Enrolment) -> Link:
        key = self.directory.read_private_key(enrolment.key_name)
        assert key is not None
        return Link(
            self._world.network,
            enrolment,
            key,
            self.clock,
            ca_file=None,
            journal_end=lambda: self._end_of(enrolment),
            on_contact=self._contact,
        )

    def _contact(self, answered: bool) -> None:
        self._online = answered

    def _uplink(self, link: Link) -> Uplink:
        return Uplink(
            link,
            self.journal,
            last_sequence=lambda: self._end_of(link.enrolment)[0],
            patience=Patience(self._world.chance),
            on_change=_nobody,
        )

    def _checkout(self, enrolment: Enrolment) -> Checkout:
        identity = enrolment.answer
        return Checkout(
            journal=self.journal,
            catalogue=self.catalogue,
            pins=SignIn(
                self.catalogue,
                self.journal,
                self.directory.read_secret(enrolment.pin_key_name),
                asyncio.get_running_loop().time,
            ),
            clock=self.clock,
            spool=self.spool,
            space=DiskSpace(self.directory.reserve, bytes_reserved=0, free_bytes_min=0),
            shop=Shop(
                identity.tenant_name,
                identity.location_name,
                identity.terminal_id,
                identity.currency,
                enrolment.zone,
            ),
            ids=self._world.ids,
            counter=self,
            questions=Questions(self.link),
        )

    def _end_of(self, enrolment: Enrolment) -> tuple[int, str]:
        if enrolment.number == self.journal.current.number:
            return self.journal.counters.sequence, self.journal.counters.last_hash
        counters = read_counters(self.journal.reader, enrolment)
        return counters.sequence, counters.last_hash


def short_bodies(uplinks: Sequence[Uplink], events_max: int) -> None:
    """Let the next body of each be as short as this: a rare path, taken often here."""
    for uplink in uplinks:
        uplink._events_max = events_max


def _nobody() -> None:
    """Nobody wants to know."""


def _replace(disk: Path, by: Path) -> None:
    shutil.rmtree(disk)
    by.rename(disk)
