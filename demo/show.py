"""What the demo shows: bars while it sells, a line for each fault, a table and a verdict at the end."""

import time
from collections.abc import Callable, Mapping
from typing import Final

from rich.box import SIMPLE
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from demo.reckoning import Figures

_PLAIN_EVERY_SECONDS: Final = 10.0
_SOURCES: Final = ("data set", "journals", "ledger", "reports")
_FIGURES: Final = (
    ("sales", "sales"),
    ("lines", "lines"),
    ("quantity", "quantity_milli"),
    ("money", "money_minor"),
)

Counts = Mapping[str, tuple[int, int | None]]


class Screen:
    """Bars on a terminal, plain lines elsewhere; `counts` gives for each bar how many there are and of how many."""

    def __init__(self, counts: Callable[[], Counts]) -> None:
        self.console = Console(highlight=False, soft_wrap=True)
        self._counts = counts
        self._started = time.monotonic()
        self._shown = 0.0
        self._bars = Progress(
            TextColumn("{task.description:>13}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self.console,
            disable=not self.console.is_terminal,
        )
        self._ids: dict[str, TaskID] = {}

    def __enter__(self) -> "Screen":
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.draw()
        self._bars.stop()

    def say(self, text: str, *, style: str = "") -> None:
        """A line above the bars, with the seconds since the start."""
        seconds = time.monotonic() - self._started
        self.console.print(Text(f"{seconds:6.1f} s  ", style="dim"), Text(text, style=style), sep="")

    def draw(self) -> None:
        """Bring the bars up to date; without a terminal a line every ten seconds."""
        counts = self._counts()
        for name, (done, total) in counts.items():
            if name not in self._ids:
                self._ids[name] = self._bars.add_task(name, total=total)
            self._bars.update(self._ids[name], completed=done, total=total)
        now = time.monotonic()
        if not self.console.is_terminal and now - self._shown >= _PLAIN_EVERY_SECONDS:
            self._shown = now
            self.say(" · ".join(f"{name} {done:,}" + (f"/{of:,}" if of else "") for name, (done, of) in counts.items()))


def figures_table(rows: Mapping[tuple[str, str, str], tuple[Figures, ...]]) -> Table:
    """Each store's figures by each source, the rows that differ in red. Keys are (tenant's code, store, currency)."""
    table = Table(
        title="What was sold, by four accounts", title_justify="left", box=SIMPLE, padding=(0, 1, 0, 0), pad_edge=False
    )
    for heading in ("store", "figure"):
        table.add_column(heading, no_wrap=True)
    for source in _SOURCES:
        table.add_column(source, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for (tenant, store, currency), figures in rows.items():
        for name, field in _FIGURES:
            values = [getattr(source, field) for source in figures]
            equal = len({value for value in values if value is not None}) == 1
            table.add_row(
                f"{tenant} {store}" if name == "sales" else "",
                currency if name == "money" else name,
                *(_written(value, name) for value in values),
                "equal" if equal else "DIFFERS",
                style="" if equal else "bold red",
                end_section=name == "money",
            )
    return table


def _written(value: int | None, figure: str) -> str:
    if value is None:
        return "–"
    if figure == "money":
        return f"{value / 100:,.2f}"
    if figure == "quantity":
        return f"{value / 1000:,.3f}"
    return f"{value:,}"
