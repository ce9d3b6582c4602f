"""A body's signature: the fast check says what OpenSSL says, of good ones, broken ones and texts that are none."""

import base64

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from central.uplink.signatures import covers
from protocol.chain import sign_batch, verify_batch

group_order = 2**252 + 27742317777372353535851937790883648493
seeds = st.binary(min_size=32, max_size=32)
hashes = st.binary(min_size=32, max_size=32).map(bytes.hex)


@given(seeds, hashes)
def test_an_epoch_s_own_signature_covers_its_lines(seed: bytes, last_hash: str) -> None:
    key = Ed25519PrivateKey.from_private_bytes(seed)
    assert covers(key.public_key(), sign_batch(key, last_hash), last_hash)


@given(seeds, hashes, st.integers(0, 64 * 8 - 1))
def test_a_signature_with_one_bit_turned_covers_nothing(seed: bytes, last_hash: str, bit: int) -> None:
    key = Ed25519PrivateKey.from_private_bytes(seed)
    raw = bytearray(base64.b64decode(sign_batch(key, last_hash)))
    raw[bit // 8] ^= 1 << bit % 8
    forged = base64.b64encode(raw).decode()
    assert not covers(key.public_key(), forged, last_hash)
    assert not verify_batch(key.public_key(), forged, last_hash)


@given(seeds, seeds, hashes)
def test_another_epoch_s_signature_covers_nothing(seed: bytes, other: bytes, last_hash: str) -> None:
    key, stranger = Ed25519PrivateKey.from_private_bytes(seed), Ed25519PrivateKey.from_private_bytes(other)
    assert covers(key.public_key(), sign_batch(stranger, last_hash), last_hash) == (seed == other)


@given(seeds, hashes)
def test_a_signature_is_not_made_anew_from_a_good_one(seed: bytes, last_hash: str) -> None:
    key = Ed25519PrivateKey.from_private_bytes(seed)
    raw = base64.b64decode(sign_batch(key, last_hash))
    scalar = int.from_bytes(raw[32:], "little") + group_order
    again = base64.b64encode(raw[:32] + scalar.to_bytes(32, "little")).decode()
    assert not covers(key.public_key(), again, last_hash)


@given(st.text(max_size=100))
def test_any_text_is_answered(text: str) -> None:
    key = Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key()
    assert not covers(key, text, "0" * 64)
