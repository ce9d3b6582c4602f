"""The access token of a terminal: who it is, until when, and a MAC of a key that all nodes of a deployment share.

It is read without a trip to the database. It does not say whether the terminal was revoked since: every request asks
that of the epoch's row (`terminals.admit`, `terminals.lock_positions`).
"""

import base64
import binascii
import hmac
import struct
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final
from uuid import UUID

from msgspec import Struct

token_seconds: Final = 15 * 60
scheme: Final = "tst_"
_VERSION: Final = 1
_LAYOUT: Final = struct.Struct(">B16s16s16sIQ")
_MAC_BYTES: Final = 32
_TOKEN_CHARACTERS: Final = len(scheme) + (_LAYOUT.size + _MAC_BYTES) // 3 * 4
_PURPOSE: Final = b"tillstream access token 1\n"


class AccessTokenError(ValueError):
    """A token is not ours, or its time is over."""


class AccessClaims(Struct, frozen=True):
    """What an access token says."""

    tenant_id: UUID
    location_id: UUID
    terminal_id: UUID
    epoch: int
    expires_at: int
    """Seconds since 1970."""


def write_token(claims: AccessClaims, key: bytes) -> str:
    body = _LAYOUT.pack(
        _VERSION,
        claims.tenant_id.bytes,
        claims.location_id.bytes,
        claims.terminal_id.bytes,
        claims.epoch,
        claims.expires_at,
    )
    return scheme + base64.urlsafe_b64encode(body + _mac(body, key)).decode()


def read_token(token: str, key: bytes, now: datetime) -> AccessClaims:
    """The claims of a token that is ours and still good at `now`. Raises `AccessTokenError`."""
    if len(token) != _TOKEN_CHARACTERS or not token.startswith(scheme) or not token.isascii():
        raise AccessTokenError("not an access token")
    try:
        raw = base64.b64decode(token[len(scheme) :], altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise AccessTokenError("not an access token") from error
    body, mac = raw[: _LAYOUT.size], raw[_LAYOUT.size :]
    if not hmac.compare_digest(mac, _mac(body, key)):
        raise AccessTokenError("not an access token of this deployment")
    version, tenant, location, terminal, epoch, expires_at = _LAYOUT.unpack(body)
    if version != _VERSION or now.astimezone(UTC).timestamp() >= expires_at:
        raise AccessTokenError("the access token has expired")
    return AccessClaims(UUID(bytes=tenant), UUID(bytes=location), UUID(bytes=terminal), epoch, expires_at)


def _mac(body: bytes, key: bytes) -> bytes:
    return hmac.new(key, _PURPOSE + body, sha256).digest()
