"""`till-terminal journal`: recount the electronic journal, export it, deliver it."""

import asyncio
from pathlib import Path

import click

from terminal_agent.cli.target import claimed, existing, plainly, state_directory
from terminal_agent.config import read_config
from terminal_agent.journal_tools import export_journal, push_journal, verify_journal


@click.group()
def journal() -> None:
    """The electronic journal: check it, take it elsewhere, deliver it."""


@journal.command()
@state_directory
def verify(state_dir: Path) -> None:
    """Recount every chain: sequences, hashes, receipt numbers, print jobs."""
    with plainly():
        for line in verify_journal(existing(state_dir)):
            click.echo(line)


@journal.command()
@click.argument("file", type=click.Path(dir_okay=False, writable=True, path_type=Path))
@click.option("--epoch", type=int, help="Of which enrolment; the newest where left out.")
@state_directory
def export(file: Path, epoch: int | None, state_dir: Path) -> None:
    """Write an enrolment's lines, signed, into FILE for `till-central journal import`."""
    with plainly():
        count = export_journal(existing(state_dir), file, epoch)
        click.echo(f"{count} lines written to {file}")


@journal.command()
@state_directory
def push(state_dir: Path) -> None:
    """Deliver what is pending, once, while `run` does not work."""
    with plainly(), claimed(state_dir) as directory:
        pushed = asyncio.run(push_journal(directory, read_config(directory.config)))
        known = f"; {pushed.known} more were there already" if pushed.known else ""
        click.echo(f"{pushed.new} lines delivered{known}")
