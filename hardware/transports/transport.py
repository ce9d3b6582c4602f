"""What every transport is: a non-blocking descriptor on the event loop, and how opening and losing it is told.

One implementation serves sockets, terminals and printer files. Input is taken as soon as it comes, so that an
unplugged device is noticed at once, also when nobody reads; a bounded buffer stops reading when nobody takes it.
Bytes count as written when the system took them: 0 is the only number that proves what is on paper.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
from abc import ABC, abstractmethod
from dataclasses import dataclass

from hardware.transports.locks import DeviceLock

input_bytes_max = 65_536
read_bytes_max = 4_096


class TransportError(OSError):
    """The device cannot be used now."""

    def __init__(self, message: str, next_step: str) -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step

    def __str__(self) -> str:
        return f"{self.message}; {self.next_step}"


class NotThere(TransportError):  # noqa: N818  (a state of the device, named as the states table names it)
    """Nothing is at this address."""


class Forbidden(TransportError):  # noqa: N818
    """The device is there, and this user may not open it."""


class Busy(TransportError):  # noqa: N818
    """Another program, or another process of ours, holds the device."""


class LineLost(TransportError):  # noqa: N818
    """The line was cut while the device was open: unplugged, switched off, connection closed."""


@dataclass(frozen=True)
class WriteResult:
    """How many bytes the system took, and why it took no more (None where it took all)."""

    bytes_written: int
    error: str | None = None


class Transport(ABC):
    """A byte stream to one device, owned by one task.

    `deadline` is always the number of seconds from the call after which it comes back.
    """

    chunk_bytes_max = 4_096

    def __init__(self, address: str) -> None:
        self.address = address
        self._fd: int | None = None
        self._input = bytearray()
        self._arrived = asyncio.Event()
        self._room = asyncio.Event()
        self._lost: str | None = None
        self._reading = False
        self._lock: DeviceLock | None = None

    @property
    def is_open(self) -> bool:
        """Whether the device is open and its line not lost."""
        return self._fd is not None and self._lost is None

    @abstractmethod
    async def _open(self) -> int:
        """Open the device and return its non-blocking descriptor; raises a `TransportError`."""

    @abstractmethod
    def _close(self, fd: int) -> None:
        """Give the descriptor back."""

    @abstractmethod
    async def identity(self) -> str:
        """The name under which two of our processes agree that it is the same device, however each was told of it."""

    async def open(self) -> None:
        """Open the device for this process alone.

        Raises `NotThere`, `Forbidden`, or `Busy` where another process of ours has it.
        """
        if self._fd is not None:
            return
        lock = DeviceLock(await self.identity())
        if not lock.take():
            raise Busy(f"another till program has {self.address} open", "stop it, or give it another device")
        try:
            fd = await self._open()
        except BaseException:
            lock.release()
            raise
        self._lock = lock
        self._fd = fd
        self._lost = None
        self._input.clear()
        self._arrived = asyncio.Event()
        self._resume_reading()

    async def close(self) -> None:
        """Close the device; does nothing where it is closed."""
        fd, self._fd = self._fd, None
        if fd is None:
            return
        loop = asyncio.get_running_loop()
        loop.remove_reader(fd)
        loop.remove_writer(fd)
        self._reading = False
        self._arrived.set()
        self._room.set()
        with contextlib.suppress(OSError):  # an unplugged device may refuse even this
            self._close(fd)
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    async def write_all(self, data: bytes, *, deadline: float) -> WriteResult:
        """Write every byte, in chunks, and say how many went; never raises for the line."""
        loop = asyncio.get_running_loop()
        end = loop.time() + deadline
        written = 0
        while written < len(data):
            if self._fd is None:
                return WriteResult(written, "the device is not open")
            if self._lost is not None:
                return WriteResult(written, self._lost)
            try:
                written += os.write(self._fd, data[written : written + self.chunk_bytes_max])
                if loop.time() >= end and written < len(data):
                    return WriteResult(written, f"no room for more within {deadline:g} s")
                await asyncio.sleep(0)  # one chunk a turn: the loop and our own reader stay alive
            except (BlockingIOError, InterruptedError):
                if not await self._writable(end - loop.time()):
                    return WriteResult(written, f"no room for more within {deadline:g} s")
            except OSError as error:
                self._lose(_reason(error))
        return WriteResult(written)

    async def read_some(self, *, deadline: float) -> bytes:
        """What has arrived, at once where there is something; `b""` where nothing comes within `deadline` seconds.

        Raises `LineLost` when the line is cut and everything that came before has been read.
        """
        if not self._input and self._lost is None and self._fd is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(deadline):
                    await self._arrived.wait()
        data = self.drain()
        if not data and self._lost is not None:
            raise LineLost(f"{self.address}: {self._lost}", "check its cable and power; it is opened again by itself")
        if not data and self._fd is None:
            raise LineLost(f"{self.address} is closed", "open it first")
        return data

    def drain(self) -> bytes:
        """Take what has arrived until now, without waiting."""
        if self._fd is not None and self._lost is None:
            self._on_readable()  # what the system already holds belongs to the past as well
        data = bytes(self._input)
        self._input.clear()
        if self._lost is None:
            self._arrived.clear()
            self._resume_reading()
        return data

    async def _writable(self, seconds: float) -> bool:
        fd = self._fd
        if fd is None or seconds <= 0:
            return False
        loop = asyncio.get_running_loop()
        self._room.clear()
        loop.add_writer(fd, self._room.set)
        try:
            async with asyncio.timeout(seconds):
                await self._room.wait()
        except TimeoutError:
            return False
        finally:
            if self._fd == fd:
                loop.remove_writer(fd)
        return True

    def _resume_reading(self) -> None:
        if self._fd is not None and self._lost is None and not self._reading:
            asyncio.get_running_loop().add_reader(self._fd, self._on_readable)
            self._reading = True

    def _stop_reading(self) -> None:
        if self._fd is not None and self._reading:
            asyncio.get_running_loop().remove_reader(self._fd)
        self._reading = False

    def _on_readable(self) -> None:
        if self._fd is None:
            return
        if len(self._input) >= input_bytes_max:
            self._stop_reading()
            return
        try:
            data = os.read(self._fd, read_bytes_max)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._lose(_reason(error))
            return
        if not data:
            self._lose("the other end closed the line")
            return
        self._input += data
        self._arrived.set()

    def _lose(self, reason: str) -> None:
        self._stop_reading()
        self._lost = reason
        self._arrived.set()
        self._room.set()


def _reason(error: OSError) -> str:
    names = {
        errno.EIO: "unplugged",
        errno.ENODEV: "unplugged",
        errno.ENXIO: "unplugged",
        errno.EPIPE: "the other end closed the line",
        errno.ECONNRESET: "the other end cut the line",
        errno.ETIMEDOUT: "no sign of life on the network",
    }
    return names.get(error.errno or 0, error.strerror or str(error))


def refusal(error: OSError, address: str, group: str) -> TransportError:
    """The error of the states table for an `OSError` of opening a device file of `group`."""
    if error.errno in (errno.EACCES, errno.EPERM):
        return Forbidden(f"{address}: permission denied", f"add this user to the group {group} and sign in again")
    if error.errno in (errno.EBUSY, errno.EWOULDBLOCK):
        return Busy(f"{address} is held by another program", "till-hardware doctor says by which; stop it")
    if error.errno in (errno.ENOENT, errno.ENODEV, errno.ENXIO, errno.ENOTDIR):
        return NotThere(f"{address} is not there", "plug it in, switch it on; till-hardware list shows what is found")
    return NotThere(f"{address}: {error.strerror or error}", "check the cable and the address")
