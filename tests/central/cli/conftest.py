"""`till-central` as a process, on a data directory of its own."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import uvloop
from click.testing import CliRunner

from central.cli import main
from central.database.embedded import EmbeddedPostgres

TILL_CENTRAL = [sys.executable, "-c", "from central.cli import main; main()"]
LOOPBACK = ["--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"]


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """`serve` runs on uvloop's where it is there."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@dataclass
class Finished:
    """A command that ended."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class CommandLine:
    """Runs commands on one data directory."""

    data_dir: Path

    def run(self, *arguments: str, data_dir: bool = True) -> Finished:
        """A command to its end, in this process: starting an interpreter is most of what one costs."""
        ended = CliRunner().invoke(main, [*arguments, *(["--data-dir", str(self.data_dir)] if data_dir else [])])
        if ended.exception is not None and not isinstance(ended.exception, SystemExit):
            raise ended.exception
        return Finished(ended.exit_code, ended.stdout, ended.stderr)

    def serve(self, *arguments: str) -> "Serving":
        command = [*TILL_CENTRAL, "serve", *LOOPBACK, "--data-dir", str(self.data_dir), *arguments]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("Listening on http"), line
        return Serving(process, line.split()[-1])


@dataclass
class Serving:
    """A `serve` that listens."""

    process: "subprocess.Popen[str]"
    url: str

    def stop(self) -> int:
        """SIGTERM; its exit status."""
        self.process.terminate()
        return self.process.wait(30)


@pytest.fixture
def till_central(tmp_path: Path) -> Iterator[CommandLine]:
    """A command line whose embedded PostgreSQL goes when the test ends."""
    line = CommandLine(tmp_path / "central")
    yield line
    server = EmbeddedPostgres(line.data_dir)
    if line.data_dir.exists() and server.cluster.exists():
        server.destroy()
