"""Linux input events (`/dev/input/event*`) as scans: a pure framer from 24-byte records over keys to codes."""

from __future__ import annotations

import struct

from hardware.scanners.framing import Read, ScanFramer, ScannerConfig
from hardware.scanners.keymaps import Keyboard

_EVENT = struct.Struct("llHHi")  # seconds, microseconds, type, code, value; as linux/input.h has it on this machine
event_bytes = _EVENT.size


def input_event(kind: int, code: int, value: int) -> bytes:
    """One record, at time 0; for a simulated scanner."""
    return _EVENT.pack(0, 0, kind, code, value)


class InputEventFramer:
    """Feed it what arrives from the input device; it gives the codes that are complete."""

    def __init__(self, config: ScannerConfig, layout: str = "us") -> None:
        self._keyboard = Keyboard(layout)
        self._framer = ScanFramer(ScannerConfig(config.suffix, config.prefix, "utf-8"))
        self._pending = bytearray()

    @property
    def garbled(self) -> int:
        """How often rubbish was thrown away."""
        return self._framer.garbled

    @property
    def waits(self) -> bool:
        """Whether silence would end a scan."""
        return self._framer.waits

    def feed(self, data: bytes) -> list[Read]:
        """The codes that these bytes complete."""
        self._pending += data
        whole = len(self._pending) // event_bytes * event_bytes
        typed = "".join(
            self._keyboard.press(kind, code, value)
            for _, _, kind, code, value in _EVENT.iter_unpack(self._pending[:whole])
        )
        del self._pending[:whole]
        return self._framer.feed(typed.encode())

    def silence(self) -> list[Read]:
        """The scanner has typed nothing for a while."""
        return self._framer.silence()
