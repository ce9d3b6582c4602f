"""A keyboard-like scanner by its input device file, grabbed, so that nothing that it types reaches the screen."""

from __future__ import annotations

import asyncio
import errno
import os

from hardware.addresses import HidAddress
from hardware.transports.transport import NotThere, Transport, refusal

EVIOCGRAB = 0x40044590  # linux/input.h, _IOW('E', 0x90, int)


class InputDeviceTransport(Transport):
    """Input events as bytes, read only; opened exclusively by the kernel's own grab."""

    def __init__(self, address: HidAddress) -> None:
        super().__init__(str(address))
        self._where = address

    async def identity(self) -> str:
        """The device file itself, by whichever link it is named."""
        return f"file:{await asyncio.to_thread(os.path.realpath, self._where.path)}"

    async def _open(self) -> int:
        return await asyncio.to_thread(self._open_file)

    def _open_file(self) -> int:
        import fcntl

        try:
            fd = os.open(self._where.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise refusal(error, self.address, "input") from None
        try:
            fcntl.ioctl(fd, EVIOCGRAB, 1)
        except OSError as error:
            os.close(fd)
            if error.errno == errno.EBUSY:
                raise refusal(error, self.address, "input") from None
            raise NotThere(f"{self.address} is no input device", "name a link of /dev/input/by-id") from None
        return fd

    def _close(self, fd: int) -> None:
        os.close(fd)  # the grab ends with it
