"""A simulated scale with a load on it, speaking 8217 or SMA, with faults on command."""

from __future__ import annotations

from collections import deque
from pathlib import Path

from hardware.probing import ECHO_ANSWER, ECHO_QUESTION
from hardware.simulated.device import SimulatedDevice

_TROUBLES = {"in_motion": 1, "over_capacity": 2, "under_zero": 4}


class SimulatedScale(SimulatedDevice):
    """A scale in a test's or a demo's hand. `moves` says how many answers in a row say "in motion"."""

    conditions = ("in_motion", "over_capacity", "under_zero", "silent", "garbage")

    def __init__(self, protocol: str = "toledo-8217", *, listen: str | None = None, link: Path | None = None) -> None:
        super().__init__(listen=listen, link=link)
        self.protocol = protocol
        self.load_milli = 0
        self.net = False
        self.questions = 0
        self.moves = 0
        self._heard_all = b""
        self._asked: deque[int] = deque(maxlen=3)

    def say(self) -> None:
        """Say the weight unasked, as a scale whose key is pressed does."""
        self._end.send(self._answer())

    def _arrived(self, data: bytes) -> None:
        self._heard_all = (self._heard_all + data)[-len(ECHO_QUESTION) :]
        if self.protocol == "toledo-8217" and self._heard_all.endswith(ECHO_QUESTION):
            self._end.send(ECHO_ANSWER)
        for byte in data:
            self._asked.append(byte)
            sma_asked = bytes(self._asked) == b"\x0aW\x0d"
            if sma_asked if self.protocol == "sma" else byte == ord("W"):
                self.questions += 1
                if "silent" not in self._conditions:
                    self._end.send(self._answer())

    def _answer(self) -> bytes:
        if "garbage" in self._conditions:
            return b"\xff" + (b"\n" if self.protocol == "sma" else b"\x02") + b"\x8f0\x01\xfe\r"
        trouble = next((name for name in _TROUBLES if name in self._conditions), None)
        if self.moves > 0:
            self.moves -= 1
            trouble = "in_motion"
        return self._sma(trouble) if self.protocol == "sma" else self._toledo(trouble)

    def _toledo(self, trouble: str | None) -> bytes:
        if trouble is not None:
            return b"\x02?" + bytes([0x40 | _TROUBLES[trouble]]) + b"\r"
        whole, rest = divmod(self.load_milli, 1000)
        return f"\x02{whole:02d}.{rest:03d}{'N' if self.net else ''}\r".encode()

    def _sma(self, trouble: str | None) -> bytes:
        status = {"over_capacity": "O", "under_zero": "U"}.get(trouble or "", " ")
        motion = "M" if trouble == "in_motion" else " "
        whole, rest = divmod(self.load_milli, 1000)
        return f"\n{status}1{'N' if self.net else 'G'}{motion} {f'{whole}.{rest:03d}':>10}kg \r".encode()
