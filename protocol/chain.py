"""The hash chain of a journal and the signatures over it, computed over exact bytes (contract, section 4)."""

import base64
import binascii
from collections.abc import Iterable
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

public_key_bytes: Final = 32
signature_bytes: Final = 64

_FIELD_PRIME: Final = 2**255 - 19
# The y coordinates of the eight points of small order on Curve25519 (RFC 7748, section 6.1 gives the same list for
# its own form of the curve): a signature by such a key says nothing, so no terminal may be enrolled with one.
_SMALL_ORDER_Y: Final = frozenset(
    {
        0,
        1,
        _FIELD_PRIME - 1,
        0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826,
        0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7,
    }
)


class PublicKeyError(ValueError):
    """A public key is not 32 bytes of base64, or a point of small order."""


def first_prev(terminal_id: str, epoch: int, public_key: str) -> str:
    """The `prev` of sequence 1: it names the writer. `public_key` is the base64 text of the enrolment."""
    return sha256(f"tillstream-chain-1\n{terminal_id}\n{epoch}\n{public_key}".encode()).hexdigest()


def line_hash(line: bytes) -> str:
    """SHA-256 of a line's exact bytes, without its newline, as 64 lower-case hex digits."""
    return sha256(line).hexdigest()


def batch_message(last_hash: str) -> bytes:
    """The bytes that `Chain-Signature` signs; `last_hash` is the hash of the body's last line."""
    return f"tillstream-batch-1\n{last_hash}".encode()


def sign_batch(private_key: Ed25519PrivateKey, last_hash: str) -> str:
    """The value of the header `Chain-Signature`."""
    return base64.b64encode(private_key.sign(batch_message(last_hash))).decode()


def verify_batch(public_key: Ed25519PublicKey, signature: str, last_hash: str) -> bool:
    """Whether `signature` (base64) is this key's over the chain that ends in `last_hash`."""
    return verify(public_key, signature, batch_message(last_hash))


def verify(public_key: Ed25519PublicKey, signature: str, message: bytes) -> bool:
    """Whether `signature` (base64) is this key's over `message`; anything that is no signature is not."""
    raw = _decode(signature)
    if raw is None or len(raw) != signature_bytes:
        return False
    try:
        public_key.verify(raw, message)
    except InvalidSignature:
        return False
    return True


def load_public_key(text: str) -> Ed25519PublicKey:
    """The key whose raw 32 bytes `text` is the base64 of. Raises `PublicKeyError`, also for a point of small order."""
    raw = _decode(text)
    if raw is None or len(raw) != public_key_bytes:
        raise PublicKeyError("public_key: not the base64 of a raw 32-byte Ed25519 key")
    y = int.from_bytes(raw, "little") & (2**255 - 1)
    if y % _FIELD_PRIME in _SMALL_ORDER_Y or y >= _FIELD_PRIME:
        raise PublicKeyError("public_key: a point of small order is no key")
    return Ed25519PublicKey.from_public_bytes(raw)


def public_key_text(private_key: Ed25519PrivateKey) -> str:
    """The base64 text of a private key's public half, as it stands in the enrolment."""
    raw = private_key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return base64.b64encode(raw).decode()


def first_misfit(prev: str, lines: Iterable[bytes], prevs: Iterable[str]) -> int | None:
    """The index of the first line whose `prev` is not the hash of the one before, `prev` for the first; else None."""
    for index, (line, stated) in enumerate(zip(lines, prevs, strict=True)):
        if stated != prev:
            return index
        prev = line_hash(line)
    return None


def _decode(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
