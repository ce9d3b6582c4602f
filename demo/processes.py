"""The programs that the demo starts, kills and starts again: each says where it listens in its first lines."""

import asyncio
import contextlib
import os
import re
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

_START_SECONDS_MAX: Final = 60.0
_STOP_SECONDS_MAX: Final = 20.0
_URL: Final = re.compile(r"https?://[\w.:\[\]-]+")


class ProgramFailedError(RuntimeError):
    """A program did not start, or ended when it should not have."""


def program(name: str) -> Path:
    """The installed console script of that name, beside the Python that runs this."""
    return Path(sys.executable).parent / name


async def run(name: str, *arguments: str | Path) -> str:
    """Run a program to its end and give what it printed. Raises `ProgramFailedError` with its own words."""
    process = await asyncio.create_subprocess_exec(
        program(name),
        *map(str, arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    printed, said = await process.communicate()
    if process.returncode != 0:
        words = (said or printed).decode(errors="replace").strip()
        raise ProgramFailedError(f"{name} {' '.join(map(str, arguments[:2]))} ended with {process.returncode}: {words}")
    return printed.decode()


class Program:
    """One long-running program with its log; `url` is where it listens."""

    def __init__(self, name: str, arguments: Sequence[str | Path], log: Path) -> None:
        self._name = name
        self._arguments = [str(argument) for argument in arguments]
        self._log = log
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self.url = ""

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None and self._process.returncode is None else None

    def keep_address(self) -> None:
        """Let it listen where it listens now, also when it is started again."""
        self._arguments[self._arguments.index("--listen") + 1] = self.url.partition("://")[2]

    async def start(self) -> None:
        """Start it and wait for the line that says where it listens. Raises `ProgramFailedError`."""
        self._process = await asyncio.create_subprocess_exec(
            program(self._name),
            *self._arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        listening: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._reading = asyncio.create_task(self._read(self._process, listening))
        try:
            self.url = await asyncio.wait_for(listening, _START_SECONDS_MAX)
        except TimeoutError as error:
            raise ProgramFailedError(f"{self._name} did not say where it listens; see {self._log}") from error

    async def _read(self, process: asyncio.subprocess.Process, listening: asyncio.Future[str]) -> None:
        assert process.stdout is not None
        with self._log.open("ab") as log:
            async for line in process.stdout:
                log.write(line)
                log.flush()
                found = _URL.search(line.decode(errors="replace"))
                if found and not listening.done():
                    listening.set_result(found.group())
        if not listening.done():
            listening.set_exception(ProgramFailedError(f"{self._name} ended at once; see {self._log}"))

    async def kill(self) -> None:
        """kill -9: no time to say goodbye."""
        await self._end(signal.SIGKILL)

    async def stop(self) -> None:
        """Ask it to end; kill it when it does not within `_STOP_SECONDS_MAX`."""
        await self._end(signal.SIGTERM)

    async def _end(self, number: signal.Signals) -> None:
        if self._process is None or self._process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._process.pid, number)
        try:
            await asyncio.wait_for(self._process.wait(), _STOP_SECONDS_MAX)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        if self._reading is not None:
            await self._reading
