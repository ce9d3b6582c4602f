"""A body of events from its bytes to what it says, every check in the contract's order (section 4).

Lines, signature, envelopes, payloads: what fails before the payload refuses the body, a payload that cannot be read is
a finding on its line.
"""

from collections.abc import Sequence
from typing import Any, TypeAlias

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec import Struct

from central.http import TooLarge
from central.uplink.decoding import BadEncodingError, Encoding, decode_body
from central.uplink.ordering import Span
from central.uplink.problems import BadEncoding, BadEnvelope, BadSignature, LineTooLong
from central.uplink.signatures import covers
from protocol.chain import line_hash
from protocol.events import Event
from protocol.lines import (
    Envelope,
    RawEnvelope,
    UnknownTypeError,
    UnreadableError,
    read_as_written,
    read_line,
    read_payload,
)
from protocol.uplink import BadEnvelopeError, BodyTooLargeError, LineTooLongError, read_envelopes, split_body


class Unread(Struct, frozen=True):
    """A line whose payload books nothing: `code` is `unreadable` or `unknown-type`."""

    code: str
    detail: str


Reading: TypeAlias = Event | Unread


class Body(Struct, frozen=True):
    """The lines of a body that passed every check but the order's; one entry each in all its lists."""

    lines: Sequence[bytes]
    envelopes: Sequence[Envelope[Any]]
    hashes: Sequence[str]
    readings: Sequence[Reading]
    signature: str

    @property
    def span(self) -> Span:
        return Span(self.envelopes[0].sequence, self.envelopes[0].prev, self.hashes)


def open_body(raw: bytes, encoding: Encoding, signature: str | None, key: Ed25519PublicKey) -> Body:
    """Take a request's body apart.

    Raises `BadEncoding`, `TooLarge`, `LineTooLong`, `BadSignature` and `BadEnvelope`, in that order.
    """
    try:
        lines = split_body(decode_body(raw, encoding))
    except BadEncodingError as error:
        raise BadEncoding(str(error)) from error
    except BodyTooLargeError as error:
        raise TooLarge(str(error)) from error
    except LineTooLongError as error:
        raise LineTooLong(str(error), line=error.line) from error
    return read_lines(lines, signature, key)


def read_lines(lines: list[bytes], signature: str | None, key: Ed25519PublicKey) -> Body:
    """Check the signature over the last line, and only then read what the lines say.

    Raises `BadSignature` and `BadEnvelope`.
    """
    if not lines:
        raise BadEnvelope("line 1: the body is empty", line=1)
    last_hash = line_hash(lines[-1])
    if signature is None or not covers(key, signature, last_hash):
        raise BadSignature
    readings: list[Reading] = []

    def read(line: bytes) -> Envelope[Any]:
        whole = read_as_written(line)
        if whole is None:
            envelope = read_line(line)
            readings.append(read_event(envelope))
            return envelope
        readings.append(whole[1])
        return whole[0]

    try:
        envelopes, hashes = read_envelopes(lines, read, last_hash=last_hash)
    except BadEnvelopeError as error:
        raise BadEnvelope(str(error), line=error.line) from error
    return Body(lines, envelopes, hashes, readings, signature)


def read_event(envelope: RawEnvelope) -> Reading:
    """What a line says happened, or why that cannot be told."""
    try:
        return read_payload(envelope)
    except UnreadableError as error:
        return Unread("unreadable", str(error))
    except UnknownTypeError as error:
        return Unread("unknown-type", str(error))
