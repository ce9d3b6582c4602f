"""`till-terminal receipt`: what a receipt of this terminal says."""

from pathlib import Path

import click

from terminal_agent.cli.target import existing, plainly, state_directory
from terminal_agent.journal_tools import find_line


@click.group()
def receipt() -> None:
    """Receipts of this terminal."""


@receipt.command()
@click.argument("receipt_number")
@click.option("--json", "as_json", is_flag=True, help="The event's line instead of the paper.")
@state_directory
def show(receipt_number: str, as_json: bool, state_dir: Path) -> None:
    """What a receipt of this terminal says."""
    with plainly():
        click.echo(find_line(existing(state_dir), receipt_number, as_paper=not as_json))
