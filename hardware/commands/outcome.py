"""How a command of till-hardware ends: its exit codes, one JSON document or a table, one line for a failure."""

from __future__ import annotations

import enum
import json
import sys
from collections.abc import Iterable, Sequence
from typing import IO, Any, NoReturn

import click
from rich.console import Console
from rich.table import Table

from hardware.states import DeviceState
from hardware.transports.transport import Busy, Forbidden, TransportError


class Exit(enum.IntEnum):
    """The exit codes of the contract, section 10; of several devices the gravest counts."""

    FINE = 0
    NEEDS_A_HAND = 1
    USAGE = 2
    NOT_THERE = 3
    FORBIDDEN = 4
    UNCONFIRMED = 5


BY_STATE = {
    DeviceState.READY: Exit.FINE,
    DeviceState.OPENING: Exit.FINE,
    DeviceState.ATTENTION: Exit.NEEDS_A_HAND,
    DeviceState.BUSY: Exit.NEEDS_A_HAND,
    DeviceState.ABSENT: Exit.NOT_THERE,
    DeviceState.LOST: Exit.NOT_THERE,
    DeviceState.FORBIDDEN: Exit.FORBIDDEN,
}


# What a person reads at a glance stays whole; addresses and details wrap.
_NEVER_WRAPPED = ("DEVICE", "KIND", "STATE", "SINCE")


class _Failure(click.ClickException):
    """An expected failure."""

    def __init__(self, message: str, exit_code: Exit) -> None:
        super().__init__(message)
        self._code = int(exit_code)

    def show(self, file: IO[Any] | None = None) -> None:
        """One line on standard error."""
        click.echo(f"till-hardware: {self.message}", file=file, err=file is None)

    @property
    def exit_code(self) -> int:  # type: ignore[override]
        """What click exits with."""
        return self._code


def gravest(exits: Iterable[Exit]) -> Exit:
    """The exit code that speaks for all of them."""
    return max(exits, default=Exit.FINE)


def fail(message: str, exit_code: Exit = Exit.NEEDS_A_HAND) -> NoReturn:
    """End with one line on standard error that names the next step."""
    raise _Failure(message, exit_code)


def fail_for(error: TransportError) -> NoReturn:
    """End with a transport's error and its exit code."""
    if isinstance(error, Forbidden):
        fail(str(error), Exit.FORBIDDEN)
    fail(str(error), Exit.NEEDS_A_HAND if isinstance(error, Busy) else Exit.NOT_THERE)


def print_json(document: Any) -> None:
    """One document on standard output."""
    click.echo(json.dumps(document, ensure_ascii=False, indent=2))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table for people; without a terminal it is as wide as it needs to be. No address is ever shortened."""
    console = Console(width=None if sys.stdout.isatty() else 200, highlight=False)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=column in _NEVER_WRAPPED)
    for row in rows:
        table.add_row(*row)
    console.print(table)
