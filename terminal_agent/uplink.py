"""Events on their way up: what central has counts, what it lacks is sent, and only a true 200 is an acknowledgement.

With each token central says what it holds; from there the journal is sent in bodies of consecutive lines, each signed
with the enrolment's key. A body that got no 200 of the right shape, or a fork that was kept, was not promised and is
sent again. A central that came back from a backup holds less than before and gets the rest once more.
"""

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, Final

import structlog
import zstandard
from msgspec import Struct

from protocol.chain import sign_batch
from protocol.uplink import (
    Position,
    UplinkAnswer,
    acknowledges,
    body_bytes_max,
    content_type,
    events_per_body_max,
    retry_seconds_max,
    signature_header,
)
from terminal_agent.central_link import Answer, CentralLink, CentralUnreachableError, TokenRefusedError
from terminal_agent.journal import Journal
from terminal_agent.journal_reading import Pruned, lines_from, read_pruned
from terminal_agent.patience import Patience
from terminal_agent.unreachable import answer_in_words

compress_bytes_min: Final = 512
keep_seconds: Final = 1.0
look_again_seconds: Final = 60.0
_log = structlog.get_logger()


class Delivery(Struct):
    """What is known of central's copy of one enrolment's journal.

    A line counts as acknowledged by a true 200 for it, or by a position whose hash is that of our own line: the chain
    then proves all lines before. `applied_through` alone proves nothing, since the disk may have been cloned and the
    sequences that central holds may be the other one's.
    """

    acknowledged_through: int = 0
    incarnation: str | None = None
    forked: bool = False
    needs_help: str | None = None


class Pushed(Struct, frozen=True):
    """What one push found and did: lines that central had already, and lines that are new to it."""

    known: int = 0
    new: int = 0

    def __add__(self, other: "Pushed") -> "Pushed":
        return Pushed(self.known + other.known, self.new + other.new)


class Uplink:
    """Delivers one enrolment's journal. `last_sequence()` is where that journal ends."""

    def __init__(
        self,
        link: CentralLink,
        journal: Journal,
        *,
        last_sequence: Callable[[], int],
        patience: Patience,
        on_change: Callable[[], None],
    ) -> None:
        self._link = link
        self._journal = journal
        self._enrolment = link.enrolment
        self._last_sequence = last_sequence
        self._patience = patience
        self._on_change = on_change
        self._woken = asyncio.Event()
        self._seen_position = 0
        self._events_max = events_per_body_max
        self._kept: tuple[Any, ...] | None = None
        self.new_to_central = 0
        self.delivery = read_delivery(journal.reader, self._enrolment.number)

    @property
    def pending(self) -> int:
        """How many lines central has not acknowledged."""
        return max(0, self._last_sequence() - self.delivery.acknowledged_through)

    def wake(self) -> None:
        """There is a new line."""
        self._woken.set()

    async def run(self) -> None:
        """Deliver until cancelled."""
        try:
            while True:
                self._woken.clear()
                try:
                    await self.deliver()
                except CentralUnreachableError as error:
                    _log.warning("uplink-waits", reason=str(error), pending=self.pending)
                    self._on_change()
                    await self._patience.wait(error.retry_after)  # a new line is no reason to hurry central
                except TokenRefusedError:
                    await asyncio.sleep(retry_seconds_max)
                else:
                    await self._wait_for_a_line(keep_seconds if self._kept != self._row() else look_again_seconds)
        finally:
            await asyncio.shield(self._keep())

    async def push(self) -> Pushed:
        """Deliver all there is, once. Raises what stood in the way."""
        pending, new = self.pending, self.new_to_central
        try:
            await self._link.token()
            self._take_position()
            while self.pending and self.delivery.needs_help is None:
                before = self.delivery.acknowledged_through
                await self._send()
                if self.delivery.acknowledged_through <= before:
                    raise CentralUnreachableError("central did not take the lines; try again later")
            if self.pending and self.delivery.needs_help is not None:
                raise CentralUnreachableError(self.delivery.needs_help)
        finally:
            await self._keep()
        stored = self.new_to_central - new
        return Pushed(max(0, pending - self.pending - stored), stored)

    async def deliver(self) -> None:
        """Send what can be sent now. Raises `CentralUnreachableError`, and `TokenRefusedError`, which needs help."""
        try:
            await self._link.token()
            self._take_position()
            while self.pending and self.delivery.needs_help is None:
                await self._send()
                self._patience.succeeded()
                await self._link.token()
                self._take_position()
        except TokenRefusedError as error:
            self._help(str(error))
            raise
        self._patience.succeeded()

    async def _wait_for_a_line(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        if seconds == keep_seconds and not self._woken.is_set():
            await self._keep()

    def _take_position(self) -> None:
        """What came with a new token: central's own word, whatever it said before."""
        position = self._link.position
        if position is None or self._link.position_number == self._seen_position:
            return
        self._seen_position = self._link.position_number
        delivery = self.delivery
        if delivery.forked and position.incarnation == delivery.incarnation:
            return  # the position is of the chain that won; what was kept as a branch is kept
        delivery.forked = False
        delivery.needs_help = None
        delivery.incarnation = position.incarnation
        pruned = read_pruned(self._journal.reader, self._enrolment)
        fits = self._fits(position, pruned)
        delivery.acknowledged_through = max(pruned.through, position.applied_through if fits else 0)
        if position.applied_through < pruned.through:
            _log.error("pruned-lines-missing", central_has_through=position.applied_through, pruned=pruned.through)
        self._on_change()

    def _fits(self, position: Position, pruned: Pruned) -> bool:
        """Whether central's chain is ours; where it is another's, all is sent, and becomes a branch."""
        if position.applied_through == 0:
            return True
        if position.applied_through == pruned.through:
            return position.applied_hash == pruned.last_hash
        row = self._journal.reader.execute(
            "select hash from journal where position = ?",
            (self._enrolment.base_position + position.applied_through,),
        ).fetchone()
        return row is not None and row[0] == position.applied_hash

    async def _send(self) -> None:
        """One body. Raises `CentralUnreachableError` where nothing was promised."""
        first = self.delivery.acknowledged_through + 1
        lines, hashes = self._batch(first)
        body = b"\n".join(lines) + b"\n"
        headers = {
            "Content-Type": content_type,
            signature_header: sign_batch(self._link.private_key, hashes[-1]),
        }
        if len(body) >= compress_bytes_min:
            body = await asyncio.to_thread(zstandard.compress, body)
            headers["Content-Encoding"] = "zstd"
        answer = await self._link.request("POST", "/v1/sync/events", headers=headers, body=body)
        if answer.status == 200:
            self._take_answer(answer.read(UplinkAnswer), len(lines), hashes[-1])
        else:
            self._take_refusal(answer, first, len(lines))
        self._on_change()

    def _batch(self, first: int) -> tuple[list[bytes], list[str]]:
        last = min(self._last_sequence(), first + self._events_max - 1)
        lines: list[bytes] = []
        hashes: list[str] = []
        size = 0
        for _, line, line_hash in lines_from(self._journal.reader, self._enrolment, first, last):
            size += len(line) + 1
            if lines and size > body_bytes_max:
                break
            lines.append(line)
            hashes.append(line_hash)
        return lines, hashes

    def _take_answer(self, answer: UplinkAnswer, lines_sent: int, last_hash: str) -> None:
        if not acknowledges(answer, lines_sent=lines_sent, last_hash=last_hash):
            raise CentralUnreachableError("the answer does not acknowledge what was sent")
        self._events_max = events_per_body_max
        delivery = self.delivery
        for exception in answer.exceptions:
            _log.warning("exception", sequence=exception.sequence, code=exception.code, detail=exception.detail)
        delivery.forked = delivery.forked or answer.forked
        delivery.acknowledged_through += lines_sent
        self.new_to_central += answer.stored
        if not delivery.forked and self._has_some_of(answer.missing):
            self._link.forget_token()  # central lacks earlier lines than these: the next position says from where on

    def _has_some_of(self, missing: Sequence[tuple[int, int]]) -> bool:
        """Whether there is a line here of what central lacks; pruned ones are gone."""
        pruned = read_pruned(self._journal.reader, self._enrolment)
        return any(last > pruned.through for _, last in missing)

    def _take_refusal(self, answer: Answer, first: int, lines_sent: int) -> None:
        """What each refusal asks of a terminal (contract, section 4)."""
        members = answer.members()
        match answer.problem:
            case "chain-fork":
                self._take_fork(members, first, lines_sent)
            case "bad-envelope" | "line-too-long":
                line = members.get("line")
                if isinstance(line, int) and 1 < line <= lines_sent:
                    self._events_max = line - 1
                else:
                    self._help(f"central cannot read line {first}; export the journal and call for help")
            case "too-large" if lines_sent > 1:
                self._events_max = max(1, lines_sent // 2)
            case "too-far-ahead":
                self._link.forget_token()
                raise CentralUnreachableError("central lacks earlier lines", answer.retry_after)
            case "revoked":
                self._link.forget_token()
                self._help("this enrolment was revoked; export the journal, then enrol the terminal anew")
            case _:
                raise CentralUnreachableError(answer_in_words(answer.status, answer.problem), answer.retry_after)

    def _take_fork(self, members: dict[str, Any], first: int, lines_sent: int) -> None:
        kept = members.get("kept_through")
        delivery = self.delivery
        if not isinstance(kept, int):
            raise CentralUnreachableError("a fork that was not kept")
        _log.error("chain-fork", sequence=members.get("sequence"), branch=members.get("branch"), kept_through=kept)
        delivery.forked = True
        if kept < first and kept < delivery.acknowledged_through:
            delivery.acknowledged_through = kept  # the branch has a hole: send from there
            return
        if kept < first:
            raise CentralUnreachableError("central kept none of the lines")
        through = min(kept, first + lines_sent - 1)
        self.new_to_central += max(0, through - delivery.acknowledged_through)
        delivery.acknowledged_through = through

    def _help(self, reason: str) -> None:
        if self.delivery.needs_help != reason:
            _log.error("needs-help", reason=reason)
        self.delivery.needs_help = reason
        self._on_change()

    def _row(self) -> tuple[Any, ...]:
        of = self.delivery
        return (of.acknowledged_through, of.incarnation, int(of.forked), of.needs_help)

    async def _keep(self) -> None:
        """Write down how far it is; a crash before that costs one question."""
        row = self._row()
        if row != self._kept:
            await self._journal.write(lambda connection: _write_delivery(connection, self._enrolment.number, row))
            self._kept = row


def read_delivery(connection: sqlite3.Connection, enrolment: int) -> Delivery:
    """What was written down of an enrolment's delivery."""
    row = connection.execute(
        "select acknowledged_through, incarnation, forked, needs_help from deliveries where enrolment = ?", (enrolment,)
    ).fetchone()
    return Delivery() if row is None else Delivery(row[0], row[1], bool(row[2]), row[3])


def _write_delivery(connection: sqlite3.Connection, enrolment: int, row: tuple[Any, ...]) -> None:
    connection.execute(
        "update deliveries set acknowledged_through = ?, incarnation = ?, forked = ?, needs_help = ?"
        " where enrolment = ?",
        (*row, enrolment),
    )
