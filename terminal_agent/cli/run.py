"""`till-terminal run`: the terminal at work."""

import asyncio
import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click

from terminal_agent.cli.target import authority, claimed, plainly, state_directory
from terminal_agent.config import ConfigError, read_config
from terminal_agent.daemon import Daemon

_NOT_TO_LISTEN: Final = (errno.EADDRINUSE, errno.EADDRNOTAVAIL, errno.EACCES)


@click.command()
@click.option("--listen", envvar="TILL_TERMINAL_LISTEN", help="HOST:PORT of the local API, on loopback; port 0: any.")
@authority
@state_directory
def run(listen: str | None, ca_file: Path | None, state_dir: Path) -> None:
    """Work as a till until SIGTERM; says the URL of the local API in one line once it listens."""
    with plainly(), claimed(state_dir) as directory:
        config = read_config(directory.config, listen=listen, ca_file=ca_file)

        async def work() -> None:
            await Daemon(directory, config).run(announce=lambda url: click.echo(f"listening on {url}"))

        try:
            _run_fast(work)
        except OSError as error:
            if error.errno not in _NOT_TO_LISTEN:
                raise
            raise ConfigError(f"the local API cannot listen ({error.strerror}); choose another --listen") from error


def _run_fast(work: Callable[[], Any]) -> None:
    """With uvloop where it is installed."""
    try:
        import uvloop
    except ImportError:
        asyncio.run(work())
        return
    uvloop.run(work())
