"""The device's end of a line: a TCP port or a pseudo-terminal, which can be cut, dribble, or stop taking bytes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from pathlib import Path

read_bytes_max = 4_096
unsent_bytes_max = 1_048_576


class DeviceEnd(ABC):
    """One line to one till. `arrived` gets each piece that comes; `room` says how many bytes may come now."""

    def __init__(self, arrived: Callable[[bytes], None], room: Callable[[], int]) -> None:
        self._arrived = arrived
        self._room = room
        self.dribble = False
        self.connections = 0

    @property
    @abstractmethod
    def address(self) -> str:
        """The device address under which a till finds it."""

    @abstractmethod
    async def start(self) -> None:
        """Be there."""

    @abstractmethod
    async def stop(self) -> None:
        """Be gone for good."""

    @abstractmethod
    def cut(self) -> None:
        """Cut the line now; what was not sent is lost. The device comes back by itself."""

    @abstractmethod
    def unplug(self) -> None:
        """Be gone until `replug`."""

    @abstractmethod
    async def replug(self) -> None:
        """Be there again under the same address."""

    @abstractmethod
    def send(self, data: bytes) -> None:
        """Say something to the till, if one is there; a dribbling device says it byte by byte."""

    @abstractmethod
    async def attended(self) -> None:
        """Wait until a till is there to hear; a pseudo-terminal cannot know and does not wait."""

    @abstractmethod
    def wake(self) -> None:
        """There is room again: go on taking bytes."""


class TcpEnd(DeviceEnd):
    """A listening port that serves one client at a time; the next waits until the first has gone."""

    def __init__(
        self, arrived: Callable[[bytes], None], room: Callable[[], int], *, host: str = "127.0.0.1", port: int = 0
    ) -> None:
        super().__init__(arrived, room)
        self._host, self._port = host, port
        self._server: asyncio.Server | None = None
        self._one_at_a_time = asyncio.Lock()
        self._clients: set[asyncio.Task[None]] = set()
        self._writer: asyncio.StreamWriter | None = None
        self._has_room = asyncio.Event()
        self._has_client = asyncio.Event()

    @property
    def address(self) -> str:
        return f"tcp://{self._host}:{self._port}"

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._client, self._host, self._port, limit=read_bytes_max)
        self._port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        self.unplug()
        for task in list(self._clients):
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def cut(self) -> None:
        writer, self._writer = self._writer, None
        self._has_client.clear()
        if writer is not None:
            writer.transport.abort()

    def unplug(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        self.cut()
        for task in self._clients:
            task.cancel()

    async def replug(self) -> None:
        await self.start()

    def send(self, data: bytes) -> None:
        writer = self._writer
        if writer is None or writer.is_closing() or writer.transport.get_write_buffer_size() > unsent_bytes_max:
            return
        if self.dribble:
            for byte in data:
                writer.write(bytes([byte]))
        else:
            writer.write(data)

    async def attended(self) -> None:
        await self._has_client.wait()

    def wake(self) -> None:
        self._has_room.set()

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or self._server is None:  # it connected while the cable was pulled
            writer.transport.abort()
            return
        self._clients.add(task)
        try:
            async with self._one_at_a_time:
                self._writer = writer
                self.connections += 1
                self._has_client.set()
                await self._serve(reader, writer)
        except (ConnectionError, asyncio.CancelledError):
            writer.transport.abort()
        finally:
            if self._writer is writer or self._writer is None:
                self._writer = None
                self._has_client.clear()
            writer.close()
            self._clients.discard(task)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not writer.is_closing():
            room = self._room()
            if room <= 0:
                self._has_room.clear()
                await self._has_room.wait()
                continue
            data = await reader.read(1 if self.dribble else min(room, read_bytes_max))
            if not data:
                return
            self._arrived(data)


class PseudoTerminalEnd(DeviceEnd):
    """A pseudo-terminal behind a link, so that it has the same path after it was unplugged."""

    def __init__(
        self,
        arrived: Callable[[bytes], None],
        room: Callable[[], int],
        *,
        link: Path | None,
        settings: str,
    ) -> None:
        super().__init__(arrived, room)
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._link = link
        self._settings = settings
        self._master = self._slave = -1
        self._unsent: deque[bytes] = deque()
        self._reading = False

    @property
    def address(self) -> str:
        return f"serial:{self._link}?{self._settings}"

    async def start(self) -> None:
        if self._link is None:
            self._folder = tempfile.TemporaryDirectory(prefix="tillstream-port-")
            self._link = Path(self._folder.name) / "port"
        await self.replug()

    async def stop(self) -> None:
        self.unplug()
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def cut(self) -> None:
        self.unplug()
        self._plug()

    def unplug(self) -> None:
        if self._master < 0:
            return
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._master)
        loop.remove_writer(self._master)
        self._reading = False
        self._unsent.clear()
        os.close(self._slave)
        os.close(self._master)
        self._master = self._slave = -1
        if self._link is not None:
            self._link.unlink(missing_ok=True)

    async def replug(self) -> None:
        self._plug()

    def _plug(self) -> None:
        import tty

        assert self._link is not None
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self._link.unlink(missing_ok=True)
        self._link.symlink_to(os.ttyname(self._slave))
        self.connections += 1
        self.wake()

    def send(self, data: bytes) -> None:
        if self._master < 0 or sum(map(len, self._unsent)) > unsent_bytes_max:
            return
        pieces = [data[i : i + 1] for i in range(len(data))] if self.dribble else [data]
        self._unsent.extend(pieces)
        self._send_more()

    async def attended(self) -> None:
        return

    def wake(self) -> None:
        if self._master >= 0 and not self._reading:
            asyncio.get_running_loop().add_reader(self._master, self._on_readable)
            self._reading = True

    def _send_more(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._unsent:
                piece = self._unsent[0]
                written = os.write(self._master, piece)
                if written == len(piece):
                    self._unsent.popleft()
                else:
                    self._unsent[0] = piece[written:]
                if self.dribble and self._unsent:
                    loop.add_writer(self._master, self._send_more)
                    return
        except BlockingIOError:
            loop.add_writer(self._master, self._send_more)
            return
        except OSError:
            self._unsent.clear()
        loop.remove_writer(self._master)

    def _on_readable(self) -> None:
        room = self._room()
        if room <= 0:
            asyncio.get_running_loop().remove_reader(self._master)
            self._reading = False
            return
        try:
            data = os.read(self._master, 1 if self.dribble else min(room, read_bytes_max))
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self._arrived(data)
