"""`till-terminal enrol`: an enrolment code becomes a terminal's identity."""

import asyncio
from pathlib import Path

import click

from terminal_agent import enrolment
from terminal_agent.cli.target import authority, claimed, plainly, state_directory
from terminal_agent.clock import system_time
from terminal_agent.config import read_config


@click.command()
@click.option("--server", required=True, envvar="TILL_TERMINAL_SERVER", help="The central server's address.")
@click.option("--code", required=True, envvar="TILL_TERMINAL_CODE", help="The enrolment code from the back office.")
@authority
@click.option("--keep-journal", is_flag=True, help="Enrol although lines are pending, and go on delivering them.")
@state_directory
def enrol(server: str, code: str, ca_file: Path | None, keep_journal: bool, state_dir: Path) -> None:
    """Give this terminal its identity."""
    with plainly(), claimed(state_dir) as directory:
        config = read_config(directory.config, ca_file=ca_file)
        made = asyncio.run(
            enrolment.enrol(
                directory,
                server=server,
                code=code,
                ca_file=config.ca_file,
                keep_journal=keep_journal,
                at=system_time(),
            )
        )
        identity = made.answer
        click.echo(
            f"enrolled as {identity.receipt_prefix.rstrip('-')} at {identity.location_name}, {identity.tenant_name}"
            f" (terminal {identity.terminal_id}, epoch {identity.epoch})"
        )
