"""A simulated receipt printer on a TCP port or a pseudo-terminal, with faults on command and paper that can be read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

from hardware.simulated.device import SimulatedDevice
from hardware.simulated.escpos_machine import EscPosMachine, Pulse
from hardware.simulated.paper import receipt_text
from hardware.simulated.paper_drawing import receipt_png

Fault = Literal["paper_out", "cover_open", "cutter_error", "silent", "garbage", "cut_line", "unplug", "power_loss"]


class SimulatedPrinter(SimulatedDevice):
    """An ESC/POS printer that can be put beside a till in the same process or in its own (`till-hardware simulate`).

    `on_receipt` is called with each receipt's text when it is cut off.
    """

    conditions = ("paper_out", "near_end", "cover_open", "cutter_error", "drawer_open", "silent", "garbage")

    def __init__(
        self,
        *,
        listen: str = "127.0.0.1:0",
        pty: bool = False,
        link: Path | None = None,
        columns: int = 42,
        dots: int = 512,
        process_ids: bool = True,
        model: str = "SIM-80",
        on_receipt: Callable[[int, str], None] | None = None,
    ) -> None:
        super().__init__(listen=None if pty or link is not None else listen, link=link, settings="baud=38400")
        self.machine = EscPosMachine(self._say, columns=columns, dots=dots, process_ids=process_ids, model=model)
        self._on_receipt = on_receipt
        self._told = 0
        self.silent = self.garbage = False
        self._faults_at: list[tuple[int, Fault]] = []

    @property
    def bytes_received(self) -> int:
        """How many bytes have come in all."""
        return self.machine.bytes_received

    @property
    def drawer_pulses(self) -> list[Pulse]:
        """The drawer pulses that were obeyed, in order."""
        return self.machine.pulses

    @property
    def receipts_cut(self) -> int:
        """How many receipts were cut off."""
        return len(self.machine.paper.receipts)

    def receipts(self) -> list[str]:
        """The text of each receipt that was cut off, first one first."""
        return [receipt_text(receipt, self.machine.paper.columns) for receipt in self.machine.paper.receipts]

    def paper(self) -> str:
        """The text of what hangs out of the printer, not cut off yet."""
        return receipt_text(self.machine.paper.hanging, self.machine.paper.columns)

    def receipt_png(self, number: int) -> bytes:
        """A picture of the receipt with this index in `receipts()`."""
        return receipt_png(self.machine.paper.receipts[number], self.machine.paper)

    def set(self, **facts: bool) -> None:
        """Change what a person can change (paper_out, near_end, cover_open, cutter_error, drawer_open), make it silent
        (it takes everything and says and prints nothing) or let it say garbage; dribble and busy as of every device.
        """
        super().set(**facts)
        self._tell_receipts()

    def fault_after(self, count: int, fault: Fault) -> None:
        """Let the fault happen when `count` more bytes have arrived: exactly these are taken before it."""
        self._faults_at.append((self.machine.bytes_received + count, fault))
        self._faults_at.sort()

    def cut_line_after(self, count: int) -> None:
        """Cut the line when `count` more bytes have arrived."""
        self.fault_after(count, "cut_line")

    def power_cycle(self) -> None:
        """Switch off and on: the line is cut and what was not printed is lost."""
        self.machine.power_cycle()
        self._end.cut()

    def _change(self, name: str, value: bool) -> None:
        if name in ("silent", "garbage"):
            setattr(self, name, value)
        else:
            self.machine.change(**{name: value})

    def _room(self) -> int:
        if self.busy:
            return 0
        if self._faults_at:
            return max(1, min(self.machine.room, self._faults_at[0][0] - self.machine.bytes_received))
        return self.machine.room

    def _arrived(self, data: bytes) -> None:
        while self._faults_at and self._faults_at[0][0] <= self.machine.bytes_received + len(data):
            at, fault = self._faults_at.pop(0)
            taken = max(0, at - self.machine.bytes_received)
            self._take(data[:taken])
            data = data[taken:]
            self._strike(fault)
            if fault in ("cut_line", "unplug", "power_loss"):
                return
        self._take(data)

    def _take(self, data: bytes) -> None:
        if self.silent:
            self.machine.bytes_received += len(data)
            return
        self.machine.receive(data)
        self._tell_receipts()

    def _strike(self, fault: Fault) -> None:
        match fault:
            case "cut_line":
                self.cut_line()
            case "unplug":
                self.unplug()
            case "power_loss":
                self.power_cycle()
            case _:
                self.set(**{fault: True})

    def _tell_receipts(self) -> None:
        receipts = self.machine.paper.receipts
        while self._told < len(receipts):
            self._told += 1
            if self._on_receipt is not None:
                text = receipt_text(receipts[self._told - 1], self.machine.paper.columns)
                self._on_receipt(self._told - 1, text)

    def _say(self, data: bytes) -> None:
        if self.silent:
            return
        if self.garbage:
            data = bytes((byte * 7 + 0xA5) & 0xFF | 0x80 for byte in data) + b"\xff\x00\x9f"
        self._end.send(data)
