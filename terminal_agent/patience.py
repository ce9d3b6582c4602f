"""How long to wait before the next try: full jitter from 1 s to 5 min, and never below what central asked for.

A loop that nobody answered may be in the midst of a wait of minutes when another one of the same terminal reaches
central again; then it begins anew, so that a shop whose line is back does not hold its sales for minutes more.
"""

import asyncio
import random
from typing import Final

from protocol.uplink import retry_seconds_max, retry_seconds_min

_DOUBLINGS_MAX: Final = 12


class Patience:
    """The waits of one loop; `random` is a source of randomness of the caller's own."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._failures = 0
        self._heard = asyncio.Event()

    def succeeded(self) -> None:
        """Central answered: the next wait begins anew."""
        self._failures = 0

    def heard(self) -> None:
        """Central answered another loop, after a time in which it answered none."""
        self._heard.set()

    async def wait(self, retry_after: float = 0.0) -> None:
        """Wait after one more failure; where central asked for the wait nothing cuts it short."""
        self._heard.clear()
        seconds = self.seconds(retry_after)
        if retry_after > 0:
            await asyncio.sleep(seconds)
            return
        until = asyncio.get_running_loop().time() + seconds
        try:
            async with asyncio.timeout_at(until):
                await self._heard.wait()
        except TimeoutError:
            return
        self.succeeded()
        await asyncio.sleep(min(until - asyncio.get_running_loop().time(), self.seconds()))

    def seconds(self, retry_after: float = 0.0) -> float:
        """The wait after one more failure."""
        self._failures += 1
        doubled = retry_seconds_min * 2.0 ** min(self._failures, _DOUBLINGS_MAX)
        ceiling = min(doubled, retry_seconds_max)
        jittered = self._chance.uniform(retry_seconds_min, ceiling)
        return max(jittered, min(retry_after, retry_seconds_max) + self._chance.uniform(0.0, retry_seconds_min))
