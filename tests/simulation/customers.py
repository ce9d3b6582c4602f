"""Who comes to a till: customers who buy, bring back and change their minds, and the cashier who serves them."""

from typing import Any, Final
from uuid import UUID

from terminal_agent.register.commands import (
    Approval,
    Cancel,
    ChangeQuantity,
    CloseShift,
    Command,
    DiscountLine,
    GiveBack,
    MoveCash,
    OpenDrawer,
    OpenShift,
    RefundPart,
    Scan,
    SignIn,
    TakeTender,
    VoidReceipt,
)
from terminal_agent.register.refusals import Refused
from tests.simulation.schedule import Schedule
from tests.simulation.stock import barcodes, cashier, supervisor
from tests.simulation.till import Till

approval: Final = Approval(**supervisor)
visits: Final = {"sale": 10, "refund": 3, "void": 2, "cash": 1, "no sale": 1, "close": 1}


class Customers:
    """The crowd of one schedule; `receipts` are the numbers that they hold, by location."""

    def __init__(self, schedule: Schedule, receipts: dict[str, list[str]]) -> None:
        self._schedule = schedule
        self._receipts = receipts

    async def visit(self, till: Till) -> None:
        """One customer, whatever comes of it; a till without a cashier or shift gets them first."""
        if not await self.ready(till):
            return
        kind = self._schedule.chance.choices(list(visits), list(visits.values()))[0]
        try:
            await self._serve(till, kind)
        except Refused as refused:
            self._schedule.say(f"{till.name}: {kind} refused, {refused.code}")
            await self._tidy(till)

    async def ready(self, till: Till) -> bool:
        """Sign a cashier in and open a shift where there is none; whether the till can sell."""
        state = till.checkout.state
        try:
            if state.cashier is None:
                await self.give(till, SignIn(**cashier))
            if till.checkout.state.shift is None:
                await self.give(till, OpenShift(float_minor=10_000, approval=approval))
        except Refused as refused:
            self._schedule.say(f"{till.name}: not open, {refused.code}")
            return False
        if till.checkout.state.cart is not None:
            await self._tidy(till)
        return True

    async def _serve(self, till: Till, kind: str) -> None:
        chance = self._schedule.chance
        held = self._receipts.setdefault(till.identity.location_id, [])
        if kind == "refund" and held:
            number = chance.choice(held)
            parts = (RefundPart(original_line=1, quantity_milli=chance.choice([500, 1000])),)
            await self.give(till, GiveBack(receipt_number=number, lines=parts, reason="broken", approval=approval))
        elif kind == "void" and held:
            await self.give(till, VoidReceipt(receipt_number=chance.choice(held), reason="wrong", approval=approval))
        elif kind == "cash":
            direction: Any = chance.choice(["IN", "OUT"])
            await self.give(till, MoveCash(direction=direction, amount_minor=chance.randint(1, 5_000), reason="bank"))
        elif kind == "no sale":
            await self.give(till, OpenDrawer(reason="change"))
        elif kind == "close":
            counted = max(0, till.checkout.state.shift.cash_minor + chance.choice([0, 0, -50]))  # type: ignore[union-attr]
            await self.give(till, CloseShift(counted_minor=counted))
        else:
            await self._sell(till, held)

    async def _sell(self, till: Till, held: list[str]) -> None:
        chance = self._schedule.chance
        for _ in range(chance.randint(1, 4)):
            await self.give(till, Scan(barcode=chance.choice(list(barcodes.values()))))
        if self._schedule.one_in(4):
            await self.give(till, ChangeQuantity(line=1, quantity_milli=chance.choice([2000, 3000, 7000])))
        if self._schedule.one_in(6):
            await self.give(till, DiscountLine(line=1, percent_ppm=100_000))
        if self._schedule.one_in(8):
            await self.give(till, TakeTender(method="CASH", amount_minor=100))
        how: Any = chance.choice(["CASH", "CARD"])
        amount = 50_000 if how == "CASH" and self._schedule.one_in(2) else None
        await self.give(till, TakeTender(method=how, amount_minor=amount))
        number = till.checkout.state.last_receipt_number
        if number is not None:
            held.append(number)

    async def _tidy(self, till: Till) -> None:
        try:
            await self.give(till, Cancel())
        except Refused as refused:
            self._schedule.say(f"{till.name}: nothing to cancel, {refused.code}")

    async def give(self, till: Till, command: Command) -> None:
        """One command under an id of its own."""
        numbered = type(command)(
            **{name: getattr(command, name) for name in command.__struct_fields__ if name != "command_id"},
            command_id=str(UUID(int=self._schedule.chance.getrandbits(128))),
        )
        answer = await till.command(numbered)
        for event in answer["events"]:
            self._schedule.say(f"{till.name}: {event['type']} {event['sequence']}")
