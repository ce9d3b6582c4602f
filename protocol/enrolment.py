"""How a terminal gets its identity: enrolment codes, the proof of its key, and the claims of its assertions.

The contract, section 3. Random bytes and times come in as arguments.
"""

import base64
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from msgspec import Struct

from protocol.chain import public_key_text, verify

code_random_bytes: Final = 10
code_characters: Final = 16
code_seconds: Final = 24 * 3600
assertion_seconds_max: Final = 300
assertion_skew_seconds_max: Final = 60
access_token_seconds_max: Final = 15 * 60
grant_type: Final = "client_credentials"
assertion_type: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
assertion_algorithms: Final = ("Ed25519", "EdDSA")
assertion_typ: Final = "client-authentication+jwt"

_CROCKFORD: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_READ_AS: Final = str.maketrans("OIL", "011", "- ")


class EnrolmentCodeError(ValueError):
    """A text cannot be an enrolment code."""


class EnrolRequest(Struct, frozen=True):
    """The body of `POST /v1/enrol`."""

    enrolment_code: str
    public_key: str
    proof: str


class EnrolAnswer(Struct, frozen=True, kw_only=True):
    """Who the terminal is from now on, and what it must know before its first snapshot."""

    terminal_id: str
    epoch: int
    issuer: str
    location_id: str
    tenant_name: str
    location_name: str
    currency: str
    price_mode: str
    tax_rounding: str
    cash_rounding_minor: int
    timezone: str
    receipt_prefix: str
    pin_key: str
    journal_keep_days: int


def write_code(random: bytes) -> str:
    """An enrolment code of 80 random bits in Crockford base32, in fours: `ABCD-EFGH-JKMN-PQRS`."""
    if len(random) != code_random_bytes:
        raise ValueError(f"a code is made of {code_random_bytes} random bytes")
    number = int.from_bytes(random, "big")
    characters = [_CROCKFORD[(number >> shift) & 31] for shift in range(75, -1, -5)]
    return "-".join("".join(characters[start : start + 4]) for start in range(0, code_characters, 4))


def read_code(text: str) -> str:
    """A code as it is compared: 16 upper-case characters; dashes, blanks and case do not matter.

    Raises `EnrolmentCodeError`.
    """
    code = text.upper().translate(_READ_AS)
    if len(code) != code_characters or any(character not in _CROCKFORD for character in code):
        raise EnrolmentCodeError("an enrolment code has 16 letters and digits, as ABCD-EFGH-JKMN-PQRS")
    return code


def proof_message(code: str, public_key: str) -> bytes:
    """What the proof signs; code and key exactly as they stand in the body."""
    return f"tillstream-enrol-1\n{code}\n{public_key}".encode()


def enrol_request(code: str, private_key: Ed25519PrivateKey) -> EnrolRequest:
    """The body that a terminal enrols with."""
    public_key = public_key_text(private_key)
    proof = private_key.sign(proof_message(code, public_key))
    return EnrolRequest(enrolment_code=code, public_key=public_key, proof=base64.b64encode(proof).decode())


def proof_holds(request: EnrolRequest, key: Ed25519PublicKey) -> bool:
    """Whether the one who enrols holds the private key."""
    return verify(key, request.proof, proof_message(request.enrolment_code, request.public_key))


def assertion_claims(
    *, terminal_id: str, epoch: int, issuer: str, now: int, jti: str, last_sequence: int, last_hash: str
) -> dict[str, object]:
    """The claims of a client assertion (RFC 7523) at `now`, in seconds since 1970."""
    return {
        "iss": terminal_id,
        "sub": terminal_id,
        "aud": issuer,
        "epoch": epoch,
        "iat": now,
        "exp": now + assertion_seconds_max,
        "jti": jti,
        "last_sequence": last_sequence,
        "last_hash": last_hash,
    }
