"""`till-terminal`: enrol, run, status, journal, receipt. Expected failures are one line that names the next step."""

import asyncio
import contextlib
import errno
import json
import logging
import sqlite3
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import click
import structlog
from cryptography.exceptions import UnsupportedAlgorithm

from terminal_agent.central_link import CentralUnreachableError, TokenRefusedError
from terminal_agent.chain_check import JournalBrokenError
from terminal_agent.clock import system_time
from terminal_agent.config import ConfigError, read_config
from terminal_agent.daemon import Daemon, NotEnrolledError
from terminal_agent.database import DatabaseError
from terminal_agent.enrolment import EnrolmentError, enrol
from terminal_agent.journal import JournalError
from terminal_agent.journal_tools import (
    export_journal,
    find_line,
    push_journal,
    terminal_summary,
    verify_journal,
)
from terminal_agent.server_trust import ServerAddressError
from terminal_agent.state_directory import StateDirectory, StateDirectoryError

default_state_directory: Final = "~/.local/state/till-terminal"
_NOT_TO_LISTEN: Final = (errno.EADDRINUSE, errno.EADDRNOTAVAIL, errno.EACCES)
_EXPECTED: Final = (
    CentralUnreachableError,
    ConfigError,
    DatabaseError,
    EnrolmentError,
    JournalBrokenError,
    JournalError,
    NotEnrolledError,
    ServerAddressError,
    StateDirectoryError,
    TokenRefusedError,
    UnsupportedAlgorithm,
)


def _state_directory(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--state-dir",
        type=click.Path(file_okay=False, path_type=Path),
        default=default_state_directory,
        envvar="TILL_TERMINAL_STATE_DIR",
        show_default=True,
        show_envvar=True,
        help="Where the terminal keeps its journal, keys and settings.",
    )(command)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="tillstream", prog_name="till-terminal")
def main() -> None:
    """The agent on a till: sells with or without a network, and delivers every sale to the central server."""
    _log_to_stderr()


@main.command("enrol")
@click.option("--server", required=True, envvar="TILL_TERMINAL_SERVER", help="The central server's address.")
@click.option("--code", required=True, envvar="TILL_TERMINAL_CODE", help="The enrolment code from the back office.")
@click.option(
    "--ca-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    envvar="TILL_TERMINAL_CA_FILE",
    help="The certificate authority to trust, where it is the shop's own.",
)
@click.option("--keep-journal", is_flag=True, help="Enrol although lines are pending, and go on delivering them.")
@_state_directory
def enrol_command(server: str, code: str, ca_file: Path | None, keep_journal: bool, state_dir: Path) -> None:
    """Give this terminal its identity."""
    with _plainly(), _claimed(state_dir) as directory:
        config = read_config(directory.config, ca_file=ca_file)
        enrolment = asyncio.run(
            enrol(
                directory,
                server=server,
                code=code,
                ca_file=config.ca_file,
                keep_journal=keep_journal,
                at=system_time(),
            )
        )
        identity = enrolment.answer
        click.echo(
            f"enrolled as {identity.receipt_prefix.rstrip('-')} at {identity.location_name}, {identity.tenant_name}"
            f" (terminal {identity.terminal_id}, epoch {identity.epoch})"
        )


@main.command("run")
@click.option("--listen", envvar="TILL_TERMINAL_LISTEN", help="HOST:PORT of the local API, on loopback; port 0: any.")
@click.option(
    "--ca-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    envvar="TILL_TERMINAL_CA_FILE",
    help="The certificate authority to trust, where it is the shop's own.",
)
@_state_directory
def run_command(listen: str | None, ca_file: Path | None, state_dir: Path) -> None:
    """Work as a till until SIGTERM; says the URL of the local API in one line once it listens."""
    with _plainly(), _claimed(state_dir) as directory:
        config = read_config(directory.config, listen=listen, ca_file=ca_file)

        async def work() -> None:
            await Daemon(directory, config).run(announce=lambda url: click.echo(f"listening on {url}"))

        try:
            _run_fast(work)
        except OSError as error:
            if error.errno not in _NOT_TO_LISTEN:
                raise
            raise ConfigError(f"the local API cannot listen ({error.strerror}); choose another --listen") from error


@main.command("status")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout and nothing else.")
@_state_directory
def status_command(as_json: bool, state_dir: Path) -> None:
    """What this terminal is, holds, and still has to deliver; works while `run` does."""
    with _plainly():
        summary = terminal_summary(_existing(state_dir))
        if as_json:
            click.echo(json.dumps(summary))
            return
        for name, value in summary.items():
            if not isinstance(value, list | dict):
                click.echo(f"{name.replace('_', ' '):<22} {'-' if value is None else value}")


@main.group("journal")
def journal_group() -> None:
    """The electronic journal: check it, take it elsewhere, deliver it."""


@journal_group.command("verify")
@_state_directory
def verify_command(state_dir: Path) -> None:
    """Recount every chain: sequences, hashes, receipt numbers, print jobs."""
    with _plainly():
        for line in verify_journal(_existing(state_dir)):
            click.echo(line)


@journal_group.command("export")
@click.argument("file", type=click.Path(dir_okay=False, writable=True, path_type=Path))
@click.option("--epoch", type=int, help="Of which enrolment; the newest where left out.")
@_state_directory
def export_command(file: Path, epoch: int | None, state_dir: Path) -> None:
    """Write an enrolment's lines, signed, into FILE for `till-central journal import`."""
    with _plainly():
        count = export_journal(_existing(state_dir), file, epoch)
        click.echo(f"{count} lines written to {file}")


@journal_group.command("push")
@_state_directory
def push_command(state_dir: Path) -> None:
    """Deliver what is pending, once, while `run` does not work."""
    with _plainly(), _claimed(state_dir) as directory:
        pushed = asyncio.run(push_journal(directory, read_config(directory.config)))
        known = f"; {pushed.known} more were there already" if pushed.known else ""
        click.echo(f"{pushed.new} lines delivered{known}")


@main.group("receipt")
def receipt_group() -> None:
    """Receipts of this terminal."""


@receipt_group.command("show")
@click.argument("receipt_number")
@click.option("--json", "as_json", is_flag=True, help="The event's line instead of the paper.")
@_state_directory
def show_command(receipt_number: str, as_json: bool, state_dir: Path) -> None:
    """What a receipt of this terminal says."""
    with _plainly():
        click.echo(find_line(_existing(state_dir), receipt_number, as_paper=not as_json))


@contextlib.contextmanager
def _plainly() -> Iterator[None]:
    """Expected failures as one line and exit 1."""
    try:
        yield
    except _EXPECTED as error:
        raise click.ClickException(" ".join(str(error).split())) from error
    except sqlite3.Error as error:
        raise click.ClickException(f"the journal cannot be used ({error}); see `df` and who owns its files") from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise click.ClickException("the disk is full; free some space (`df` shows it), then try again") from error
        if error.filename is None:
            raise
        raise click.ClickException(
            f"{error.filename} cannot be used ({error.strerror}); run as its owner, or name another --state-dir"
        ) from error


@contextlib.contextmanager
def _claimed(path: Path) -> Iterator[StateDirectory]:
    directory = StateDirectory(path.expanduser())
    directory.make()
    with directory.locked():
        yield directory


def _existing(path: Path) -> StateDirectory:
    directory = StateDirectory(path.expanduser())
    if not directory.journal.exists():
        raise NotEnrolledError(f"no terminal lives in {directory.path}; enrol it, or name another --state-dir")
    return directory


def _run_fast(work: Callable[[], Any]) -> None:
    """With uvloop where it is installed."""
    try:
        import uvloop
    except ImportError:
        asyncio.run(work())
        return
    uvloop.run(work())


def _log_to_stderr() -> None:
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
