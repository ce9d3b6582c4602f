"""The driver of an ESC/POS printer: asks, writes and waits, and reports facts; it never repeats a document.

Each step is a call of its own, so that a spool can make the step durable before it happens:

    status()           0 bytes of the document left; a fault here puts the job back into the queue
    send(buffer)       some bytes may be on paper from the first one on
    proof(job_id)      on the same line: printed, or lost, or silent; while the printer answers there is no time limit
"""

from __future__ import annotations

import asyncio
import enum
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from hardware.printers.leftover import Leftover
from hardware.printers.profiles import Profile
from hardware.printers.proof import proves
from hardware.printers.replies import (
    AutomaticStatus,
    BlockAnswer,
    RealTimeStatus,
    Reply,
    ReplyParser,
    ShortAnswer,
)
from hardware.printers.status import PrinterStatus, from_automatic, from_real_time
from hardware.transports.transport import LineLost, Transport

status_questions = (1, 2, 3, 4)
pulse_ms_min = 50
pulse_ms_max = 200
real_time_pulse_tenths = 2  # of a second; `DLE DC4` knows no shorter steps than tenths
short_write_seconds = 2.0
leftover_seconds_max = 15.0
TELL_CHANGES = b"\x1d\x61\x0f"  # drawer, on-line, errors, paper


@dataclass(frozen=True)
class Timing:
    """How long the driver waits, in seconds.

    `answer_seconds`: for one answer to DLE EOT, which printers give within milliseconds also when off-line.
    `ask_seconds`: between two questions while a proof is awaited. `silence_seconds`: without any byte, after which
    the printer counts as gone although the line stands.
    """

    answer_seconds: float = 1.0
    ask_seconds: float = 1.0
    silence_seconds: float = 15.0


@dataclass(frozen=True)
class SendResult:
    """How much of a buffer the system took, and why not more."""

    bytes_written: int
    bytes_total: int
    error: str | None = None

    @property
    def complete(self) -> bool:
        """Whether every byte went out; it does not say that any is on paper."""
        return self.bytes_written == self.bytes_total


class Proof(enum.Enum):
    """How the wait for a job's proof ended."""

    PRINTED = "printed"
    LINE_LOST = "line-lost"
    SILENT = "silent"
    CLEARED = "cleared"  # a person had the printer throw away what it held
    NOT_GIVEN = "not-given"  # this model gives no proof


DrawerRefusal = Literal["no_answer", "cover_open", "paper_out", "cutter_error", "hot", "offline", "line_lost"]


@dataclass(frozen=True)
class DrawerResult:
    """Whether the pulse went out, and whether the sensor saw the drawer open (None: there is none to ask)."""

    pulsed: bool
    refused: DrawerRefusal | None = None
    opened: bool | None = None


class PrinterDriver:
    """One printer on one transport, used by one task at a time (but for `pulse_in_real_time`).

    Raises the transport's errors from `open`, and `LineLost` from `status`; the other calls report it.
    """

    def __init__(
        self,
        transport: Transport,
        profile: Profile,
        *,
        timing: Timing | None = None,
        leftover: Leftover | None = None,
        counts: Counter[str] | None = None,
    ) -> None:
        self.transport = transport
        self.profile = profile
        self.timing = timing or Timing()
        self.leftover = leftover or Leftover()
        self._parser = ReplyParser()
        self.counts = Counter[str]() if counts is None else counts
        self._tells_changes = False  # whether automatic status was turned on, since the last document
        self._cleared = False  # whether a person threw the document away
        self._ended = False  # whether the leftover was ended on this line, since the last document

    async def open(self) -> None:
        """Open the line; see `Transport.open`."""
        await self.transport.open()
        self._parser.reset()
        self._ended = self._tells_changes = False

    async def close(self) -> None:
        """Close the line."""
        await self.transport.close()

    async def status(self) -> PrinterStatus:
        """Ask the printer how it is, after putting away what it said before.

        A model that must not be asked (`profile.status` False) counts as ready while its line is open. Raises
        `LineLost`.
        """
        if not self.profile.status:
            await self._forget_old_input()
            return PrinterStatus(answered=True, online=True)
        await self._end_leftover()  # before any question, whose bytes half a command would take for its own
        await self._forget_old_input()
        answers: dict[int, int] = {}
        for number in status_questions:
            value = await self._ask_real_time(number)
            if value is None:
                break  # silence on one is silence on all; asking on would only cost seconds
            answers[number] = value
        return from_real_time(answers if 1 in answers else {})

    async def told_status(self, *, within: float) -> PrinterStatus | None:
        """The status as soon as the printer tells of a change; None where it tells none within `within` seconds.

        Models that tell changes unasked (`profile.automatic`, `GS a`) are told to; such a one tells its status at once,
        then each change. A document turns that off for its own time. It asks nothing, so it may be cancelled without
        an answer being left over. Raises `LineLost`, also while it waits.
        """
        if not self.profile.automatic:
            await self.transport.read_some(deadline=within)  # nothing is expected but the end of the line
            return None
        if not self._tells_changes:
            await self._write(TELL_CHANGES)
            self._tells_changes = True
        reply = await self._next(lambda reply: isinstance(reply, AutomaticStatus), within)
        if not isinstance(reply, AutomaticStatus):
            return None
        self.counts["changes told"] += 1
        return from_automatic(reply.value)

    async def next_status(self, *, within: float) -> PrinterStatus:
        """The status when the printer tells of a change, or asked for after `within` seconds. Raises `LineLost`."""
        told = await self.told_status(within=within)
        return await self.status() if told is None else told

    async def send(self, buffer: bytes, *, deadline: float) -> SendResult:
        """Write the whole buffer within `deadline` seconds, once; never raises for the line.

        What an unfinished job before it may have left in the printer is ended and cut off first.
        """
        try:
            await self._end_leftover()
            await self._put_old_answers_away()
        except LineLost as error:
            return SendResult(0, len(buffer), error.message)
        self.leftover.expect(buffer)
        self._ended = self._tells_changes = self._cleared = False
        self.counts["jobs"] += 1
        result = await self.transport.write_all(buffer, deadline=deadline)
        return SendResult(result.bytes_written, len(buffer), result.error)

    async def proof(self, job_id: int, *, waiting: Callable[[PrinterStatus], None] | None = None) -> Proof:
        """Wait for the proof of the job that was just sent on this line.

        While it waits it asks DLE EOT each `ask_seconds` and hands what it learns to `waiting`. There is no time
        limit while the printer answers; cancel the task to give up.
        """
        if self.profile.proof == "none":
            self.leftover.clear()
            return Proof.NOT_GIVEN
        try:
            proof = await self._await_proof(job_id, waiting or _ignore)
        except LineLost:
            return Proof.LINE_LOST
        if proof is Proof.PRINTED:
            self.counts["printed"] += 1
            self.leftover.clear()
        return proof

    async def identify(self) -> dict[str, str]:
        """The printer's maker and model by `GS I 66` and `67`, where it says them. Raises `LineLost`."""
        await self._forget_old_input()
        names: dict[str, str] = {}
        for what, number in (("maker", 66), ("model", 67)):
            await self._write(b"\x1d\x49" + bytes([number]))
            reply = await self._next(lambda reply: isinstance(reply, (BlockAnswer, ShortAnswer)))
            if isinstance(reply, BlockAnswer):
                names[what] = reply.data.decode("ascii", "replace")
        return names

    async def open_drawer(
        self, pin: Literal[2, 5] = 2, pulse_ms: int = 50, *, open_level_high: bool | None = None
    ) -> DrawerResult:
        """Open the drawer now or not at all: a pulse is never kept for later.

        A ready printer gets `ESC p`. One that is off-line gets `DLE DC4` where the model has it, since a drawer must
        open for a cash sale without paper; else the pulse is refused. `open_level_high` is the level of the
        drawer's sensor when it is open, None where there is no sensor.
        """
        if not pulse_ms_min <= pulse_ms <= pulse_ms_max:
            raise ValueError(f"a drawer's pulse is {pulse_ms_min} to {pulse_ms_max} ms long")
        try:
            status = await self.status()
            if status.can_print:
                await self._write(b"\x1b\x70" + bytes([pin == 5, pulse_ms // 2, 250]))
            elif status.answered and self.profile.realtime:
                await self.pulse_in_real_time(pin)
            else:
                return DrawerResult(False, status.reason)
            if open_level_high is None:
                return DrawerResult(True)
            after = await self.status()
        except LineLost:
            return DrawerResult(False, "line_lost")
        level = after.drawer_pin3_high
        return DrawerResult(True, None, None if level is None else level == open_level_high)

    async def pulse_in_real_time(self, pin: Literal[2, 5] = 2) -> DrawerResult:
        """Open the drawer by `DLE DC4` alone, also while another task waits in `proof` for paper to be put in.

        It asks nothing, so it takes no answer from the one who waits. Refused (`offline`) where the model does not
        have it.
        """
        if not self.profile.realtime:
            return DrawerResult(False, "offline")
        try:
            await self._write(b"\x10\x14\x01" + bytes([pin == 5, real_time_pulse_tenths]))
        except LineLost:
            return DrawerResult(False, "line_lost")
        return DrawerResult(True)

    async def clear_error(self, *, clear_buffers: bool) -> None:
        """After a cutter jam: go on with the line, or throw away what the printer holds. A person's choice.

        May be called while another task waits in `proof`, which ends as `CLEARED` where the document was thrown away.
        """
        self._cleared = self._cleared or clear_buffers
        await self._write(b"\x10\x05\x02" if clear_buffers else b"\x10\x05\x01")

    async def _end_leftover(self) -> None:
        """End what an unfinished job left in the printer, once a line. Raises `LineLost`."""
        if not self.leftover.expected or self._ended:
            return
        ending = self.leftover.ending()
        result = await self.transport.write_all(ending, deadline=leftover_seconds_max)
        if result.error is not None and not self.transport.is_open:
            raise LineLost(f"{self.transport.address}: {result.error}", "check its cable and power")
        self._ended = result.bytes_written == len(ending)

    async def _put_old_answers_away(self) -> None:
        """On a barrier printer the answer to an unfinished job may still come, and would be taken for the next one's.

        A question with another kind of answer (`GS I 67`) goes in between; what is answered before it is old.
        """
        if self.leftover.expected and self.profile.proof == "barrier":
            await self._write(b"\x1d\x49\x43")
            await self._next(lambda reply: isinstance(reply, BlockAnswer))

    async def _forget_old_input(self) -> None:
        self.transport.drain()
        self._parser.reset()

    async def _write(self, data: bytes) -> None:
        result = await self.transport.write_all(data, deadline=short_write_seconds)
        if result.error is not None and not self.transport.is_open:
            raise LineLost(f"{self.transport.address}: {result.error}", "check its cable and power")

    async def _ask_real_time(self, number: int) -> int | None:
        await self._write(bytes([0x10, 0x04, number]))
        reply = await self._next(lambda reply: isinstance(reply, RealTimeStatus))
        return reply.value if isinstance(reply, RealTimeStatus) else None

    async def _next(self, wanted: Callable[[Reply], bool], seconds: float | None = None) -> Reply | None:
        """The next answer of that kind within `seconds` (None: `answer_seconds`); others are put away."""
        loop = asyncio.get_running_loop()
        end = loop.time() + (self.timing.answer_seconds if seconds is None else seconds)
        while (left := end - loop.time()) > 0:
            for reply in self._parser.feed(await self.transport.read_some(deadline=left)):
                if wanted(reply):
                    return reply
        self._parser.reset()
        return None

    async def _await_proof(self, job_id: int, waiting: Callable[[PrinterStatus], None]) -> Proof:
        loop = asyncio.get_running_loop()
        heard_at = loop.time()
        next_question = heard_at + self.timing.ask_seconds
        round_of_answers = _Round()
        while True:
            now = loop.time()
            if self._cleared:
                return Proof.CLEARED
            if now - heard_at >= self.timing.silence_seconds:
                return Proof.SILENT
            if now >= next_question:
                next_question = now + self.timing.ask_seconds
                if self.profile.status:
                    round_of_answers = _Round()
                    await self._write(b"".join(bytes([0x10, 0x04, number]) for number in status_questions))
            silent_at = heard_at + self.timing.silence_seconds
            data = await self.transport.read_some(deadline=max(0.0, min(next_question, silent_at) - now))
            if data:
                heard_at = loop.time()
            for reply in self._parser.feed(data):
                if proves(self.profile.proof, job_id, reply):
                    return Proof.PRINTED
                status = round_of_answers.add(reply)
                if status is not None:
                    waiting(status)


class _Round:
    """The answers to one round of questions, which come in the order of asking."""

    def __init__(self) -> None:
        self._answers: dict[int, int] = {}

    def add(self, reply: Reply) -> PrinterStatus | None:
        """The status, once the round is complete."""
        if isinstance(reply, RealTimeStatus) and len(self._answers) < len(status_questions):
            self._answers[status_questions[len(self._answers)]] = reply.value
            if len(self._answers) == len(status_questions):
                return from_real_time(self._answers)
        return None


def _ignore(status: PrinterStatus) -> None:
    """Nobody wants to know."""
