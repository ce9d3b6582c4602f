"""What a job that was cut off may have left in a printer, and the bytes that end it before the next job.

A printer keeps what arrived: half a receipt, perhaps half a command. Sent after it, the next receipt would lose its
first bytes to that command and stand on the same strip of paper ("leftover lines headed the next one", odoo#258841).
So zero bytes fill up the longest command that the job held, and a cut separates the two.
"""

from __future__ import annotations

shortest_fill_bytes = 260  # a bar code or QR code of 255 bytes, and its header
_RASTER = b"\x1d\x76\x30\x00"
_INITIALISE_AND_CUT = b"\x1b\x40\x1d\x56\x42\x00"


class Leftover:
    """Remembers, across reconnections, whether the last job on this printer was proved."""

    def __init__(self) -> None:
        self._fill = 0

    @property
    def expected(self) -> bool:
        """Whether something may be left."""
        return self._fill > 0

    def expect(self, buffer: bytes = b"") -> None:
        """This buffer is sent and not proved yet; without one: a job of an earlier process, of unknown length."""
        self._fill = max(self._fill, longest_command(buffer))

    def clear(self) -> None:
        """The last job came out whole."""
        self._fill = 0

    def ending(self) -> bytes:
        """The bytes that end any command and any receipt; on an empty printer they cut off a blank strip."""
        return bytes(self._fill) + _INITIALISE_AND_CUT


def longest_command(buffer: bytes) -> int:
    """How many bytes may be missing to a command that was cut off somewhere in this buffer."""
    longest, at = shortest_fill_bytes, 0
    while (at := buffer.find(_RASTER, at)) >= 0:
        wide = int.from_bytes(buffer[at + 4 : at + 6], "little")
        longest = max(longest, 8 + wide * int.from_bytes(buffer[at + 6 : at + 8], "little"))
        at += len(_RASTER)
    return min(longest, len(buffer)) if buffer else shortest_fill_bytes
