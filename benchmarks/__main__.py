"""`python -m benchmarks [--quick] [NAMES…]`: every benchmark, and one table of what each found beside its floor.

A number fails nothing, since a busy machine is no fault of ours: the exit code is 1 only where a benchmark could not
run.
"""

import asyncio
import importlib
import logging
import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import click
import uvloop
from rich.console import Console
from rich.table import Table

from benchmarks.figures import Figure, Scale
from benchmarks.machine import Machine, look

NAMES: Final = ("terminal", "hardware", "look_up", "catalogue", "reports", "ingest")
"""Each a module of this folder with `async def measure(scale) -> list[Figure]`."""

plain_columns: Final = 150


@dataclass(frozen=True)
class Outcome:
    """What a benchmark came to, and how the machine was when it began."""

    name: str
    title: str
    figures: list[Figure]
    machine: Machine
    seconds: float
    error: str = ""


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(NAMES))
@click.option("--quick", is_flag=True, help="Less of everything, three rounds: a first look in under 90 seconds.")
def main(names: Sequence[str], quick: bool) -> None:
    """How fast Tillstream is on this machine, as ratios to floors that were measured in the same rounds."""
    logging.basicConfig(level=logging.WARNING)
    console = Console() if sys.stdout.isatty() else Console(width=plain_columns, no_color=True)
    scale = Scale(quick, lambda said: console.print(f"  {said}", style="dim", highlight=False))
    outcomes = [_run(name, scale, console) for name in names or NAMES]
    console.print()
    console.print(_table(outcomes))
    for outcome in outcomes:
        console.print(f"{outcome.name}: {outcome.machine}; took {outcome.seconds:.0f} s", highlight=False, style="dim")
    console.print(
        "Ratios are medians of interleaved rounds, ours by the floor; the spread is from the lowest round to the "
        "highest. An aim is no promise.",
        highlight=False,
    )
    for outcome in outcomes:
        if outcome.error:
            console.print(f"{outcome.name} could not run: {outcome.error}", style="bold red", highlight=False)
    sys.exit(any(outcome.error for outcome in outcomes))


def _run(name: str, scale: Scale, console: Console) -> Outcome:
    machine = look()
    console.print(f"{name}: {machine}", style="bold", highlight=False)
    begin = time.monotonic()
    title, figures, error = name.replace("_", "-"), [], ""
    try:
        module = importlib.import_module(f"benchmarks.{name}")
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            figures = runner.run(module.measure(scale))
    except Exception as failure:
        traceback.print_exc()
        error = f"{type(failure).__name__}: {failure}"
    return Outcome(name, title, figures, machine, time.monotonic() - begin, error)


def _table(outcomes: Sequence[Outcome]) -> Table:
    table = Table(title="Tillstream, and the floors of the same rounds", title_justify="left", pad_edge=False)
    table.add_column("what", overflow="fold", ratio=3)
    table.add_column("ours", justify="right", overflow="fold")
    table.add_column("floor", overflow="fold", ratio=3)
    table.add_column("ratio", justify="right", no_wrap=True)
    table.add_column("spread", justify="right", no_wrap=True)
    table.add_column("goal", justify="right", no_wrap=True)
    table.add_column("reached", no_wrap=True)
    for outcome in outcomes:
        for figure in outcome.figures:
            what = f"{figure.what}\n[dim]{figure.note}[/dim]" if figure.note else figure.what
            goal = "" if figure.goal is None else figure.goal.text
            table.add_row(what, figure.ours, figure.floor, figure.ratio, figure.spread, goal, _reached(figure))
        if outcome.error:
            table.add_row(outcome.title, "", "", "", "", "", "[bold red]could not run[/bold red]")
        table.add_section()
    return table


def _reached(figure: Figure) -> str:
    goal = figure.goal
    if goal is None:
        return ""
    if goal.reached is None:
        return "too small to tell"
    if goal.reached:
        return "[green]yes[/green]" if goal.must else "[green]yes (aim)[/green]"
    return "[bold red]no[/bold red]" if goal.must else "[yellow]no (aim)[/yellow]"


if __name__ == "__main__":
    main()
