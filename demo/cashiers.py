"""The people of the demo: cashiers who sell, void and refund, and who look at the paper where the printer is silent."""

import asyncio
import contextlib
import random
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from demo.baskets import Basket
from demo.papers import is_whole
from demo.till import Till, approval
from hardware.simulated import SimulatedPrinter

_FLOAT_MINOR: Final = 10_000
_VOID_SHARE: Final = 0.02
_REFUND_SHARE: Final = 0.03
_DAY_SECONDS: Final = 86_400.0


class Cashier:
    """Works through a queue of baskets at one till; `at_the_till` is held while the till must not be touched."""

    def __init__(
        self,
        till: Till,
        baskets: list[Basket],
        barcodes: dict[int, str],
        chance: random.Random,
        rung_one: Callable[[], None],
    ) -> None:
        self.till = till
        self.queue = deque(baskets)
        self.at_the_till = asyncio.Lock()
        self.rung: list[Basket] = []
        self.voids = self.refunds = self.shifts = 0
        self._barcodes = barcodes
        self._chance = chance
        self._rung_one = rung_one

    async def work(self) -> None:
        """Two shifts, the change of shift at half of the queue."""
        half = len(self.queue) // 2
        await self.come()
        while self.queue:
            async with self.at_the_till:
                await self.serve()
                if len(self.queue) == half:
                    await self.go()
                    await self.come()
        async with self.at_the_till:
            await self.go()

    async def come(self) -> None:
        await self.till.open_shift(_FLOAT_MINOR)
        self.shifts += 1

    async def go(self) -> None:
        """Count the drawer; now and then a few cents are missing."""
        await self.till.close_shift(short_minor=self._chance.choice((0, 0, 0, 5, -3)))

    async def serve(self) -> None:
        """One basket: sold, perhaps voided and rung again, perhaps refunded in part."""
        if not self.queue:
            return
        basket = self.queue.popleft()
        number = await self.till.sell(basket, self._barcodes)
        if self._chance.random() < _VOID_SHARE:
            await self._void(number)
            number = await self.till.sell(basket, self._barcodes)
        self.rung.append(basket)
        self._rung_one()
        if self._chance.random() < _REFUND_SHARE:
            await self._refund(number, basket)

    async def _void(self, number: str) -> None:
        await self.till.command(
            "void", receipt_number=number, reason="wrong customer", approval=approval(self.till.store.supervisor)
        )
        self.voids += 1

    async def _refund(self, number: str, basket: Basket) -> None:
        """A part of the first line, or all of it where it is a single piece."""
        quantity = basket.lines[0].quantity_milli
        part = quantity // 2 if quantity % 2000 == 0 else quantity
        await self.till.command(
            "refund",
            receipt_number=number,
            lines=[{"original_line": await self._line_of(number, basket), "quantity_milli": part}],
            reason="did not like it",
            approval=approval(self.till.store.supervisor),
        )
        self.refunds += 1

    async def _line_of(self, number: str, basket: Basket) -> int:
        receipt = await self.till.receipt(number)
        barcode = self._barcodes[basket.lines[0].product_id]
        return next(int(line["line"]) for line in receipt["payload"]["lines"] if line["barcode"] == barcode)


async def look_at_the_paper(till: Till, papers: Sequence[SimulatedPrinter], say: Callable[[str], None]) -> None:
    """Answer, for ever, what a till's printer cannot: did this slip come out whole? `papers` is where it may lie."""
    while True:
        await till.wait_until(lambda state: bool(_unconfirmed(state)), "a question", seconds=_DAY_SECONDS)
        (number, *_) = sorted(_unconfirmed(till.state))
        whole = any(is_whole(slip, number) for paper in papers for slip in paper.receipts())
        say(f"{till.name}: did {number} come out whole? The paper says {'yes' if whole else 'no'}")
        await till.command("confirm_print", receipt_number=number, whole=whole)
        till.questions += 1
        with contextlib.suppress(TimeoutError):  # the copy of it is asked about under the same number
            await till.wait_until(partial(_is_answered, number), "the next question")


def _is_answered(number: str, state: dict[str, Any]) -> bool:
    return number not in _unconfirmed(state)


def _unconfirmed(state: dict[str, Any]) -> set[str]:
    return set((state.get("printing") or {}).get("unconfirmed_receipts", ()))
