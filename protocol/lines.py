"""A journal line: its envelope around an event, how it is written, and how it is read.

A line is read in two steps, because the contract answers them differently (section 4). `read_line` reads the
envelope; what is wrong there refuses the whole body, so it raises `EnvelopeError`. `read_payload` reads what
happened; a fact is never refused, so what is wrong there makes the event `unreadable` (`UnreadableError`) or of an
`unknown-type` (`UnknownTypeError`) and the till goes on. Fields that this version does not know are ignored here and
kept in the line's bytes.
"""

import contextlib
import json
import re
from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Annotated, Any, Final, Generic, TypeAlias, TypeVar

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from protocol.events import PAYLOADS, TYPES, Counter, Event, Integer, Payload, Refund, Sale, Void

depth_max: Final = 32
line_bytes_max: Final = 256 * 1024


class EnvelopeError(ValueError):
    """A journal line is no event; `reason` says why, and the whole body is refused with `bad-envelope`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class UnreadableError(ValueError):
    """A payload cannot be read; the event is kept and held as `unreadable`."""


class UnknownTypeError(ValueError):
    """A type, or a version of a known type, that this program does not know; the event passes the order."""


P = TypeVar("P")


class Envelope(Struct, Generic[P], frozen=True):
    """A journal line; its payload stays as the bytes it came in (`Raw`), or was read with it."""

    sequence: Counter
    prev: Annotated[str, Meta(pattern="^[0-9a-f]{64}\\Z")]
    type: Annotated[str, Meta(pattern="^[A-Z0-9_]{1,64}\\Z")]
    version: Integer
    created_at: str
    business_date: str
    payload: P
    clock_offset_ms: Integer | UnsetType = UNSET


RawEnvelope: TypeAlias = Envelope[Raw]

_envelopes = msgspec.json.Decoder(RawEnvelope)
_anything = msgspec.json.Decoder()
_encoder = msgspec.json.Encoder()
_payload_decoders: Final = {key: msgspec.json.Decoder(payload) for key, payload in PAYLOADS.items()}
_Decoder: TypeAlias = msgspec.json.Decoder[Envelope[Sale]] | msgspec.json.Decoder[Envelope[Refund]]
_written: Final[dict[bytes, tuple[str, _Decoder]]] = {
    b'","type":"SALE","version":1,': ("SALE", msgspec.json.Decoder(Envelope[Sale])),
    b'","type":"REFUND","version":1,': ("REFUND", msgspec.json.Decoder(Envelope[Refund])),
}
"""How a line of version 1 says its type behind `sequence` and `prev`, and what reads the whole of it."""
_type_within: Final = 160
_BRACKETS_ONLY: Final = bytes(set(range(256)) - set(b"[]{}"))
_TIME: Final = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d{1,9})?[Zz]", re.ASCII)
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def write_line(
    *,
    sequence: int,
    prev: str,
    payload: Payload,
    created_at: datetime,
    business_date: date,
    clock_offset_ms: int | None = None,
) -> bytes:
    """The bytes of a journal line for `payload`, without a newline.

    `created_at` is an aware time. Raises `ValueError` where the line is longer than `line_bytes_max`: the journal
    refuses to commit what central would not take.
    """
    kind, version = TYPES[type(payload)]
    fields: dict[str, object] = {
        "sequence": sequence,
        "prev": prev,
        "type": kind,
        "version": version,
        "created_at": write_time(created_at),
        "business_date": business_date.isoformat(),
        "payload": payload,
    }
    if clock_offset_ms is not None:
        fields["clock_offset_ms"] = clock_offset_ms
    line = _encoder.encode(fields)
    if len(line) > line_bytes_max:
        raise ValueError(f"the event takes {len(line):,} bytes, more than the {line_bytes_max:,} of a line")
    return line


def read_line(line: bytes) -> RawEnvelope:
    """The envelope of one journal line. Raises `EnvelopeError` (contract, section 4, `bad-envelope`)."""
    if not line.strip():
        raise EnvelopeError("the line is empty")
    if line.startswith(b"\xef\xbb\xbf"):
        raise EnvelopeError("the line starts with a byte order mark")
    try:
        line.decode()
    except UnicodeDecodeError as error:
        raise EnvelopeError("the line is not UTF-8") from error
    value = _check_structure(line)
    try:
        envelope = _envelopes.decode(line)
    except (msgspec.DecodeError, RecursionError) as error:
        if value is None or "payload" not in value:
            raise EnvelopeError(_plain(error)) from error
        envelope = _envelope_around(value)
    if not bytes(envelope.payload).startswith(b"{"):
        raise EnvelopeError("Expected `object` - at `$.payload`")
    return envelope


def _envelope_around(value: dict[str, Any]) -> RawEnvelope:
    """The envelope of a line with a text or number inside that JSON allows and no program should write.

    Such a payload is `unreadable`, no reason to refuse the body (half a surrogate pair is the usual one).
    """
    try:
        return msgspec.convert(value | {"payload": Raw(json.dumps(value["payload"]).encode())}, RawEnvelope)
    except (msgspec.ValidationError, UnicodeEncodeError) as error:
        raise EnvelopeError(_plain(error)) from error


def read_payload(envelope: RawEnvelope) -> Event:
    """What happened, by type and version.

    Raises `UnknownTypeError` for a type or version that this program does not know, and `UnreadableError` for a
    payload, time or date that cannot be read.
    """
    decoder = _payload_decoders.get((envelope.type, envelope.version))
    if decoder is None:
        raise UnknownTypeError(f"{envelope.type} version {envelope.version} is not known here")
    created_at = read_time(envelope.created_at)
    business_date = read_date(envelope.business_date)
    raw = bytes(envelope.payload)
    if b"\\u" in raw:
        _check_texts(raw)
    try:
        payload = decoder.decode(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise UnreadableError(f"payload: {_plain(error)}") from error
    if isinstance(payload, Sale | Refund):
        numbers = {line.line for line in payload.lines}
        if len(numbers) != len(payload.lines):
            raise UnreadableError("payload: two lines have one number")
    elif isinstance(payload, Void) and (payload.sale_id is None) == (payload.refund_id is None):
        raise UnreadableError("payload: a VOID names either a sale or a refund")
    return Event(envelope.sequence, envelope.type, envelope.version, created_at, business_date, payload)


def read_as_written(line: bytes) -> tuple[Envelope[Sale] | Envelope[Refund], Event] | None:
    """Envelope and event of a SALE or REFUND that stands exactly as `write_line` writes it; None for any other line,
    which `read_line` and `read_payload` then read, with the same outcome for this one too.

    What comes out byte for byte when it is written again has no key twice, no unknown field and no depth of its own:
    that tells so in half the time, and nearly every line of a till is such a one.
    """
    head = line[:_type_within]
    known = next((of for says, of in _written.items() if says in head), None)
    if known is None or b"\\" in line:
        return None
    kind, decoder = known
    try:
        envelope = decoder.decode(line)
        if envelope.type != kind or envelope.version != 1 or _encoder.encode(envelope) != line:
            return None
        payload = envelope.payload
        if len({of.line for of in payload.lines}) != len(payload.lines):
            return None
        created_at, business_date = read_time(envelope.created_at), read_date(envelope.business_date)
    except (msgspec.DecodeError, RecursionError, UnicodeError, UnreadableError):
        return None
    return envelope, Event(envelope.sequence, kind, 1, created_at, business_date, payload)


def read_time(text: str) -> datetime:
    """An RFC 3339 time in UTC with `Z`, 2000 to 2099. Raises `UnreadableError`."""
    try:
        if _TIME.fullmatch(text) is None:
            raise ValueError(text)
        time = datetime.fromisoformat(text.upper())
    except ValueError as error:
        raise UnreadableError("created_at: not a time in UTC, as 2026-11-24T12:00:00Z") from error
    if not 2000 <= time.year <= 2099:
        raise UnreadableError("created_at: not in the years 2000 to 2099")
    return time


def read_date(text: str) -> date:
    """An ISO 8601 date, 2000 to 2099. Raises `UnreadableError`."""
    try:
        if _DATE.fullmatch(text) is None:
            raise ValueError(text)
        day = date.fromisoformat(text)
    except ValueError as error:
        raise UnreadableError("business_date: not a date, as 2026-11-24") from error
    if not 2000 <= day.year <= 2099:
        raise UnreadableError("business_date: not in the years 2000 to 2099")
    return day


def write_time(time: datetime) -> str:
    """An aware time as the contract writes it: RFC 3339, UTC, `Z`, to the millisecond."""
    if time.tzinfo is not UTC:
        if time.utcoffset() is None:
            raise ValueError("a time on the wire is aware")
        time = time.astimezone(UTC)
    return time.replace(tzinfo=None).isoformat("T", "milliseconds") + "Z"


def _plain(error: Exception) -> str:
    """A decoder's message without the input's own text."""
    if isinstance(error, RecursionError):
        return f"nested deeper than {depth_max}"
    return str(error)[:300]


def _check_structure(line: bytes) -> dict[str, Any] | None:
    """Refuse a key that stands twice and nesting deeper than `depth_max`; the object where the slow way read it.

    Decoding and encoding again gives back the very bytes of a compact line only where no key was lost, which costs
    a fifth of looking at each key; any other way of writing JSON takes the slow way.
    """
    brackets = line.translate(None, _BRACKETS_ONLY)
    for _ in range(depth_max):
        if not brackets:
            break
        brackets = brackets.replace(b"{}", b"").replace(b"[]", b"")
    # Whatever the fast way cannot read, the slow way below says what is wrong with.
    with contextlib.suppress(msgspec.DecodeError, RecursionError, ValueError):
        if not brackets and _encoder.encode(_anything.decode(line)) == line:
            return None
    try:
        value = json.loads(line, object_pairs_hook=_object_without_doubles, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise EnvelopeError(f"nested deeper than {depth_max}") from error
    except EnvelopeError:
        raise
    except ValueError as error:
        raise EnvelopeError("not JSON") from error
    if not isinstance(value, dict):
        raise EnvelopeError("not a JSON object")
    level: list[Any] = [value]
    for _ in range(depth_max):
        level = [inner for outer in level for inner in _inside(outer) if isinstance(inner, dict | list)]
        if not level:
            return value
    raise EnvelopeError(f"nested deeper than {depth_max}")


def _inside(value: dict[str, Any] | list[Any]) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value


def _object_without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise EnvelopeError("a key stands twice in one object")
    return fields


def _refuse_constant(name: str) -> Any:
    raise EnvelopeError(f"{name} is not JSON")


def _check_texts(raw: bytes) -> None:
    """Refuse U+0000 and lone surrogates, which only an escape can bring into a line."""
    level: list[Any] = [json.loads(raw)]
    while level:
        texts = [value for value in level if isinstance(value, str)]
        texts += [key for value in level if isinstance(value, dict) for key in value]
        for text in texts:
            if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
                raise UnreadableError("payload: a text holds U+0000 or half a surrogate pair")
        level = [inner for value in level if isinstance(value, dict | list) for inner in _inside(value)]
