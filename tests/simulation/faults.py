"""What happens in a schedule: honest work, and the faults between, each an action that the schedule's chance picks."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final

from tests.simulation.hand_till import HandTill
from tests.simulation.till import KilledError, Till, short_bodies
from tests.simulation.world import World

Action = Callable[["Faults"], Awaitable[None]]
instructions_max: Final = 1_500
messages_max: Final = 30


class Faults:
    """The first phase of one schedule."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.schedule = world.schedule
        self.chance = world.schedule.chance
        self.done: Counter[str] = Counter()

    async def run(self, steps: int) -> None:
        """So many actions, one after the other."""
        for number in range(steps):
            self.schedule.begin(f"step {number}")
            await self.one()

    async def one(self) -> None:
        name = self.chance.choices(list(weights), list(weights.values()))[0]
        if self.done[name] >= times_max.get(name, steps_unbounded):
            name = "visit"
        self.done[name] += 1
        await actions[name](self)

    # --- honest work ---

    async def visit(self) -> None:
        await self.world.customers.visit(self.any_till())

    async def push(self) -> None:
        till = self.any_till(disks_too=True)
        self._shorten(till)
        await self._push(till)

    async def two_push_at_once(self) -> None:
        first, second = self.any_till(), self.any_till()
        if first is second:
            return
        self.schedule.fault("two tills at once", f"{first.name} and {second.name}")
        await asyncio.gather(first.push(), second.push())

    async def follow(self) -> None:
        till = self.any_till()
        fine = await till.follow()
        self.schedule.say(f"{till.name} follows the changes: {fine}")

    async def report(self) -> None:
        await self.any_till().report()

    async def print_some(self) -> None:
        till = self.any_till()
        await till.print_all()
        self.schedule.say(f"{till.name} prints: {till.spool.queued} queued, {len(till.spool.unconfirmed)} unconfirmed")

    async def back_office(self) -> None:
        await self.chance.choice(self.world.offices).change_something()

    async def accountant(self) -> None:
        await self.chance.choice(self.world.offices).read_entries()

    async def decide(self) -> None:
        await self.chance.choice(self.world.offices).decide_on_branches()

    async def ring_by_hand(self) -> None:
        till = self.any_hand_till()
        for _ in range(self.chance.randint(1, 5)):
            till.ring()
        self.schedule.say(f"{till.name} wrote up to {len(till.journal.lines)}")

    async def send_by_hand(self) -> None:
        till = self.any_hand_till()
        fine = await till.send_some()
        self.schedule.say(f"{till.name} sends some: {fine}")

    async def follow_by_hand(self) -> None:
        await self.any_hand_till().follow()

    async def time_passes(self) -> None:
        by = timedelta(minutes=self.chance.choice([1, 5, 16, 60]))
        self.world.time.pass_by(by)
        self.schedule.say(f"{by} pass")

    # --- faults of the network ---

    async def two_bodies_at_once(self) -> None:
        till = self.any_hand_till()
        if not till.journal.lines:
            return
        if till.token is None and not await till.sign_in():
            return
        self.schedule.fault("two bodies at once", till.name)
        await asyncio.gather(till.send_some(), till.send_some())

    async def late_arrivals(self) -> None:
        await self.world.network.deliver_held(self.chance.randint(1, 3))

    # --- faults of tills ---

    async def kill_till(self) -> None:
        till = self.any_till()
        self.schedule.fault("till killed", till.name)
        await till.go_on_from(till.copy_disk(self.world.new_folder()))

    async def kill_amid_command(self) -> None:
        """The process ends at some instruction of SQLite's while a customer is served."""
        till, folder = self.any_till(), self.world.new_folder()
        till.kill_amid(self.chance.randint(1, instructions_max), folder)
        await self.world.customers.visit(till)
        till.kill_amid_no_more()
        if folder.exists():
            self.schedule.fault("till killed amid a command", till.name)
            self._forget_what_was_not_told(till, folder)
            await till.go_on_from(folder)

    async def kill_amid_push(self) -> None:
        """The process ends before one of its requests leaves, or before an answer comes."""
        till, folder = self.any_till(), self.world.new_folder()
        left = self.chance.randint(1, 6)

        async def point(where: str) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                till.copy_disk(folder)
                self.schedule.fault("till killed amid a push", f"{till.name}, {where}")
                raise KilledError

        self.world.network.point = point
        try:
            with contextlib.suppress(KilledError):
                await self._push(till)
        finally:
            self.world.network.point = None
        if folder.exists():
            await till.go_on_from(folder)

    async def kill_amid_print(self) -> None:
        till, folder = self.any_till(), self.world.new_folder()
        left = self.chance.randint(1, 4)

        async def point(where: str) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                till.copy_disk(folder)
                self.schedule.fault("till killed amid a print", f"{till.name}, {where}")
                raise KilledError

        till.printer.point = point
        try:
            with contextlib.suppress(KilledError):
                await till.print_all()
        finally:
            till.printer.point = None
        if folder.exists():
            await till.go_on_from(folder)

    async def clone_disk(self) -> None:
        """A copy of the disk goes on beside the first, with a printer of its own."""
        till = self.any_till()
        copy = self.world.new_till(f"{till.name} clone")
        copy.directory.path.parent.mkdir(exist_ok=True)
        till.copy_disk(copy.directory.path)
        await copy.open()
        self.world.tills.append(copy)
        self.schedule.fault("disk cloned", till.name)

    async def image_anew(self) -> None:
        """A till gets a new disk and a new epoch; the old disk is found and delivers later."""
        till = self.any_till()
        terminal_id = till.identity.terminal_id
        if till.identity.epoch != self.world.newest_epoch(terminal_id):
            return
        code = await self.world.new_code(terminal_id)
        self.schedule.fault("imaged anew", f"{till.name} leaves {till.pending} lines behind")
        fresh = self.world.new_till(f"{till.name} anew")
        await fresh.enrol(self.world.url, code)
        await fresh.open()
        await self.world.calmly(fresh.follow)
        self.world.tills.remove(till)
        self.world.disks.append(till)
        self.world.tills.append(fresh)

    async def enrol_anew(self) -> None:
        till = self.any_till()
        if till.identity.epoch == self.world.newest_epoch(till.identity.terminal_id):
            await self.world.enrol_anew(till)

    async def skew_clock(self) -> None:
        till = self.any_till()
        till.skew = self.chance.choice([timedelta(days=3650), timedelta(days=-3650), timedelta(hours=-1), timedelta()])
        self.schedule.fault("clock skewed", f"{till.name} by {till.skew}")

    async def lose_lines(self) -> None:
        """A disk dies with lines that central may never have seen; the owner is told."""
        till = self.chance.choice([one for one in self.world.hand_tills if not one.has_clone])
        if len(till.journal.lines) < 3:
            return
        first = self.chance.randint(1, len(till.journal.lines) - 1)
        till.lose_disk_part(first, first + self.chance.randint(0, 3))
        self.world.network.lose(till.sender, till.destroyed)
        till.ring()
        self.schedule.fault("lines lost", f"{till.name}: {sorted(till.destroyed)}")
        if self.schedule.one_in(2):
            await self.world.declare_what_is_lost(till)

    async def find_lines(self) -> None:
        """What was thought lost turns up."""
        till = self.any_hand_till()
        if till.destroyed:
            self.schedule.fault("lost lines found", f"{till.name}: {sorted(till.destroyed)}")
            till.destroyed.clear()

    async def clone_by_hand(self) -> None:
        self._clone(self.any_hand_till())

    def _clone(self, till: HandTill) -> None:
        """One till in a schedule has a clone: another's lines can be lost, and that not one of two disks has."""
        if till.destroyed or any(one.has_clone for one in self.world.hand_tills):
            return
        self.world.hand_tills.append(till.clone(f"{till.name} clone"))
        self.schedule.fault("disk cloned", till.name)

    async def clones_in_disorder(self) -> None:
        """Two disks of one terminal write on and deliver pieces in any order, the later ones before the earlier."""
        cloned = [one for one in self.world.hand_tills if one.has_clone]
        till = self.chance.choice(cloned or self.world.hand_tills)
        self._clone(till)
        family = [one for one in self.world.hand_tills if one.sender == till.sender]
        if len(family) < 2:
            return
        for one in family:
            for _ in range(self.chance.randint(3, 6)):
                one.ring()
        self.schedule.fault("clones in disorder", till.name)
        for _ in range(self.chance.randint(4, 10)):
            await self.chance.choice(family).send_some()

    # --- faults of central ---

    async def kill_central(self) -> None:
        self.schedule.fault("central killed")
        await self.world.central.kill()
        if self.schedule.one_in(2):
            await self._push(self.any_till())
        await self.world.central.start()

    async def cut_database(self) -> None:
        """Central loses its database at some message of what comes next, and is killed there as often as not."""
        line, after = self.world.central.line, self.schedule.one_in(2)
        line.cut_at(self.chance.randint(1, messages_max), after=after)
        work = self.chance.choice(["push", "push", "send_by_hand", "two_push_at_once", "back_office"])
        await getattr(self, work)()
        if line.was_cut:
            self.schedule.fault("database cut", f"{'after' if after else 'before'} a statement of {work}")
            if self.schedule.one_in(2):
                self.schedule.fault("central killed", "with it")
                await self.world.central.kill()
                await self.world.central.start()
        self.world.central.line.spare()

    async def back_up(self) -> None:
        await self.world.central.back_up()
        self.schedule.say("central is backed up")

    async def restore(self) -> None:
        """The backup comes back: all since then is forgotten there, and lines that no disk has are gone with it."""
        world = self.world
        if not world.central.backups:
            self.done["restore"] -= 1
            await self.back_up()
            return
        self.schedule.fault("central restored")
        await world.central.restore()
        await world.network.forget()
        for till in world.hand_tills:
            world.network.lose(till.sender, till.destroyed)

    # --- which ---

    def any_till(self, *, disks_too: bool = False) -> Till:
        return self.chance.choice(self.world.tills + (self.world.disks if disks_too else []))

    def any_hand_till(self) -> HandTill:
        return self.chance.choice(self.world.hand_tills)

    async def _push(self, till: Till) -> None:
        before = till.pending
        fine = await till.push()
        self.world.look_at_acks(till)
        self.schedule.say(f"{till.name} pushes {before}: {fine}, {till.pending} left")

    def _shorten(self, till: Till) -> None:
        if self.schedule.one_in(2):
            short_bodies(till.uplinks, self.chance.randint(1, 4))

    def _forget_what_was_not_told(self, till: Till, folder: object) -> None:
        """A customer whose receipt's commit the kill undid holds none."""
        del folder
        held = self.world.receipts.get(till.identity.location_id)
        if held:
            held.pop()


steps_unbounded: Final = 10**6
weights: Final[dict[str, int]] = {
    "visit": 60,
    "push": 40,
    "two_push_at_once": 8,
    "follow": 12,
    "report": 3,
    "print_some": 10,
    "back_office": 10,
    "accountant": 8,
    "decide": 2,
    "ring_by_hand": 16,
    "send_by_hand": 26,
    "follow_by_hand": 8,
    "time_passes": 8,
    "two_bodies_at_once": 8,
    "late_arrivals": 8,
    "kill_till": 5,
    "kill_amid_command": 8,
    "kill_amid_push": 6,
    "kill_amid_print": 3,
    "clone_disk": 2,
    "image_anew": 2,
    "enrol_anew": 2,
    "skew_clock": 3,
    "lose_lines": 6,
    "find_lines": 3,
    "clone_by_hand": 3,
    "clones_in_disorder": 6,
    "kill_central": 4,
    "cut_database": 12,
    "back_up": 5,
    "restore": 5,
}
times_max: Final[dict[str, int]] = {
    "clone_disk": 2,
    "image_anew": 2,
    "enrol_anew": 2,
    "clone_by_hand": 2,
    "clones_in_disorder": 3,
    "back_up": 2,
    "restore": 1,
    "kill_central": 3,
}
actions: Final[dict[str, Action]] = {name: getattr(Faults, name) for name in weights}
