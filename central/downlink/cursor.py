"""The cursor that a terminal follows: where it stands in a snapshot or in the deltas, under a MAC for its owner alone.

The MAC covers tenant, location, terminal, epoch and incarnation without carrying them, so that a cursor of another
one, a forged one and one from before a restored backup all fail alike (contract, section 5: 410, start again).
"""

import base64
import binascii
import hmac
from hashlib import sha256
from typing import Final, TypeAlias
from uuid import UUID

import msgspec
from msgspec import Struct

cursor_characters_max: Final = 600
_MAC_BYTES: Final = 16
_PURPOSE: Final = b"tillstream downlink cursor 1\n"


class CursorError(ValueError):
    """A text is no cursor of this terminal."""


class CursorOwner(Struct, frozen=True):
    """Whom a cursor was given to, and by which life of the database."""

    tenant_id: UUID
    location_id: UUID
    terminal_id: UUID
    epoch: int
    incarnation: UUID


class SnapshotCursor(Struct, frozen=True, array_like=True, tag="s"):
    """In a snapshot: everything up to `entity_id` of the entity that is `entity`-th in the order was sent."""

    begun: int
    """The revision at which the snapshot began; deltas go on from it."""
    through_ms: int
    """Until when everything before this page is known, in milliseconds since 1970."""
    receipt_days: int
    entity: int
    entity_id: str


class DeltaCursor(Struct, frozen=True, array_like=True, tag="d"):
    """In the deltas: every change up to `revision` was sent."""

    revision: int
    through_ms: int
    receipt_days: int
    """How many days of receipts the terminal has: more of them take a new snapshot."""


Cursor: TypeAlias = SnapshotCursor | DeltaCursor

_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder[Cursor](SnapshotCursor | DeltaCursor)


def write_cursor(cursor: Cursor, owner: CursorOwner, key: bytes) -> str:
    body = _encoder.encode(cursor)
    return base64.urlsafe_b64encode(_mac(body, owner, key) + body).rstrip(b"=").decode()


def read_cursor(text: str, owner: CursorOwner, key: bytes) -> Cursor:
    """Where the owner of the cursor stands. Raises `CursorError`."""
    if len(text) > cursor_characters_max or not text.isascii():
        raise CursorError("not a cursor")
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise CursorError("not a cursor") from error
    if base64.urlsafe_b64encode(raw).rstrip(b"=").decode() != text:
        raise CursorError("bits left over")
    mac, body = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
    if not hmac.compare_digest(mac, _mac(body, owner, key)):
        raise CursorError("not a cursor of this terminal")
    try:
        cursor: Cursor = _decoder.decode(body)
    except msgspec.DecodeError as error:
        raise CursorError("a cursor of another version") from error
    return cursor


def _mac(body: bytes, owner: CursorOwner, key: bytes) -> bytes:
    owner_bytes = b"".join(
        (
            owner.tenant_id.bytes,
            owner.location_id.bytes,
            owner.terminal_id.bytes,
            owner.epoch.to_bytes(8, "big"),
            owner.incarnation.bytes,
        )
    )
    return hmac.new(key, _PURPOSE + owner_bytes + body, sha256).digest()[:_MAC_BYTES]
