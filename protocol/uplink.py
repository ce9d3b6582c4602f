"""Events on their way up: the bounds of a body, how it is taken apart, and what an acknowledgement is.

Both sides keep these rules (contract, section 4): the terminal cuts its batches by them, central refuses what passes
them, and a terminal takes an answer for an acknowledgement by `acknowledges` alone.
"""

from collections.abc import Callable
from typing import Any, Final

from msgspec import UNSET, Struct, UnsetType

from protocol.chain import line_hash
from protocol.lines import Envelope, EnvelopeError, line_bytes_max, read_line

events_per_body_max: Final = 1_000
body_bytes_max: Final = 4 * 1024 * 1024
ahead_max: Final = 100_000
branch_lines_max: Final = 100_000
ranges_max: Final = 100
body_seconds_max: Final = 30.0
retry_seconds_min: Final = 1.0
retry_seconds_max: Final = 300.0
content_type: Final = "application/x-ndjson"
signature_header: Final = "Chain-Signature"


class BodyTooLargeError(ValueError):
    """A body holds more bytes or events than one may."""


class LineTooLongError(ValueError):
    """A line is longer than `line_bytes_max`; `line` counts from 1."""

    def __init__(self, line: int) -> None:
        super().__init__(f"line {line} is longer than {line_bytes_max:,} bytes")
        self.line = line


class BadEnvelopeError(ValueError):
    """A line is no event, or does not follow the one before it; `line` counts from 1."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}")
        self.line = line
        self.reason = reason


class Position(Struct, frozen=True):
    """What central has of a terminal's epoch; ranges are inclusive pairs."""

    epoch: int
    applied_through: int
    applied_hash: str
    queued: tuple[tuple[int, int], ...]
    missing: tuple[tuple[int, int], ...]
    incarnation: str


class RaisedException(Struct, frozen=True):
    """An exception as the answer to a body names it."""

    sequence: int
    code: str
    detail: str
    branch: int | UnsetType | None = UNSET


class UplinkAnswer(Struct, frozen=True):
    """The 200 to a body of events."""

    received: int
    stored: int
    duplicates: int
    last_hash: str
    applied_through: int
    queued: tuple[tuple[int, int], ...]
    missing: tuple[tuple[int, int], ...]
    forked: bool
    exceptions: tuple[RaisedException, ...]


def split_body(body: bytes) -> list[bytes]:
    """The lines of a decompressed body, without their newlines; the last one's may be absent.

    Raises `BodyTooLargeError` and `LineTooLongError`, in that order. An empty body has no lines.
    """
    if len(body) > body_bytes_max:
        raise BodyTooLargeError(f"the body holds more than {body_bytes_max:,} bytes")
    if not body:
        return []
    whole = body.removesuffix(b"\n")
    lines = whole.split(b"\n") if b"\n" in whole else [whole]  # `split` takes ten times as long to find none
    if len(lines) > events_per_body_max:
        raise BodyTooLargeError(f"the body holds more than {events_per_body_max:,} events")
    if len(body) > line_bytes_max:
        for number, line in enumerate(lines, start=1):
            if len(line) > line_bytes_max:
                raise LineTooLongError(number)
    return lines


def read_envelopes(
    lines: list[bytes], read: Callable[[bytes], Envelope[Any]] = read_line, *, last_hash: str | None = None
) -> tuple[list[Envelope[Any]], list[str]]:
    """The envelopes and the hashes of a body's lines, which must be consecutive and chained.

    `read` reads one line, as `read_line` does; `last_hash` is the last line's, where it is known. Raises
    `BadEnvelopeError` for the first line that is not as the contract says, also for a body without lines.
    """
    if not lines:
        raise BadEnvelopeError(1, "the body is empty")
    envelopes: list[Envelope[Any]] = []
    hashes: list[str] = []
    for number, line in enumerate(lines, start=1):
        try:
            envelope = read(line)
        except EnvelopeError as error:
            raise BadEnvelopeError(number, error.reason) from error
        if envelopes:
            if envelope.sequence != envelopes[-1].sequence + 1:
                raise BadEnvelopeError(number, "sequence does not follow the line before")
            if envelope.prev != hashes[-1]:
                raise BadEnvelopeError(number, "prev is not the hash of the line before")
        envelopes.append(envelope)
        hashes.append(line_hash(line) if last_hash is None or number < len(lines) else last_hash)
    return envelopes, hashes


def acknowledges(answer: UplinkAnswer, *, lines_sent: int, last_hash: str) -> bool:
    """Whether a 200's body says that all that was sent is kept (a captive portal says 200 too)."""
    return (
        answer.received == lines_sent
        and answer.stored + answer.duplicates == answer.received
        and answer.last_hash == last_hash
    )
