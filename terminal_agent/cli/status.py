"""`till-terminal status`: what a terminal is, holds, and still has to deliver."""

import json
from pathlib import Path

import click

from terminal_agent.cli.target import existing, plainly, state_directory
from terminal_agent.journal_tools import terminal_summary


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout and nothing else.")
@state_directory
def status(as_json: bool, state_dir: Path) -> None:
    """What this terminal is, holds, and still has to deliver; works while `run` does."""
    with plainly():
        summary = terminal_summary(existing(state_dir))
        if as_json:
            click.echo(json.dumps(summary))
            return
        for name, value in summary.items():
            if not isinstance(value, list | dict):
                click.echo(f"{name.replace('_', ' '):<22} {'-' if value is None else value}")
