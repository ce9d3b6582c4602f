"""The driver of a scale: asks, waits until the load is still, and gives a weight that can be used once.

A weight lives one second: after that the load may be another one. It is newer than the question, since what the
scale said before is put away first. It is used once, so that a second line of goods is weighed anew.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType

from hardware.scales import sma, toledo_8217
from hardware.scales.readings import NoWeight, Reading, ScaleFramer, ScaleProtocol, Weight
from hardware.transports.transport import LineLost, Transport

PROTOCOLS: Mapping[str, ScaleProtocol] = MappingProxyType(
    {protocol.name: protocol for protocol in (toledo_8217.PROTOCOL, sma.PROTOCOL)}
)
weight_seconds_max = 1.0
answer_seconds = 0.5
ask_again_seconds = 0.1


class UsedWeight(ValueError):  # noqa: N818
    """This weight was used already, or is older than a second; weigh again."""


class FreshWeight:
    """A weight with the moment at which it was read; `take` gives it once, while it is fresh."""

    def __init__(self, weight: Weight, at: float) -> None:
        self.weight = weight
        self._at: float | None = at

    def take(self, now: float) -> Weight:
        """The weight; raises `UsedWeight` the second time, or later than a second after it was read."""
        at, self._at = self._at, None
        if at is None or not 0 <= now - at <= weight_seconds_max:
            raise UsedWeight("this weight was used already or is older than a second; weigh again")
        return self.weight


class ScaleDriver:
    """One scale on one transport, used by one task at a time. Times are the event loop's."""

    def __init__(
        self,
        transport: Transport,
        protocol: ScaleProtocol,
        *,
        answer_seconds: float = answer_seconds,
        ask_again_seconds: float = ask_again_seconds,
        counts: Counter[str] | None = None,
    ) -> None:
        self.transport = transport
        self.protocol = protocol
        self._answer_seconds = answer_seconds
        self._ask_again_seconds = ask_again_seconds
        self._framer = ScaleFramer(protocol)
        self.counts = Counter[str]() if counts is None else counts

    async def ask(self) -> Reading:
        """What the scale says to one question; `no_answer` where it says nothing. Raises `LineLost`."""
        self.transport.drain()
        self._framer.reset()
        result = await self.transport.write_all(self.protocol.question, deadline=self._answer_seconds)
        if result.error is not None and not self.transport.is_open:
            raise LineLost(f"{self.transport.address}: {result.error}", "check its cable and power")
        loop = asyncio.get_running_loop()
        end = loop.time() + self._answer_seconds
        while (left := end - loop.time()) > 0:
            for reading in self._framer.feed(await self.transport.read_some(deadline=left)):
                return reading
        return NoWeight("no_answer")

    async def weigh(self, *, deadline: float) -> FreshWeight | NoWeight:
        """A stable weight, asked for again while the load moves or an answer was garbled, at most `deadline` seconds.

        Raises `LineLost`.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + deadline
        while True:
            reading = await self.ask()
            if isinstance(reading, Weight):
                self.counts["weighed"] += 1
                return FreshWeight(reading, loop.time())
            if reading.reason not in ("in_motion", "garbled") or loop.time() >= end:
                return reading
            await asyncio.sleep(self._ask_again_seconds)
