"""The line between central and PostgreSQL, which can be cut at any message, before or after it is obeyed.

Cut before: the statement never ran. Cut after: it ran, a commit is there, and central never hears of it. Either way
every connection of that central is gone at once, as when its process is killed.
"""

import asyncio
import contextlib
import shutil
import tempfile
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

chunk_bytes = 1 << 16


class PostgresLine:
    """A Unix socket that central connects to in place of PostgreSQL's own."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="tl-"))
        self._server: asyncio.Server | None = None
        self._pairs: set[tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = set()
        self._pumps: set[asyncio.Task[None]] = set()
        self._messages_left: int | None = None
        self._cut_after = False
        self._answer_is_cut = False
        self._socket = ""
        self.was_cut = False

    async def open(self, address: str) -> str:
        """Stand before a database; the address that central is given instead."""
        parts = urlsplit(address)
        query = parse_qs(parts.query)
        port = query["port"][0]
        self._socket = f"{query['host'][0]}/.s.PGSQL.{port}"
        self._server = await asyncio.start_unix_server(self._connected, self._folder / f".s.PGSQL.{port}")
        return f"postgresql://{parts.username}@{parts.path}?host={self._folder}&port={port}"

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        self.cut()
        await asyncio.gather(*self._pumps, return_exceptions=True)
        shutil.rmtree(self._folder, ignore_errors=True)

    def cut_at(self, message: int, *, after: bool) -> None:
        """Cut everything at the n-th message that central sends from now on."""
        self._messages_left, self._cut_after, self.was_cut = message, after, False

    def spare(self) -> None:
        """Cut nothing any more."""
        self._messages_left = None
        self._answer_is_cut = False

    def cut(self) -> None:
        """Cut every connection now."""
        self.was_cut = True
        self.spare()
        for pair in list(self._pairs):
            for writer in pair:
                writer.transport.abort()
        self._pairs.clear()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_unix_connection(self._socket)
        except OSError:
            writer.transport.abort()
            return
        self._pairs.add((writer, far_writer))
        for pump in (self._up(reader, far_writer), self._down(far_reader, writer)):
            task = asyncio.create_task(pump)
            self._pumps.add(task)
            task.add_done_callback(self._pumps.discard)

    async def _up(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while chunk := await reader.read(chunk_bytes):
                if self._is_last():
                    if not self._cut_after:
                        self.cut()
                        return
                    self._answer_is_cut = True
                writer.write(chunk)
                await writer.drain()
        writer.close()

    async def _down(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while chunk := await reader.read(chunk_bytes):
                if self._answer_is_cut:
                    self.cut()
                    return
                writer.write(chunk)
                await writer.drain()
        writer.close()

    def _is_last(self) -> bool:
        if self._messages_left is None:
            return False
        self._messages_left -= 1
        if self._messages_left > 0:
            return False
        self._messages_left = None
        return True
