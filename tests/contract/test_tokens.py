"""Section 3: assertions, tokens and positions; each hostile assertion of the table is refused alike."""

import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.contract.independent_journal import Till, assertion_type, public_text, sha256, signed_token, url_text
from tests.contract.independent_shop import Register, Shop

Forgery = Callable[[Till], str]


def claiming(**claims: Any) -> Forgery:
    """An honest signature over claims of which some are wrong (`...` leaves one out)."""
    return lambda till: signed_token(till.journal.key, till.claims(**claims))


def with_header(**header: Any) -> Forgery:
    return lambda till: signed_token(till.journal.key, till.claims(), **header)


def unsigned(till: Till) -> str:
    head, claims, _ = signed_token(till.journal.key, till.claims(), alg="none").split(".")
    return f"{head}.{claims}."


def by_hmac_of_the_public_key(till: Till) -> str:
    head = url_text(json.dumps({"alg": "HS256", "typ": "JWT"}).encode())
    text = f"{head}.{url_text(json.dumps(till.claims()).encode())}"
    return f"{text}.{url_text(hmac.digest(public_text(till.journal.key).encode(), text.encode(), hashlib.sha256))}"


def by_another_key(till: Till) -> str:
    return signed_token(Ed25519PrivateKey.generate(), till.claims())


def by_a_key_that_it_brings(till: Till) -> str:
    key = Ed25519PrivateKey.generate()
    raw = key.public_key().public_bytes_raw()
    return signed_token(key, till.claims(), jwk={"kty": "OKP", "crv": "Ed25519", "x": url_text(raw)})


def with_other_claims_than_signed(till: Till) -> str:
    head, _, signature = signed_token(till.journal.key, till.claims()).split(".")
    return f"{head}.{url_text(json.dumps(till.claims(epoch=2)).encode())}.{signature}"


def with_a_flipped_bit(till: Till) -> str:
    text, _, signature = signed_token(till.journal.key, till.claims()).rpartition(".")
    return f"{text}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}"


def cut_short(till: Till) -> str:
    return signed_token(till.journal.key, till.claims()).rpartition(".")[0]


def of_five_parts(till: Till) -> str:
    return signed_token(till.journal.key, till.claims()) + ".AAAA.AAAA"


def signing(claims: str) -> Forgery:
    def forge(till: Till) -> str:
        text = f"{url_text(json.dumps({'alg': 'EdDSA'}).encode())}.{url_text(claims.encode())}"
        return f"{text}.{url_text(till.journal.key.sign(text.encode()))}"

    return forge


hostile: dict[str, Forgery] = {
    "signed by another key": by_another_key,
    "signed by a key in its own header": by_a_key_that_it_brings,
    "alg none": unsigned,
    "alg none in capitals": with_header(alg="NONE"),
    "alg HS256 under the public key": by_hmac_of_the_public_key,
    "alg RS256": with_header(alg="RS256"),
    "alg ES256": with_header(alg="ES256"),
    "no alg": with_header(alg=None),
    "typ of an access token": with_header(typ="at+jwt"),
    "typ of something else": with_header(typ="secevent+jwt"),
    "a critical header nobody knows": with_header(crit=["x"], x=1),
    "an unencoded payload": with_header(crit=["b64"], b64=False),
    "claims other than signed": with_other_claims_than_signed,
    "a flipped bit": with_a_flipped_bit,
    "no signature": cut_short,
    "five parts": of_five_parts,
    "garbage": lambda _: "garbage",
    "empty": lambda _: "",
    "claims that are a list": signing("[]"),
    "claims that are not JSON": signing("{"),
    "iss of nobody": claiming(iss=str(uuid4()), sub=str(uuid4())),
    "iss unlike sub": claiming(iss=str(uuid4())),
    "sub unlike iss": claiming(sub=str(uuid4())),
    "no iss": claiming(iss=...),
    "no sub": claiming(sub=...),
    "iss no UUID": claiming(iss="till", sub="till"),
    "aud of another server": claiming(aud="https://elsewhere.example"),
    "no aud": claiming(aud=...),
    "an epoch to come": claiming(epoch=2),
    "epoch 0": claiming(epoch=0),
    "an epoch as text": claiming(epoch="1"),
    "an epoch that is true": claiming(epoch=True),
    "no epoch": claiming(epoch=...),
    "iat two minutes ago": lambda till: claiming(iat=int(time.time()) - 120)(till),
    "iat two minutes ahead": lambda till: claiming(iat=int(time.time()) + 120, exp=int(time.time()) + 240)(till),
    "iat ten years ago": lambda till: claiming(iat=int(time.time()) - 315_360_000, exp=int(time.time()) + 60)(till),
    "iat as text": lambda till: claiming(iat=str(int(time.time())))(till),
    "no iat": claiming(iat=...),
    "expired": lambda till: claiming(iat=int(time.time()) - 50, exp=int(time.time()) - 20)(till),
    "exp too late": lambda till: claiming(exp=int(time.time()) + 400)(till),
    "no exp": claiming(exp=...),
    "no jti": claiming(jti=...),
    "a jti that is a number": claiming(jti=7),
}


@pytest.mark.parametrize("forge", hostile.values(), ids=hostile)
def test_a_hostile_assertion_is_refused_as_invalid_client_with_the_time(register: Register, forge: Forgery) -> None:
    answer = register.till.ask_token(forge(register.till))

    assert answer.status == 401, answer.body
    assert answer.json["error"] == "invalid_client"
    assert set(answer.json) <= {"error", "error_description", "server_time"}
    assert answer.json["server_time"].endswith("Z")
    assert answer.headers["cache-control"] == "no-store"


def test_an_assertion_is_refused_the_second_time(register: Register) -> None:
    assertion = signed_token(register.till.journal.key, register.till.claims())

    first, second = register.till.ask_token(assertion), register.till.ask_token(assertion)

    assert first.status == 200
    assert (second.status, second.json["error"]) == (401, "invalid_client")


def test_a_jti_is_refused_the_second_time_in_another_assertion_too(register: Register) -> None:
    till, jti = register.till, str(uuid4())
    first = till.ask_token(signed_token(till.journal.key, till.claims(jti=jti)))
    second = till.ask_token(signed_token(till.journal.key, till.claims(jti=jti, exp=int(time.time()) + 200)))

    assert (first.status, second.status) == (200, 401)


def test_an_assertion_in_the_name_of_a_neighbour_is_refused(shop: Shop) -> None:
    till, neighbour = shop.register().till, shop.register().till
    forged = signed_token(till.journal.key, till.claims(iss=neighbour.terminal_id, sub=neighbour.terminal_id))

    assert till.ask_token(forged).status == 401


@pytest.mark.parametrize("header", [{"alg": "Ed25519"}, {"typ": None}, {"typ": "client-authentication+jwt"}], ids=str)
def test_both_names_of_the_algorithm_and_three_types_are_taken(register: Register, header: dict[str, Any]) -> None:
    assertion = signed_token(register.till.journal.key, register.till.claims(), **header)

    assert register.till.ask_token(assertion).status == 200


def test_a_token_answers_what_central_has(register: Register) -> None:
    answer = register.till.sign_in()

    assert answer["token_type"] == "Bearer"
    assert 0 < answer["expires_in"] <= 900
    assert answer["server_time"].endswith("Z")
    assert set(answer["position"]) >= {"epoch", "applied_through", "applied_hash", "queued", "missing", "incarnation"}
    assert (answer["position"]["epoch"], answer["position"]["applied_through"]) == (1, 0)
    assert (answer["position"]["queued"], answer["position"]["missing"]) == ([], [])
    assert str(UUID(answer["position"]["incarnation"])) == answer["position"]["incarnation"]


def test_the_position_of_a_token_is_that_of_the_position_route(register: Register) -> None:
    register.till.journal.logs(5)
    register.till.push(1, 2)
    register.till.push(5)

    answer = register.till.sign_in()

    assert answer["position"] == register.till.position()
    assert answer["position"]["applied_through"] == 2
    assert answer["position"]["applied_hash"] == sha256(register.till.journal.lines[1])
    assert (answer["position"]["queued"], answer["position"]["missing"]) == ([[5, 5]], [[3, 4]])


@pytest.mark.parametrize(
    ("field", "value", "error"),
    [
        ("grant_type", "password", "unsupported_grant_type"),
        ("grant_type", None, "invalid_request"),
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer", None),
        ("client_assertion_type", None, None),
        ("client_assertion", None, None),
    ],
)
def test_a_malformed_token_request_is_answered_as_rfc_6749_says(
    register: Register, field: str, value: str | None, error: str | None
) -> None:
    fields: dict[str, str | None] = {
        "grant_type": "client_credentials",
        "client_assertion_type": assertion_type,
        "client_assertion": signed_token(register.till.journal.key, register.till.claims()),
        field: value,
    }
    answer = register.till.client.with_bearer(None).form(
        "/v1/oauth/token", {name: text for name, text in fields.items() if text is not None}
    )

    assert answer.status in {400, 401}
    assert answer.json["error"] in ({error} if error else {"invalid_request", "invalid_client"})
    assert "server_time" in answer.json


def test_a_journal_that_agrees_is_not_suspect(shop: Shop, register: Register) -> None:
    till = register.till
    till.sign_in(last_sequence=0, last_hash=till.journal.first_prev)
    till.journal.logs(3)
    till.push()
    till.sign_in(last_sequence=3, last_hash=till.journal.last_hash)

    assert shop.status(till) == "active"


def test_a_journal_ahead_of_central_is_not_suspect(shop: Shop, register: Register) -> None:
    till = register.till
    till.journal.logs(3)
    till.push(1, 1)
    till.sign_in(last_sequence=3, last_hash=till.journal.last_hash)

    assert shop.status(till) == "active"


def test_a_last_hash_that_contradicts_what_central_has_shows_the_terminal_as_suspect(
    shop: Shop, register: Register
) -> None:
    till = register.till
    till.journal.logs(3)
    till.push()
    till.sign_in(last_sequence=3, last_hash="0" * 64)

    assert shop.status(till) == "suspect"


def test_a_last_sequence_below_what_central_has_shows_the_terminal_as_suspect(shop: Shop, register: Register) -> None:
    till = register.till
    till.journal.logs(3)
    till.push()
    till.sign_in(last_sequence=2, last_hash=sha256(till.journal.lines[1]))

    assert shop.status(till) == "suspect"
