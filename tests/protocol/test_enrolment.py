"""Codes are read as people type them; a proof holds for its own code and key alone."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from protocol.enrolment import EnrolmentCodeError, assertion_claims, enrol_request, proof_holds, read_code, write_code

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
CODE = "ABCD-EFGH-JKMN-PQRS"


@given(st.binary(min_size=10, max_size=10), st.booleans(), st.booleans())
def test_a_code_is_read_whatever_its_case_and_dashes(random: bytes, lower: bool, dashes: bool) -> None:
    code = write_code(random)
    typed = code if dashes else code.replace("-", " ")

    assert read_code(typed.lower() if lower else typed) == code.replace("-", "")
    assert [len(part) for part in code.split("-")] == [4, 4, 4, 4]


def test_letters_that_look_like_digits_are_read_as_those() -> None:
    assert read_code("oOiI-lL00-0000-0000") == "0011110000000000"


@pytest.mark.parametrize("text", ["", "ABCD", CODE + "A", "ABCD-EFGH-JKMN-PQRU", "ABCD-EFGH-JKMN-PQR!", "١" * 16])
def test_what_is_no_code_is_told_apart_before_anybody_is_asked(text: str) -> None:
    with pytest.raises(EnrolmentCodeError):
        read_code(text)


def test_a_proof_holds_for_its_own_code_and_key_alone() -> None:
    request = enrol_request(CODE, KEY)

    assert proof_holds(request, KEY.public_key())
    assert not proof_holds(replace(request, enrolment_code=CODE.lower()), KEY.public_key())
    assert not proof_holds(replace(request, proof="AAAA"), KEY.public_key())


def test_an_assertion_lives_for_five_minutes() -> None:
    claims = assertion_claims(
        terminal_id="t", epoch=1, issuer="urn:x", now=1000, jti="j", last_sequence=0, last_hash="0" * 64
    )

    assert (claims["iss"], claims["sub"], claims["aud"]) == ("t", "t", "urn:x")
    assert (claims["iat"], claims["exp"]) == (1000, 1300)
