"""A device on a serial line, real or a pseudo-terminal, opened by pyserial and driven from the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import os
from pathlib import Path

import serial

from hardware.addresses import SerialAddress
from hardware.transports.transport import Busy, NotThere, Transport, TransportError, refusal

PSEUDO_TERMINALS = "/dev/pts/"


class SerialTransport(Transport):
    """A serial port, exclusive; pyserial sets the line, the descriptor is read and written without it.

    pyserial's own writes do not say how much left when they time out, so they are not used.
    """

    chunk_bytes_max = 256

    def __init__(self, address: SerialAddress) -> None:
        super().__init__(str(address))
        self._where = address
        self._port: serial.Serial | None = None

    async def identity(self) -> str:
        """The device file itself, by whichever link it is named."""
        return f"file:{await asyncio.to_thread(os.path.realpath, self._where.path)}"

    async def _open(self) -> int:
        return await asyncio.to_thread(self._open_port)

    def _open_port(self) -> int:
        where = self._where
        port = serial.Serial(
            baudrate=where.baud,
            bytesize=where.bytesize,
            parity=where.parity,
            stopbits=where.stopbits,
            timeout=0,
            exclusive=True,
        )
        port.port = where.path
        if not where.dtr:
            port.dtr = False  # raising DTR resets some scales and displays
        try:
            self._open_with_settings(port)
        except TransportError:
            raise
        except (serial.SerialException, OSError) as error:
            raise _refused(error, self.address) from None
        except (ValueError, OverflowError) as error:
            raise refusal(OSError(str(error)), self.address, "dialout") from None
        fd: int = port.fileno()
        os.set_blocking(fd, False)
        _wait_for_a_byte(fd)
        self._port = port
        return fd

    def _open_with_settings(self, port: serial.Serial) -> None:
        """Open the port; a pseudo-terminal has neither parity nor 7 bits, and is opened without them."""
        import termios

        try:
            port.open()
        except termios.error as error:
            if not str(Path(self._where.path).resolve()).startswith(PSEUDO_TERMINALS):
                raise NotThere(
                    f"{self.address} cannot be set so: {error.args[-1]}", "check baud, bytesize, parity and stopbits"
                ) from None
            port.bytesize, port.parity, port.stopbits = 8, "N", 1
            port.open()

    def _close(self, fd: int) -> None:
        port, self._port = self._port, None
        if port is not None:
            port.close()


def _refused(error: Exception, address: str) -> Exception:
    number = getattr(error, "errno", None)
    if number is None and "exclusively lock" in str(error):
        return Busy(f"{address} is held by another program", "till-hardware doctor says by which; stop it")
    return refusal(OSError(number or 0, os.strerror(number) if number else str(error)), address, "dialout")


def _wait_for_a_byte(fd: int) -> None:
    """Make an empty read say "nothing yet" instead of "end of file", so that the end of file means unplugged."""
    import termios

    with contextlib.suppress(termios.error):
        settings = termios.tcgetattr(fd)
        settings[6][termios.VMIN] = 1
        settings[6][termios.VTIME] = 0
        termios.tcsetattr(fd, termios.TCSANOW, settings)
