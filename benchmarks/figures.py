"""What a benchmark found: our figure, its floor from the same rounds, their ratio round by round, and the goal."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

rounds_full: Final = 9
rounds_quick: Final = 3

Told: TypeAlias = Callable[[str], None]


@dataclass(frozen=True)
class Scale:
    """How much is measured; `say` shows how far it is."""

    quick: bool
    say: Told

    @property
    def rounds(self) -> int:
        return rounds_quick if self.quick else rounds_full


@dataclass(frozen=True)
class Goal:
    """What is wanted; `reached` is None where this run is too small to tell."""

    text: str
    reached: bool | None
    must: bool = True
    """A goal that the project is held to; else an aim."""


@dataclass(frozen=True)
class Figure:
    """One row of the table. `ratios` are those of single rounds, each of figures that were taken side by side."""

    what: str
    ours: str
    floor: str
    ratios: tuple[float, ...] = ()
    goal: Goal | None = None
    note: str = ""

    @property
    def ratio(self) -> str:
        return f"{_ratio(statistics.median(self.ratios))}" if self.ratios else ""

    @property
    def spread(self) -> str:
        return f"{_ratio(min(self.ratios))} to {_ratio(max(self.ratios))}" if len(self.ratios) > 1 else ""


def ratios(ours: Sequence[float], floor: Sequence[float]) -> tuple[float, ...]:
    """Ours by the floor, round by round."""
    return tuple(mine / best for mine, best in zip(ours, floor, strict=True))


def at_least(wanted: float, found: Sequence[float], *, must: bool = True) -> Goal:
    """The median of ratios is to be no less."""
    return Goal(f"≥ {wanted:g}", statistics.median(found) >= wanted, must)


def at_most(wanted: float, found: Sequence[float], *, must: bool = True) -> Goal:
    """The median of ratios is to be no more."""
    return Goal(f"≤ {wanted:g}", statistics.median(found) <= wanted, must)


def within(wanted_seconds: float, found_seconds: float, name: str = "") -> Goal:
    """A time that is aimed at, whatever the floor."""
    return Goal(f"{name} ≤ {duration(wanted_seconds)}".strip(), found_seconds <= wanted_seconds, must=False)


def p99(times: Sequence[float]) -> float:
    """The time that one of a hundred passes."""
    return sorted(times)[min(len(times) - 1, int(len(times) * 0.99))]


def duration(seconds: float) -> str:
    """A time as people read it."""
    if seconds >= 1:
        return f"{seconds:.2f} s"
    if seconds >= 0.001:
        return f"{seconds * 1e3:.1f} ms" if seconds < 0.1 else f"{seconds * 1e3:.0f} ms"
    return f"{seconds * 1e6:.0f} us"


def median_duration(times: Sequence[float]) -> str:
    """The median of times as people read it."""
    return duration(statistics.median(times))


def _ratio(value: float) -> str:
    if value >= 20:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 5 else f"{value:.3f}" if value < 0.2 else f"{value:.2f}"
