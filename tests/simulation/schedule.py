"""What a simulation did, step by step, so that a failing run can be told and played again."""

import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

lines_shown_max = 400
dawn = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)


@dataclass
class Schedule:
    """One seed's chance, and the steps that it chose.

    Tills, central and PostgreSQL race with each other as they do in life, so that a seed cannot fix every byte. What it
    fixes is what is tried: chance begins anew with each step, so that what a race made of one changes no draw of the
    next, and those who act at once draw from streams of their own.
    """

    seed: int
    chance: random.Random = field(init=False)
    steps: list[str] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    _step: str = "opening"
    _streams: dict[str, random.Random] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)

    def begin(self, step: str) -> None:
        """A step begins, and its chance with it."""
        self._step = step
        self._streams.clear()
        self.chance.seed(f"{self.seed} {step}")

    def stream(self, name: str) -> random.Random:
        """The chance of one of several who act at once in this step."""
        if name not in self._streams:
            self._streams[name] = random.Random(f"{self.seed} {self._step} {name}")
        return self._streams[name]

    def say(self, text: str) -> None:
        self.steps.append(text)

    def fault(self, kind: str, text: str = "") -> None:
        """Note a fault; kinds are counted, so that a run can show which it covered."""
        self.faults[kind] += 1
        self.say(f"! {kind} {text}".rstrip())

    def one_in(self, number: int) -> bool:
        return self.chance.randrange(number) == 0

    def told(self) -> str:
        """The schedule as a failing run prints it."""
        shown = self.steps[-lines_shown_max:]
        left_out = len(self.steps) - len(shown)
        head = [f"(the first {left_out} steps are left out)"] if left_out else []
        return "\n".join([f"seed {self.seed}: pytest tests/simulation --seed {self.seed}", *head, *shown])


class SimulatedTime:
    """The world's time: it moves when the simulation says so, and each terminal's clock is off by its own skew."""

    def __init__(self) -> None:
        self.now = dawn

    def __call__(self) -> datetime:
        # Each look takes a little, so that what follows is later.
        self.now += timedelta(milliseconds=1)
        return self.now

    def pass_by(self, by: timedelta) -> None:
        self.now += by
