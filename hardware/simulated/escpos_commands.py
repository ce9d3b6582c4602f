"""ESC/POS cut into commands: a pure reader that knows how long each command is, so that data is never taken for one."""

from __future__ import annotations

from dataclasses import dataclass

ESC, GS, FS, DLE = 0x1B, 0x1D, 0x1C, 0x10
payload_bytes_max = 1_048_576

# How many bytes follow the two that name the command, where that is fixed.
_FIXED = {
    ESC: {
        **dict.fromkeys(b"@2LSimv<\x0c", 0),
        **dict.fromkeys(b"!%-3= EGJKMRTVader?tu{", 1),
        **dict.fromkeys(b"$\\c", 2),
        ord("p"): 3,
        ord("W"): 8,
    },
    GS: {
        **dict.fromkeys(b":c", 0),
        **dict.fromkeys(b"!/BEHITabfhrwx", 1),
        **dict.fromkeys(b"$LPW\\", 2),
        ord("^"): 3,
        ord("z"): 3,
    },
    FS: {
        **dict.fromkeys(b"&.", 0),
        **dict.fromkeys(b"!-CW", 1),
        **dict.fromkeys(b"Sp", 2),
        ord("2"): 74,
    },
}
_REAL_TIME = {0x04: 3, 0x05: 3}
_PULSE = {0x01: 5, 0x02: 5, 0x08: 10}


@dataclass(frozen=True)
class Command:
    """`name` is the command's first bytes (`b"\\x1ba"`), empty for characters; `data` is all that follows."""

    name: bytes
    data: bytes


def read_command(buffer: bytes | bytearray, at: int = 0) -> tuple[Command, int] | None:
    """The command that begins at `at` and its length in bytes; None where its end has not arrived."""
    if at >= len(buffer):
        return None
    first = buffer[at]
    if first in _FIXED or first == DLE:
        if at + 1 >= len(buffer):
            return None
        length = _real_time_length(buffer, at) if first == DLE else _length(buffer, at, first, buffer[at + 1])
        if length is None or at + length > len(buffer):
            return None
        name_length = 3 if buffer[at + 1 : at + 2] in (b"(", b"8") and first != DLE else 2
        name = bytes(buffer[at : at + name_length])
        return Command(name, bytes(buffer[at + name_length : at + length])), length
    if first < 0x20 or first == 0x7F:
        return Command(bytes([first]), b""), 1
    end = at + 1
    while end < len(buffer) and buffer[end] >= 0x20 and buffer[end] != 0x7F:
        end += 1
    return Command(b"", bytes(buffer[at:end])), end - at


def _length(buffer: bytes | bytearray, at: int, first: int, second: int) -> int | None:
    fixed = _FIXED[first].get(second)
    if fixed is not None:
        return 2 + fixed
    if second == ord("(") and first != ESC:
        return _counted(buffer, at + 3, 2, 5)
    if first == ESC:
        return _escape_length(buffer, at, second)
    if first == GS:
        return _group_length(buffer, at, second)
    return 2


def _escape_length(buffer: bytes | bytearray, at: int, second: int) -> int | None:
    if second == ord("("):
        return _counted(buffer, at + 3, 2, 5)
    if second == ord("D"):
        return _to_zero(buffer, at + 2, at)
    if second == ord("*"):
        if at + 5 > len(buffer):
            return None
        per_column = 3 if buffer[at + 2] >= 32 else 1
        return 5 + per_column * int.from_bytes(buffer[at + 3 : at + 5], "little")
    return 2


def _group_length(buffer: bytes | bytearray, at: int, second: int) -> int | None:
    third = buffer[at + 2] if at + 2 < len(buffer) else None
    if second == ord("V"):
        return None if third is None else 3 + (third not in b"\x00\x010" + b"1")
    if second == ord("k"):
        if third is None:
            return None
        if third <= 6:
            return _to_zero(buffer, at + 3, at)
        return _counted(buffer, at + 3, 1, 4)
    if second == ord("v"):
        if at + 8 > len(buffer):
            return None
        wide = int.from_bytes(buffer[at + 4 : at + 6], "little")
        return 8 + wide * int.from_bytes(buffer[at + 6 : at + 8], "little")
    if second == ord("*"):
        return None if at + 4 > len(buffer) else 4 + buffer[at + 2] * buffer[at + 3] * 8
    if second == ord("8"):
        return _counted(buffer, at + 3, 4, 7)
    if second == ord("g"):
        return 6
    return 2


def _counted(buffer: bytes | bytearray, at: int, width: int, header: int) -> int | None:
    """A command whose `width` bytes at `at` say how much follows its header."""
    if at + width > len(buffer):
        return None
    return header + min(int.from_bytes(buffer[at : at + width], "little"), payload_bytes_max)


def _to_zero(buffer: bytes | bytearray, start: int, at: int) -> int | None:
    end = buffer.find(0, start)
    return None if end < 0 else end + 1 - at


def _real_time_length(buffer: bytes | bytearray, at: int) -> int | None:
    second = buffer[at + 1]
    if second in _REAL_TIME:
        return _REAL_TIME[second]
    if second == 0x14:
        return None if at + 2 >= len(buffer) else _PULSE.get(buffer[at + 2], 2)
    return 1


def real_time_length(buffer: bytes | bytearray, at: int) -> int | None:
    """The length of a command in real time that begins with the DLE at `at`: 0 where it is none, None: not all here."""
    if at + 1 >= len(buffer):
        return None
    if buffer[at + 1] not in (0x04, 0x05, 0x14):
        return 0
    length = _real_time_length(buffer, at)
    if length is not None and length == 2:
        return 0
    if length is None or at + length > len(buffer):
        return None
    return length
