"""What a printer says, byte by byte: a pure parser that takes any bytes, split anywhere, and loses no answer.

A byte says itself what it is (Citizen CT-S310 appendix, agrees with Epson): `11` and `13` are XON and XOFF;
`b & 93 == 12` answers DLE EOT; `b & 93 == 10` opens an automatic status (ASB) and three more bytes follow with
`b & 90 == 0`; `37`, `3d` and `5f` open a block that ends with `00`; what is left with `b & 90 == 0` answers GS r or
GS I in one byte.
"""

from __future__ import annotations

from dataclasses import dataclass

block_bytes_max = 96
process_id_bytes_max = 6  # header, 22, four characters; the closing 00 is not kept
PROCESS_ID_HEADER = 0x37
_BLOCKS = (PROCESS_ID_HEADER, 0x3D, 0x5F)


@dataclass(frozen=True)
class RealTimeStatus:
    """One byte that answers DLE EOT n; which n, only the order of asking tells."""

    value: int


@dataclass(frozen=True)
class AutomaticStatus:
    """Four bytes that the printer sent unasked."""

    value: bytes


@dataclass(frozen=True)
class ShortAnswer:
    """One byte that answers GS r or GS I."""

    value: int


@dataclass(frozen=True)
class BlockAnswer:
    """A header byte, data, and 00 (left out here): a process id (37), a name or version (5f), others (3d)."""

    header: int
    data: bytes


@dataclass(frozen=True)
class FlowControl:
    """XON (True) or XOFF (False)."""

    go: bool


@dataclass(frozen=True)
class Garbled:
    """Bytes that are no answer."""

    value: bytes


Reply = RealTimeStatus | AutomaticStatus | ShortAnswer | BlockAnswer | FlowControl | Garbled


class ReplyParser:
    """Feed it what arrives; it gives the answers that are complete."""

    def __init__(self) -> None:
        self._pending = bytearray()

    @property
    def pending(self) -> bytes:
        """The beginning of an answer that is not complete."""
        return bytes(self._pending)

    def feed(self, data: bytes) -> list[Reply]:
        """The answers that these bytes complete."""
        replies: list[Reply] = []
        for byte in data:
            self._take(byte, replies)
        return replies

    def reset(self) -> None:
        """Forget the beginning of an answer: what comes now belongs to another question."""
        self._pending.clear()

    def _take(self, byte: int, replies: list[Reply]) -> None:
        pending = self._pending
        if not pending:
            self._first(byte, replies)
        elif pending[0] in _BLOCKS:
            self._in_block(byte, replies)
        elif byte & 0x90 == 0:
            pending.append(byte)
            if len(pending) == 4:
                replies.append(AutomaticStatus(bytes(pending)))
                pending.clear()
        elif byte in (0x11, 0x13):
            replies.append(FlowControl(byte == 0x11))
        elif byte & 0x93 == 0x12:
            replies.append(RealTimeStatus(byte))  # an answer in real time may stand inside an automatic status
        else:
            self._begin_anew(byte, replies)

    def _first(self, byte: int, replies: list[Reply]) -> None:
        if byte in (0x11, 0x13):
            replies.append(FlowControl(byte == 0x11))
        elif byte & 0x93 == 0x12:
            replies.append(RealTimeStatus(byte))
        elif byte & 0x93 == 0x10 or byte in _BLOCKS:
            self._pending.append(byte)
        elif byte & 0x90 == 0:
            replies.append(ShortAnswer(byte))
        else:
            replies.append(Garbled(bytes([byte])))

    def _in_block(self, byte: int, replies: list[Reply]) -> None:
        pending = self._pending
        if pending[0] == PROCESS_ID_HEADER:
            self._in_process_id(byte, replies)
        elif byte == 0:
            replies.append(BlockAnswer(pending[0], bytes(pending[1:])))
            pending.clear()
        elif not 0x20 <= byte < 0x7F or len(pending) >= block_bytes_max:
            self._begin_anew(byte, replies)
        else:
            pending.append(byte)

    def _in_process_id(self, byte: int, replies: list[Reply]) -> None:
        """`37 22 d1 d2 d3 d4 00` with characters of ours alone, so that rubbish before it cannot swallow one."""
        pending = self._pending
        if byte & 0x93 == 0x12:
            replies.append(RealTimeStatus(byte))
        elif byte == 0 and len(pending) == process_id_bytes_max:
            replies.append(BlockAnswer(PROCESS_ID_HEADER, bytes(pending[1:])))
            pending.clear()
        elif len(pending) < process_id_bytes_max and (byte == 0x22 if len(pending) == 1 else byte & 0xD0 == 0x40):
            pending.append(byte)
        else:
            self._begin_anew(byte, replies)

    def _begin_anew(self, byte: int, replies: list[Reply]) -> None:
        replies.append(Garbled(bytes(self._pending)))
        self._pending.clear()
        self._first(byte, replies)
