"""What goes wrong while the chain sells, and when: each fault waits for its share of the baskets to be rung."""

import asyncio
import contextlib
import os
import random
import shutil
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from central.database.embedded import EmbeddedPostgres
from demo.back_office import BackOffice
from demo.cashiers import Cashier
from demo.processes import Program
from demo.till import Till

_CENTRAL_DOWN_SECONDS: Final = 1.0
_ACKNOWLEDGED_SECONDS_MAX: Final = 60.0
_KEPT_SECONDS_MAX: Final = 120.0
_CLONE_BASKETS: Final = 4
_CRASH_MS_MAX: Final = 25
_CUTS_MAX: Final = 4


class Roles:
    """Which till bears which fault, drawn by the seed; a till bears one at most."""

    def __init__(self, cashiers: Sequence[Cashier], chance: random.Random) -> None:
        drawn = list(cashiers)
        chance.shuffle(drawn)
        self.without_network = drawn[0:2]
        self.killed = drawn[2]
        self.cloned = drawn[3]
        self.without_word = drawn[4]


class Progress:
    """How much of the baskets is rung; whoever waits for a share of them is woken when it is reached."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._rung = 0
        self._advanced = asyncio.Event()

    def advance(self) -> None:
        """One more basket is rung."""
        self._rung += 1
        self._advanced.set()
        self._advanced = asyncio.Event()

    async def reach(self, share: float) -> None:
        """Wait until this share of all baskets is rung."""
        while self._rung < share * self._total:
            await self._advanced.wait()


class Story:
    """The faults of one run, each a coroutine; `say` shows a line."""

    def __init__(
        self,
        roles: Roles,
        progress: Progress,
        say: Callable[[str], None],
        chance: random.Random,
        central: Program,
        central_data: Path,
        offices: dict[str, BackOffice],
        copy_of: Callable[[Till], Till],
        barcodes: dict[int, str],
    ) -> None:
        self._roles = roles
        self._progress = progress
        self._say = say
        self._chance = chance
        self._central = central
        self._central_data = central_data
        self._offices = offices
        self._copy_of = copy_of
        self._barcodes = barcodes
        self.adopted_branches = 0

    async def play(self) -> None:
        """All faults, side by side."""
        async with asyncio.TaskGroup() as faults:
            for cashier, start in zip(self._roles.without_network, (0.10, 0.20), strict=True):
                faults.create_task(self.lose_the_network(cashier, start))
            faults.create_task(self.kill_a_till(0.30))
            faults.create_task(self.leave_a_receipt_without_a_word(0.15))
            faults.create_task(self.kill_central(0.45))
            faults.create_task(self.clone_a_disk(0.25))
            faults.create_task(self.kill_postgresql(0.65))

    async def lose_the_network(self, cashier: Cashier, at: float) -> None:
        till = cashier.till
        await self._progress.reach(at)
        till.line.cut()
        self._say(f"{till.name} lost the network, and goes on selling")
        await self._progress.reach(at + 0.25)
        till.line.mend()
        self._say(f"{till.name} has its network back; {till.state['sync']['pending']} events were waiting")

    async def kill_a_till(self, at: float) -> None:
        """While the last tender is under way: the front end asks again under the same command_id."""
        till = self._roles.killed.till
        await self._progress.reach(at)
        till.crash_at_tender = asyncio.Event()
        await till.crash_at_tender.wait()
        till.crash_at_tender = None
        await asyncio.sleep(self._chance.uniform(0, _CRASH_MS_MAX) / 1000)
        await till.kill()
        self._say(f"{till.name} was killed with -9 while it took money")
        await till.start()
        self._say(f"{till.name} is back; the front end repeats its command_id")

    async def leave_a_receipt_without_a_word(self, at: float) -> None:
        """The printer's line is cut in the middle of a receipt: nobody but a person can say whether it is whole."""
        till = self._roles.without_word.till
        await self._progress.reach(at)
        self._say(f"{till.name}'s printer will lose its line in the middle of a receipt")
        for _ in range(_CUTS_MAX):
            till.printer.cut_line_after(self._chance.randint(50, 400))
            with contextlib.suppress(TimeoutError):  # it lost its line between two receipts
                await till.wait_until(lambda state: state["printing"]["unconfirmed"] > 0, "an unconfirmed receipt")
                break

    async def kill_central(self, at: float) -> None:
        await self._progress.reach(at)
        await self._central.kill()
        self._say("central was killed with -9")
        await asyncio.sleep(_CENTRAL_DOWN_SECONDS)
        await self._central.start()
        self._say("central is back")

    async def kill_postgresql(self, at: float) -> None:
        """Central starts its own server again and answers 503 until it is there."""
        await self._progress.reach(at)
        cluster = EmbeddedPostgres(self._central_data).cluster
        pid = int((cluster / "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGKILL)
        self._say("central's PostgreSQL was killed with -9")

    async def clone_a_disk(self, at: float) -> None:
        """The disk of a till is copied between two shifts, and both tills sell on: one chain forks."""
        cashier = self._roles.cloned
        till = cashier.till
        await self._progress.reach(at)
        async with cashier.at_the_till:
            await cashier.go()
            # A slip that still waits on a copied disk comes out of both printers.
            await till.wait_until(lambda state: state["printing"]["queued"] == 0, "its receipts on paper")
            await till.kill()
            copy = self._copy_of(till)
            await asyncio.to_thread(shutil.copytree, till.state_folder, copy.state_folder)
            await till.start()
            await cashier.come()
            await cashier.serve()
            sold = [cashier.queue.pop() for _ in range(min(_CLONE_BASKETS, len(cashier.queue)))]
        last = till.state["sync"]["acknowledged_through"] + till.state["sync"]["pending"]
        await till.wait_until(
            lambda state: state["sync"]["acknowledged_through"] >= last,
            "its acknowledgement",
            _ACKNOWLEDGED_SECONDS_MAX,
        )
        self._say(f"{till.name}'s disk was cloned; both go on selling")
        await copy.plug_in()
        copy.name_devices()
        await copy.start()
        clone = Cashier(copy, sold, self._barcodes, random.Random(self._chance.random()), self._progress.advance)
        await clone.work()
        await copy.wait_until(
            lambda state: state["sync"]["forked"] and state["sync"]["pending"] == 0,
            "a fork that is kept",
            _KEPT_SECONDS_MAX,
        )
        await self._adopt(till)
        self._say(f"{copy.name} showed up as a fork; the owner adopted its branch")

    async def _adopt(self, till: Till) -> None:
        """The owner books what the branches of a terminal hold."""
        office = self._offices[till.tenant]
        path = f"/v1/terminals/{till.terminal_id}/branches"
        for branch in (await office.get(path))["branches"]:
            await office.resolve(f"{path}/{branch['branch']}", {"action": "adopt", "note": "a cloned disk"})
            self.adopted_branches += 1
