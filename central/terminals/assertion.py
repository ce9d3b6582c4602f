"""A terminal's client assertion (RFC 7523): what it must be for an access token to be given out (contract, section 3).

The signature is joserfc's to check, and nothing else: its claims registry lets the wrong JSON types, doubled names
and times written as text through, so each part of header and claims is looked at here. Neither `kid` nor `jwk` nor
`jku` nor `x5u` is ever followed: the key is the one that was enrolled.
"""

import base64
import binascii
import json
import re
import warnings
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from joserfc import jws
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import OKPKey
from msgspec import Struct

from protocol.enrolment import assertion_algorithms, assertion_seconds_max, assertion_skew_seconds_max, assertion_typ

assertion_characters_max: Final = 4_096
jti_characters_max: Final = 255
integer_max: Final = 2**53 - 1
epoch_max: Final = 2**31 - 1
_TYPES: Final = (None, "JWT", assertion_typ)
_PART: Final = re.compile(r"[A-Za-z0-9_-]+")
_HASH: Final = re.compile(r"[0-9a-f]{64}")

# Tills of other makers may still say "EdDSA"; the contract admits both names of the one algorithm.
warnings.filterwarnings("ignore", message="EdDSA is deprecated", category=SecurityWarning)


class AssertionRefusedError(ValueError):
    """An assertion is refused; the reason is for the log, every refusal looks the same to the caller."""


class Assertion(Struct, frozen=True):
    """The claims of an assertion, each of the type and in the bounds that the contract gives it."""

    terminal_id: UUID
    epoch: int
    issued_at: int
    expires_at: int
    jti: str
    last_sequence: int | None
    last_hash: str | None


def read_assertion(text: str, *, issuer: str, now: datetime) -> Assertion:
    """What the assertion claims; its signature is not checked yet. Raises `AssertionRefusedError`."""
    parts = text.split(".") if len(text) <= assertion_characters_max else []
    if len(parts) != 3 or not all(_PART.fullmatch(part) for part in parts):
        raise AssertionRefusedError("not a compact JWT")
    _check_header(_object(parts[0]))
    return _read_claims(_object(parts[1]), issuer=issuer, now=int(now.timestamp()))


def signed_by(text: str, key: Ed25519PublicKey) -> bool:
    """Whether the assertion, read before by `read_assertion`, bears this key's signature."""
    x = base64.urlsafe_b64encode(key.public_bytes_raw()).rstrip(b"=").decode()
    jwk = OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": x})
    registry = jws.JWSRegistry(algorithms=list(assertion_algorithms), strict_check_header=False)
    registry.max_header_length = assertion_characters_max
    try:
        jws.deserialize_compact(text, jwk, algorithms=list(assertion_algorithms), registry=registry)
    except (JoseError, ValueError):
        return False
    return True


def _object(part: str) -> dict[str, Any]:
    try:
        raw = base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
        if base64.urlsafe_b64encode(raw).rstrip(b"=").decode() != part:
            raise AssertionRefusedError("base64 with bits left over")
        value = json.loads(raw.decode(), object_pairs_hook=_each_name_once, parse_constant=_no_constant)
    except (binascii.Error, UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise AssertionRefusedError("not JSON") from error
    if not isinstance(value, dict):
        raise AssertionRefusedError("not a JSON object")
    return value


def _each_name_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = dict(pairs)
    if len(names) != len(pairs):
        raise AssertionRefusedError("a name twice")
    return names


def _no_constant(name: str) -> Any:
    raise AssertionRefusedError(f"{name} is not JSON")


def _check_header(header: dict[str, Any]) -> None:
    if header.get("alg") not in assertion_algorithms or not isinstance(header["alg"], str):
        raise AssertionRefusedError("alg")
    if header.get("typ") not in _TYPES or ("typ" in header and not isinstance(header["typ"], str)):
        raise AssertionRefusedError("typ")
    if "crit" in header or "b64" in header:
        raise AssertionRefusedError("crit")


def _read_claims(claims: dict[str, Any], *, issuer: str, now: int) -> Assertion:
    terminal_id = _terminal(claims)
    if not isinstance(claims.get("aud"), str) or claims["aud"] != issuer:
        raise AssertionRefusedError("aud")
    issued_at = _integer(claims, "iat", 0)
    expires_at = _integer(claims, "exp", 0)
    if abs(now - issued_at) > assertion_skew_seconds_max:
        raise AssertionRefusedError("iat")
    if not issued_at < expires_at <= issued_at + assertion_seconds_max or expires_at <= now:
        raise AssertionRefusedError("exp")
    if "nbf" in claims and _integer(claims, "nbf", 0) > now + assertion_skew_seconds_max:
        raise AssertionRefusedError("nbf")
    return Assertion(
        terminal_id=terminal_id,
        epoch=_integer(claims, "epoch", 1, epoch_max),
        issued_at=issued_at,
        expires_at=expires_at,
        jti=_jti(claims),
        last_sequence=_integer(claims, "last_sequence", 0) if "last_sequence" in claims else None,
        last_hash=_hash(claims) if "last_hash" in claims else None,
    )


def _terminal(claims: dict[str, Any]) -> UUID:
    issuer, subject = claims.get("iss"), claims.get("sub")
    if not isinstance(issuer, str) or not isinstance(subject, str) or issuer != subject:
        raise AssertionRefusedError("iss and sub")
    try:
        terminal_id = UUID(issuer)
    except ValueError as error:
        raise AssertionRefusedError("iss") from error
    if str(terminal_id) != issuer:
        raise AssertionRefusedError("iss")
    return terminal_id


def _integer(claims: dict[str, Any], name: str, least: int, most: int = integer_max) -> int:
    value = claims.get(name)
    if type(value) is not int or not least <= value <= most:
        raise AssertionRefusedError(name)
    return value


def _jti(claims: dict[str, Any]) -> str:
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 1 <= len(jti) <= jti_characters_max or not jti.isprintable():
        raise AssertionRefusedError("jti")
    return jti


def _hash(claims: dict[str, Any]) -> str:
    value = claims.get("last_hash")
    if not isinstance(value, str) or not _HASH.fullmatch(value):
        raise AssertionRefusedError("last_hash")
    return value
