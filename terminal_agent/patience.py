"""How long to wait before the next try: full jitter from 1 s to 5 min, and never below what central asked for."""

import random
from typing import Final

from protocol.uplink import retry_seconds_max, retry_seconds_min

_DOUBLINGS_MAX: Final = 12


class Patience:
    """The waits of one loop; `random` is a source of randomness of the caller's own."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._failures = 0

    def succeeded(self) -> None:
        """Central answered: the next wait begins anew."""
        self._failures = 0

    def seconds(self, retry_after: float = 0.0) -> float:
        """The wait after one more failure."""
        self._failures += 1
        doubled = retry_seconds_min * 2.0 ** min(self._failures, _DOUBLINGS_MAX)
        ceiling = min(doubled, retry_seconds_max)
        jittered = self._chance.uniform(retry_seconds_min, ceiling)
        return max(jittered, min(retry_after, retry_seconds_max) + self._chance.uniform(0.0, retry_seconds_min))
