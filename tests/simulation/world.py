"""Everything under one seed: two tenants' tills, terminals of another make, central, its database, clock and network.

A run has two phases. In the first, faults: nothing may ever be wrong, though much is late. Then calm: no more faults,
and within `calm_rounds_max` rounds everything that any disk holds is delivered; then the checkers look at it.
"""

import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import aiohttp
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from central.uplink.courier import import_journal
from protocol.journal_file import read_header
from terminal_agent.journal_tools import export_journal
from terminal_agent.register.commands import ConfirmPrint
from terminal_agent.register.refusals import Refused
from tests.conftest import TestServer
from tests.contract.independent_journal import enrolment_body
from tests.simulation.back_office import BackOffice
from tests.simulation.central_server import CentralServer
from tests.simulation.customers import Customers
from tests.simulation.hand_till import HandTill
from tests.simulation.network import Network, Promise
from tests.simulation.printer import Printer
from tests.simulation.schedule import Schedule, SimulatedTime
from tests.simulation.stock import Stock, StockedTenant
from tests.simulation.till import Till
from tests.simulation.till import World as Surroundings

calm_rounds_max = 8
bodies_per_round_max = 200


class StuckError(AssertionError):
    """The faults are over and something is still not delivered."""


@dataclass
class World:
    """One schedule's world."""

    schedule: Schedule
    stock: Stock
    server: TestServer
    folder: Path
    http: aiohttp.ClientSession
    time: SimulatedTime = field(default_factory=SimulatedTime)
    tills: list[Till] = field(default_factory=list)
    disks: list[Till] = field(default_factory=list)
    """Old disks of terminals that were imaged anew: they only deliver."""
    hand_tills: list[HandTill] = field(default_factory=list)
    receipts: dict[str, list[str]] = field(default_factory=dict)
    number_of_copies: int = 0

    def __post_init__(self) -> None:
        self.folder.mkdir()
        self.central = CentralServer(self.server, self.time)
        self.network = Network(self.schedule, lambda: self.central.url, self.central.stored, self.http)
        self.offices = [BackOffice(tenant, self.central, self.http, self.schedule) for tenant in self.stock.tenants]
        self.customers = Customers(self.schedule, self.receipts)

    # --- setting up ---

    async def open(self) -> None:
        """Central runs, and every terminal is enrolled."""
        await self.central.create(self.stock.template)
        await self.central.start()
        apricot, beetroot = self.stock.tenants
        for tenant, place, number in ((apricot, 0, 0), (apricot, 0, 1), (apricot, 1, 0), (beetroot, 0, 0)):
            await self._open_till(tenant, place, number)
        for tenant in (apricot, beetroot):
            await self._open_hand_till(tenant)

    async def close(self) -> None:
        for till in self.tills + self.disks:
            await till.close()
        await self.central.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    async def _open_till(self, tenant: StockedTenant, place: int, number: int) -> None:
        terminal_id = tenant.terminals[tenant.locations[place]][number]
        till = self.new_till(f"{tenant.canary} {'AB'[place]}{number}")
        await till.enrol(self.url, await self.new_code(terminal_id))
        await till.open()
        assert await self.calmly(till.follow)
        self.tills.append(till)

    async def _open_hand_till(self, tenant: StockedTenant) -> None:
        code = await self.new_code(tenant.terminals[tenant.locations[0]][2])
        key = Ed25519PrivateKey.generate()
        async with self.http.post(f"{self.url}/v1/enrol", json=enrolment_body(code, key)) as answer:
            assert answer.status == 201, await answer.text()
            identity = await answer.json()
        products = (tenant.products["WINE"], tenant.products["BREAD"])
        till = HandTill(f"{tenant.canary} H", self.network, self.schedule, self.time, identity, key, products)
        self.hand_tills.append(till)

    @property
    def url(self) -> str:
        assert self.central.url is not None
        return self.central.url

    def new_till(self, name: str) -> Till:
        surroundings = Surroundings(self.network, self.time, self.schedule.chance, self._new_id)
        return Till(name, self.new_folder(), surroundings, Printer(self.schedule))

    def new_folder(self) -> Path:
        self.number_of_copies += 1
        return self.folder / f"disk-{self.number_of_copies}"

    async def new_code(self, terminal_id: str) -> str:
        code = await self.office_of(terminal_id).new_code(terminal_id)
        assert code is not None
        return code

    def office_of(self, terminal_id: str) -> BackOffice:
        return next(office for office in self.offices if office.tenant.has(terminal_id))

    def newest_epoch(self, terminal_id: str) -> int:
        """The newest enrolment that any till of that terminal has."""
        return max(int(till.identity.epoch) for till in self.tills if till.identity.terminal_id == terminal_id)

    def look_at_acks(self, till: Till) -> None:
        """What a till counts as acknowledged, central answered for: note it as broken where that is not so."""
        for terminal_id, epoch, sequence, line_hash in till.last_acknowledged():
            promise = Promise(terminal_id, epoch, sequence, line_hash)
            if promise not in self.network.promises:
                self.network.broken.add(promise)

    def _new_id(self) -> UUID:
        return UUID(int=self.schedule.chance.getrandbits(128), version=4)

    # --- calm ---

    async def calmly(self, work: Callable[[], Awaitable[bool]]) -> bool:
        """Do something while the network is good."""
        faulty, self.network.faulty = self.network.faulty, False
        try:
            return await work()
        finally:
            self.network.faulty = faulty

    async def calm_down(self) -> None:
        """No more faults: everything that any disk holds is delivered within the bound. Raises `StuckError`."""
        self.schedule.say("--- calm ---")
        self.schedule.begin("calm")
        self.network.faulty = False
        for till in self.tills + self.disks:
            till.printer.faulty = False
        await self.network.deliver_held(len(self.network.held))
        await self._print_everything()
        waits: list[str] = []
        for number in range(calm_rounds_max):
            self.schedule.begin(f"calm {number}")
            self.time.pass_by(timedelta(minutes=20))
            await self._one_calm_round()
            waits = await self._what_waits()
            if not waits:
                break
            self.schedule.say(f"waits: {'; '.join(waits)}")
        if waits:
            raise StuckError(f"after {calm_rounds_max} calm rounds: {'; '.join(waits)}")
        for till in self.tills:
            if till.identity.epoch == self.newest_epoch(till.identity.terminal_id):
                assert await till.follow(), f"{till.name} does not get its changes"
        for hand_till in self.hand_tills:
            for _ in range(bodies_per_round_max):
                if await hand_till.follow():
                    break
        for office in self.offices:
            while not await office.read_entries():
                pass

    async def _one_calm_round(self) -> None:
        for till in self.tills + self.disks:
            till.forget_tokens()
            await till.push()
            if till.needs_help:
                await self.send_by_courier(till)
                if till in self.tills and till.identity.epoch == self.newest_epoch(till.identity.terminal_id):
                    await self.enrol_anew(till)
        for hand_till in self.hand_tills:
            hand_till.token = None
            await hand_till.sign_in()
            for _ in range(bodies_per_round_max):
                if not hand_till.undelivered:
                    break
                await hand_till.send_from(hand_till.undelivered[0], 50)
            hand_till.write_what_is_owed()
        for office in self.offices:
            await office.decide_on_branches()
        for hand_till in self.hand_tills:
            await self.declare_what_is_lost(hand_till)

    async def send_by_courier(self, till: Till) -> None:
        """Bring every journal of a disk to central in a file, with the owner's word for its key."""
        tenant = self.office_of(till.identity.terminal_id).tenant
        self.schedule.say(f"{till.name} ({tenant.canary}) needs help, its journals come by courier: {till.needs_help}")
        for enrolment in till.journal.enrolments:
            if not till.lines_of(enrolment):
                continue
            file = self.folder / "courier"
            export_journal(till.directory, file, enrolment.answer.epoch)
            with file.open("rb") as lines:
                header = read_header(lines.readline())
                stripped = (line.removesuffix(b"\n") for line in lines)
                await import_journal(self.central.services, header, stripped, vouched=True)

    async def enrol_anew(self, till: Till) -> None:
        """The same disk under a new key: it goes on delivering its old journals beside."""
        code = await self.new_code(till.identity.terminal_id)
        self.schedule.fault("enrolled anew", f"{till.name} with {till.pending} lines pending")
        await till.close()
        await till.enrol(self.url, code, keep_journal=True)
        await till.open()
        await self.calmly(till.follow)

    async def declare_what_is_lost(self, hand_till: HandTill) -> None:
        """The owner declares what no disk has any more."""
        position = await hand_till.position()
        for first, last in (position or {}).get("missing", []):
            if all(sequence in hand_till.destroyed for sequence in range(first, last + 1)):
                self.schedule.fault("declared lost")
                office = self.office_of(hand_till.journal.terminal_id)
                await office.declare_lost(*hand_till.sender, first, last)

    async def _print_everything(self) -> None:
        for till in self.tills:
            await till.print_all()
            for number in list(till.spool.unconfirmed):
                await self._answer_for(till, number)
            await till.print_all()

    async def _answer_for(self, till: Till, number: str) -> None:
        """A person looks at the paper: did it come out whole?"""
        stamp = till.stamp_of(number)
        whole = any(one.stamp == stamp and one.whole for one in till.printer.paper)
        try:
            await self.customers.ready(till)
            await self.customers.give(till, ConfirmPrint(receipt_number=number, whole=whole))
        except Refused as refused:
            self.schedule.say(f"{till.name}: nobody could say of {number}, {refused.code}")

    async def _what_waits(self) -> list[str]:
        """What is not delivered or not decided yet."""
        waits = [
            f"{till.name} has {till.pending} lines pending ({till.needs_help})"
            for till in self.tills + self.disks
            if till.pending
        ]
        for hand_till in self.hand_tills:
            if hand_till.undelivered:
                waits.append(f"{hand_till.name} has not delivered {hand_till.undelivered[:5]}")
            position = await hand_till.position()
            if position is None or position["queued"] or position["missing"]:
                waits.append(f"{hand_till.name} stands at {position}")
        decided = [(office.tenant.canary, await office.decide_on_branches()) for office in self.offices]
        return [*waits, *(f"{canary} had branches to decide on" for canary, count in decided if count)]
