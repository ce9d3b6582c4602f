"""The main job, for real: a small chain of tills sells a grocer's baskets while everything that can fail does.

python -m demo [--seed N] [--baskets N] [--keep]
"""

import asyncio
import contextlib
import random
import secrets
import shutil
import signal
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Final

import aiohttp
import click
import msgspec
from yarl import URL

from demo import reckoning
from demo.back_office import BackOffice
from demo.baskets import (
    Basket,
    DataMissingError,
    Product,
    demo_from,
    demo_stores,
    demo_through,
    list_prices,
    read_baskets,
)
from demo.cashiers import Cashier, look_at_the_paper
from demo.chain import PLANS, Store, TenantPlan, set_up, tills_per_store
from demo.network import Line, StutteringLine
from demo.papers import papers_of
from demo.processes import Program, ProgramFailedError, run
from demo.show import Screen, figures_table
from demo.story import Progress, Roles, Story
from demo.till import Till, TillRefusedError

_SETTLE_SECONDS_MAX: Final = 180.0
_DRAW_SECONDS: Final = 0.5
_PROBES_PER_KIND_MAX: Final = 50


class Chain:
    """Everything that one run of the demo starts, and what it finds out."""

    def __init__(self, folder: Path, baskets: list[Basket], seed: int) -> None:
        self.folder = folder
        self.baskets = baskets
        self.seed = seed
        self.chance = random.Random(seed)
        self.prices = list_prices(baskets)
        self.barcodes = {
            line.product_id: Product(line.product_id, "", "", "").barcode for basket in baskets for line in basket.lines
        }
        self.central = Program("till-central", [], folder / "central.log")
        self.central_data = folder / "central"
        self.offices: dict[str, BackOffice] = {}
        self.stores: dict[str, list[Store]] = {}
        self.cashiers: list[Cashier] = []
        self.copies: list[Till] = []
        self.people: asyncio.TaskGroup
        self.lookers: list[asyncio.Task[None]] = []
        self.progress = Progress(len(baskets))
        self.story: Story | None = None
        self.screen = Screen(self.counts)
        self.selling_seconds = 0.0
        self.client: aiohttp.ClientSession

    @property
    def tills(self) -> list[Till]:
        return [cashier.till for cashier in self.cashiers] + self.copies

    def counts(self) -> dict[str, tuple[int, int | None]]:
        """How far it is: rung, committed, acknowledged, printed."""
        tills = self.tills
        synced = [till.state.get("sync") or {"acknowledged_through": 0, "pending": 0} for till in tills]
        committed = sum(sync["acknowledged_through"] + sync["pending"] for sync in synced)
        return {
            "rung": (sum(till.rung for till in tills), None),
            "committed": (committed, None),
            "acknowledged": (sum(sync["acknowledged_through"] for sync in synced), committed),
            "printed": (sum(till.printer.receipts_cut for till in tills), None),
        }

    async def open(self) -> None:
        """Start central, create the tenants and their stores, enrol and start the tills."""
        self.screen.say(f"seed {self.seed}: {len(self.baskets):,} baskets, data in {self.folder}")
        await self.start_central()
        self.screen.say(f"central listens at {self.central.url}, its PostgreSQL open to nobody else")
        for plan in PLANS:
            created = msgspec.json.decode(
                await run(
                    "till-central", "tenant", "create", plan.name, "--code", plan.code, "--currency", plan.currency,
                    "--json", "--data-dir", self.central_data,
                )
            )  # fmt: skip
            self.offices[plan.code] = BackOffice(self.client, self.central.url, created["api_key"])
        for plan in PLANS:
            office = self.offices[plan.code]
            self.stores[plan.code], products = await set_up(office, plan, self.baskets, self.prices)
            self.screen.say(f"{plan.name} ({plan.price_mode}): {len(plan.stores)} stores, {products:,} products")
        stuttering = self.chance.randrange(tills_per_store * sum(len(plan.stores) for plan in PLANS))
        for plan in PLANS:
            for store in self.stores[plan.code]:
                for number in range(tills_per_store):
                    self.place(plan, store, number, stutters=len(self.cashiers) == stuttering)
        async with asyncio.TaskGroup() as opening:
            for cashier in self.cashiers:
                opening.create_task(self.enrol(cashier.till))
        self.screen.say(f"{len(self.cashiers)} tills are enrolled and running")

    async def start_central(self) -> None:
        """Start `till-central serve`; from then on it keeps its port."""
        self.central = Program(
            "till-central",
            ["serve", "--data-dir", self.central_data, "--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"],
            self.folder / "central.log",
        )
        await self.central.start()
        self.central.keep_address()

    def place(self, plan: TenantPlan, store: Store, number: int, *, stutters: bool) -> None:
        """A till and its cashier; a household always goes to the same one."""
        folder = self.folder / "tills" / f"{len(self.cashiers) + 1}"
        line = StutteringLine(self.target) if stutters else Line(self.target)
        till = Till(f"till {store.store_id}-{number + 1}", plan.code, store, folder, line, self.client)
        if stutters:
            self.screen.say(f"{till.name} sends every body of events twice")
        own = [
            basket
            for basket in self.baskets
            if basket.store_id == store.store_id and basket.household_id % tills_per_store == number
        ]
        chance = random.Random(self.chance.random())
        self.cashiers.append(Cashier(till, own, self.barcodes, chance, self.progress.advance))

    async def enrol(self, till: Till) -> None:
        """Give a till its identity and start it."""
        await till.plug_in()
        terminal = await self.offices[till.tenant].post(
            "/v1/terminals", {"location_id": till.store.location_id, "label": till.name}
        )
        await till.enrol(terminal["terminal_id"], terminal["enrolment_code"])
        till.name_devices()
        await till.start()

    def target(self) -> tuple[str, int]:
        """Where central listens now."""
        url = URL(self.central.url)
        return str(url.host), int(url.port or 0)

    def copy_of(self, till: Till) -> Till:
        """A till with a copy of another one's disk, on a counter of its own."""
        copy = Till(
            f"{till.name}'s clone",
            till.tenant,
            till.store,
            till.folder.with_name(till.folder.name + "-clone"),
            Line(self.target),
            self.client,
        )
        copy.terminal_id = till.terminal_id
        self.copies.append(copy)
        self.watch_the_paper(copy, till)
        return copy

    async def sell(self) -> None:
        """All cashiers at once, with the faults of the story; returns when every journal is acknowledged."""
        for cashier in self.cashiers:
            await cashier.till.wait_until(
                lambda state: state["sync"]["catalogue_through"] is not None, "its first catalogue", _SETTLE_SECONDS_MAX
            )
        self.screen.say("every till has its catalogue; the shops open")
        self.story = Story(
            Roles(self.cashiers, self.chance), self.progress, self.screen.say, self.chance, self.central,
            self.central_data, self.offices, self.copy_of, self.barcodes,
        )  # fmt: skip
        started = time.monotonic()
        async with asyncio.TaskGroup() as self.people:
            for cashier in self.cashiers:
                self.watch_the_paper(cashier.till, cashier.till)
            async with asyncio.TaskGroup() as day:
                day.create_task(self.story.play())
                for cashier in self.cashiers:
                    day.create_task(cashier.work())
            self.selling_seconds = time.monotonic() - started
            self.screen.say("the shops are closed; waiting for the last events and receipts")
            for till in self.tills:
                await till.wait_until(
                    lambda state: (
                        state["sync"]["pending"] == 0
                        and state["printing"]["queued"] == 0
                        and state["printing"]["unconfirmed"] == 0
                    ),
                    "rest",
                    _SETTLE_SECONDS_MAX,
                )
            for looker in self.lookers:
                looker.cancel()

    def watch_the_paper(self, till: Till, printed_by: Till) -> None:
        """Let a person stand beside a till; a cloned disk also asks about slips that the original's printer has."""
        papers = [till.printer, printed_by.printer]
        self.lookers.append(self.people.create_task(look_at_the_paper(till, papers, self.screen.say)))

    async def reckon(self) -> list[str]:
        """Count everything from every side; gives what differs."""
        journals: list[reckoning.JournalLine] = []
        location_of = {till.terminal_id: till.store.location_id for till in self.tills}
        for till in self.tills:
            file = till.folder / "journal.ndjson"
            await till.export_journal(file)
            journals += reckoning.read_journal(file)
        data = reckoning.by_data(self.baskets)
        in_journals = reckoning.by_journals(journals, location_of)
        rows: dict[tuple[str, str, str], tuple[reckoning.Figures, ...]] = {}
        wrong: list[str] = []
        nothing = reckoning.Figures()
        for plan in PLANS:
            office = self.offices[plan.code]
            in_ledger = await reckoning.by_ledger(office, plan.price_mode)
            in_reports = await reckoning.by_reports(office, plan.price_mode)
            for store in self.stores[plan.code]:
                columns = (
                    data.get(store.store_id, nothing),
                    in_journals.get(store.location_id, nothing),
                    in_ledger.get(store.location_id, nothing),
                    in_reports.get(store.location_id, nothing),
                )
                rows[plan.code, str(store.store_id), plan.currency] = columns
                if not all(columns[0].agrees_with(column) for column in columns[1:]):
                    wrong.append(f"{plan.name}, store {store.store_id}: the four accounts differ")
        self.screen.console.print(figures_table(rows))
        wrong += await self.check(journals, location_of)
        return wrong

    async def check(self, journals: list[reckoning.JournalLine], location_of: dict[str, str]) -> list[str]:
        """Everything beside the table; prints a line for each and gives what is not as it should be."""
        wrong: list[str] = []
        verdicts: list[tuple[bool, str]] = []
        for plan in PLANS:
            total = await reckoning.ledger_sum(self.offices[plan.code])
            verdicts.append((total == 0, f"{plan.name}: all accounts together come to {total}"))
            found = await reckoning.exceptions(self.offices[plan.code])
            unexpected = {code: count for code, count in found.items() if code != "adopted-branch"}
            verdicts.append((not unexpected, f"{plan.name}: open exceptions: {dict(found) or 'none'}"))
        papers = papers_of(self.tills, journals)
        verdicts.append((not papers.wrong, papers.summary))
        wrong += papers.wrong
        tenant_of = {store.location_id: code for code, stores in self.stores.items() for store in stores}
        receipts: dict[str, list[str]] = defaultdict(list)
        for line in journals:
            if line.event["type"] in ("SALE", "REFUND"):
                receipts[tenant_of[location_of[line.terminal_id]]].append(line.event["payload"]["receipt_number"])
        asked, leaks = await reckoning.reachable_by_others(self.offices, receipts, _PROBES_PER_KIND_MAX)
        verdicts.append((not leaks, f"{asked} things asked for with the other tenant's key: {len(leaks)} reachable"))
        wrong += leaks
        try:
            await run("till-central", "verify", "--data-dir", self.central_data)
            verdicts.append((True, "till-central verify: clean"))
        except ProgramFailedError as error:
            verdicts.append((False, str(error)))
        assert self.story is not None
        verdicts.append((self.story.adopted_branches == 1, f"{self.story.adopted_branches} branch adopted"))
        asked_people = sum(till.questions for till in self.tills)
        verdicts.append((asked_people >= 1, f"receipts looked at by a person: {asked_people}"))
        sold = sum(till.rung for till in self.tills)
        voids, refunds = (sum(getattr(cashier, name) for cashier in self.cashiers) for name in ("voids", "refunds"))
        self.screen.say(
            f"{sold:,} sales ({voids} voided, {refunds} refunded in part) in {self.selling_seconds:.1f} s: "
            f"{sold / max(self.selling_seconds, 0.001):.1f} a second"
        )
        for failure in (failure for till in self.tills for failure in till.failures):
            self.screen.console.print(
                f"note: {failure}; asked again under the same command_id", style="yellow", markup=False
            )
        for good, text in verdicts:
            self.screen.console.print(("  ok  " if good else "WRONG ") + text, style="" if good else "bold red")
        return wrong + [text for good, text in verdicts if not good]

    async def close(self) -> None:
        """Stop everything that was started."""
        await asyncio.gather(*(till.unplug() for till in self.tills))
        await self.central.stop()

    def invite(self) -> None:
        """Where everything is and what to try next."""
        say = self.screen.console.print
        say(f"\nCentral: {self.central.url}   data: {self.folder}")
        for plan in PLANS:
            office = self.offices[plan.code]
            say(f"{plan.name}: API key {office.key}")
            say(
                f"  curl -H 'Authorization: Bearer {office.key}' '{office.url}/v1/reports/sales?group_by=location,hour'"
            )
        for cashier in self.cashiers:
            person = cashier.till.store.cashier
            say(f"{cashier.till.name}: {cashier.till.url}  cashier {person.number}, PIN {person.pin}")


async def play(folder: Path, baskets: list[Basket], seed: int, *, keep: bool) -> int:
    """One run; 0 where everything agrees. A SIGTERM ends it as Ctrl-C does: nothing that it started stays behind."""
    playing = asyncio.current_task()
    assert playing is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, playing.cancel)
    chain = Chain(folder, baskets, seed)
    timeout = aiohttp.ClientTimeout(total=120)
    async with aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0)) as client:
        chain.client = client
        try:
            with chain.screen:
                drawing = asyncio.create_task(_draw(chain.screen))
                try:
                    await chain.open()
                    await chain.sell()
                finally:
                    drawing.cancel()
            wrong = await chain.reckon()
            if keep:
                chain.invite()
                chain.screen.console.print("\nIt goes on running until Ctrl-C.")
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.Event().wait()
        finally:
            await chain.close()
    console = chain.screen.console
    for row in wrong:
        console.print(f"DIFFERS: {row}", style="bold red")
    if not wrong:
        console.print(f"\nEverything agrees to the cent. Data and logs: {folder}", style="bold green")
        console.print(f"Again with these faults: make demo SEED={seed}   leave it running: make demo ARGS=--keep")
    return 1 if wrong else 0


async def _draw(screen: Screen) -> None:
    while True:
        screen.draw()
        await asyncio.sleep(_DRAW_SECONDS)


@click.command()
@click.option("--seed", type=int, default=None, help="Repeats the faults of a run; drawn where it is left out.")
@click.option("--baskets", type=click.IntRange(40), default=None, help="Only so many of the 2,025 baskets.")
@click.option("--keep", is_flag=True, help="Leave it running and print URLs, keys and a curl to try.")
@click.option("--folder", type=click.Path(path_type=Path), default=Path(".demo"), help="Where it keeps its data.")
def main(seed: int | None, baskets: int | None, keep: bool, folder: Path) -> None:
    """Sell two months of a grocer's baskets at eight tills, break what can break, and count from every side."""
    try:
        chosen = read_baskets(demo_stores, demo_from, demo_through)[:baskets]
    except DataMissingError as error:
        raise click.ClickException(str(error)) from error
    folder = folder.resolve()
    if folder.exists():
        _clear(folder)
    folder.mkdir(parents=True)
    try:
        code = asyncio.run(play(folder, chosen, secrets.randbits(31) if seed is None else seed, keep=keep))
    except* (ProgramFailedError, TillRefusedError, TimeoutError) as group:
        for reason in _reasons(group):
            click.echo(f"The demo stopped: {reason}", err=True)
        click.echo(f"Logs are in {folder}", err=True)
        code = 1
    except* KeyboardInterrupt:
        code = 130
    except* asyncio.CancelledError:
        code = 143
    sys.exit(code)


def _reasons(group: BaseExceptionGroup[BaseException]) -> list[str]:
    """What each of the errors of a group says."""
    return [
        text
        for error in group.exceptions
        for text in (_reasons(error) if isinstance(error, BaseExceptionGroup) else [str(error)])
    ]


def _clear(folder: Path) -> None:
    """Remove what an earlier run left, and nothing that is not a demo's."""
    if not (folder / "central.log").exists() and any(folder.iterdir()):
        raise click.ClickException(f"{folder} is not empty and no demo's: name another one with --folder")
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
