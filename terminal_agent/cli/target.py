"""Which state directory a command works on, and how a command says what it cannot do."""

import contextlib
import errno
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import click
from cryptography.exceptions import UnsupportedAlgorithm

from terminal_agent.central_link import CentralUnreachableError, TokenRefusedError
from terminal_agent.chain_check import JournalBrokenError
from terminal_agent.config import ConfigError
from terminal_agent.daemon import NotEnrolledError
from terminal_agent.database import DatabaseError
from terminal_agent.enrolment import EnrolmentError
from terminal_agent.journal import JournalError
from terminal_agent.server_trust import ServerAddressError
from terminal_agent.state_directory import StateDirectory, StateDirectoryError

default_state_directory: Final = "~/.local/state/till-terminal"
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


def state_directory(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the option; it gets the folder as `state_dir`."""
    return click.option(
        "--state-dir",
        type=click.Path(file_okay=False, path_type=Path),
        default=default_state_directory,
        envvar="TILL_TERMINAL_STATE_DIR",
        show_default=True,
        show_envvar=True,
        help="Where the terminal keeps its journal, keys and settings.",
    )(command)


def authority(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the option; it gets the file as `ca_file`."""
    return click.option(
        "--ca-file",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        envvar="TILL_TERMINAL_CA_FILE",
        help="The certificate authority to trust, where it is the shop's own.",
    )(command)


@contextlib.contextmanager
def plainly() -> Iterator[None]:
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
def claimed(path: Path) -> Iterator[StateDirectory]:
    """The state directory, made where it is missing, for this process alone. Raises `StateDirectoryError`."""
    directory = StateDirectory(path.expanduser())
    directory.make()
    with directory.locked():
        yield directory


def existing(path: Path) -> StateDirectory:
    """The state directory of a terminal that lives there, beside `run`. Raises `NotEnrolledError`."""
    directory = StateDirectory(path.expanduser())
    if not directory.journal.exists():
        raise NotEnrolledError(f"no terminal lives in {directory.path}; enrol it, or name another --state-dir")
    return directory
