"""What a simulation did, step by step, so that a failing run can be told and played again."""

import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

lines_shown_max = 400
dawn = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)


@dataclass
class Schedule:
    """One seed's chance, and the steps that it chose."""

    seed: int
    chance: random.Random = field(init=False)
    steps: list[str] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)

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
