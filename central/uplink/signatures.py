"""Whether a body's signature is its epoch's; the check would be a quarter of what a small body costs.

ed25519-zebra takes a third of OpenSSL's time. It checks by ZIP 215, which differs from OpenSSL's rule in signatures
that the owner of a key makes odd on purpose, and in no others (decision 8).
"""

import base64
import binascii

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from ed25519_zebra import ed_verify

from protocol.chain import batch_message, signature_bytes


def covers(key: Ed25519PublicKey, signature: str, last_hash: str) -> bool:
    """Whether `signature` (base64) is this key's over the chain that ends in `last_hash`."""
    try:
        raw = base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError):
        return False
    if len(raw) != signature_bytes:
        return False
    return bool(ed_verify(raw, batch_message(last_hash), key.public_bytes_raw()))
