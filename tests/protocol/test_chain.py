"""The chain breaks where a byte changes, and only the enrolled key signs it."""

from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from protocol.chain import (
    PublicKeyError,
    first_misfit,
    first_prev,
    line_hash,
    load_public_key,
    public_key_text,
    sign_batch,
    verify_batch,
)

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))


def chained(lines: list[bytes], prev: str = "0" * 64) -> list[str]:
    """The `prev` that each of the lines states."""
    prevs = []
    for line in lines:
        prevs.append(prev)
        prev = line_hash(line)
    return prevs


def test_the_first_prev_names_terminal_epoch_and_key() -> None:
    expected = sha256(b"tillstream-chain-1\nthe-terminal\n3\nthe-key").hexdigest()

    assert first_prev("the-terminal", 3, "the-key") == expected


@given(st.lists(st.binary(min_size=1, max_size=40), min_size=1, max_size=8), st.data())
def test_a_changed_byte_breaks_the_chain_at_the_next_line(lines: list[bytes], data: st.DataObject) -> None:
    prevs = chained(lines)
    assert first_misfit("0" * 64, lines, prevs) is None

    place = data.draw(st.integers(0, len(lines) - 1))
    byte = data.draw(st.integers(0, len(lines[place]) - 1))
    forged = lines.copy()
    forged[place] = bytes([*lines[place][:byte], lines[place][byte] ^ 1, *lines[place][byte + 1 :]])

    assert first_misfit("0" * 64, forged, prevs) == (place + 1 if place + 1 < len(lines) else None)


def test_a_batch_is_signed_by_the_key_of_the_epoch_alone() -> None:
    last = line_hash(b"{}")
    signature = sign_batch(KEY, last)
    key = load_public_key(public_key_text(KEY))

    assert verify_batch(key, signature, last)
    assert not verify_batch(key, signature, line_hash(b"[]"))
    assert not verify_batch(key, sign_batch(OTHER, last), last)


@pytest.mark.parametrize("signature", ["", "=", "AAAA", "é", "A" * 88, "\n"])
def test_what_is_no_signature_verifies_nothing(signature: str) -> None:
    assert not verify_batch(KEY.public_key(), signature, line_hash(b"{}"))


@pytest.mark.parametrize(
    "key",
    [
        pytest.param("", id="nothing"),
        pytest.param("AAAA", id="three bytes"),
        pytest.param("A" * 43 + "=", id="zero, a point of order 4"),
        pytest.param("AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", id="the identity"),
        pytest.param("AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAIA=", id="the identity with its sign bit set"),
        pytest.param("7P///////////////////////////////////////38=", id="minus one, of order 2"),
        pytest.param("7f///////////////////////////////////////38=", id="a coordinate that is not reduced"),
    ],
)
def test_a_key_of_small_order_or_of_another_size_is_refused(key: str) -> None:
    with pytest.raises(PublicKeyError):
        load_public_key(key)
