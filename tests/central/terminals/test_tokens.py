"""The token endpoint: which assertions are taken, and what all others get (contract, section 3)."""

import asyncio
import base64
import json
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import text

from protocol.enrolment import assertion_type, grant_type
from tests.central.conftest import Central, TenantFixture
from tests.central.terminals_fixture import (
    TerminalFixture,
    enrol_again,
    post_form,
    sign_assertion,
)

pytestmark = pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
HEADER = {"alg": "Ed25519", "typ": "client-authentication+jwt"}


def encode(part: object) -> str:
    raw = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


async def incarnation(terminal: TerminalFixture) -> str:
    async with terminal.tenant.services.database.connection() as connection:
        return str((await connection.execute(text("select incarnation from till.deployment_state"))).scalar_one())


def now() -> int:
    return int(time.time())


async def test_an_assertion_is_answered_with_a_token_of_15_minutes_and_the_position(terminal: TerminalFixture) -> None:
    status, answer, headers = await terminal.ask_token(sign_assertion(terminal.private_key, terminal.claims()))

    assert (status, answer["token_type"], answer["expires_in"]) == (200, "Bearer", 900)
    assert headers["Cache-Control"] == "no-store"
    assert abs(datetime.fromisoformat(answer["server_time"]).timestamp() - time.time()) < 5
    assert answer["position"] == {
        "epoch": 1,
        "applied_through": 0,
        "applied_hash": terminal.first_prev,
        "queued": [],
        "missing": [],
        "incarnation": await incarnation(terminal),
    }


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "EdDSA"},
        {"alg": "Ed25519"},
        {"alg": "EdDSA", "typ": "JWT"},
        {"alg": "Ed25519", "typ": "client-authentication+jwt", "kid": "elsewhere", "jku": "http://127.0.0.1:1/"},
    ],
)
async def test_both_names_of_the_algorithm_are_taken(terminal: TerminalFixture, header: dict[str, str]) -> None:
    status, _, _ = await terminal.ask_token(sign_assertion(terminal.private_key, terminal.claims(), header))

    assert status == 200


async def test_an_assertion_without_a_journals_end_is_taken(terminal: TerminalFixture) -> None:
    answer = await terminal.renew_token(last_sequence=..., last_hash=...)

    assert answer["position"]["applied_through"] == 0


WRONG_CLAIMS: dict[str, Callable[[TerminalFixture], dict[str, Any]]] = {
    "iss is missing": lambda t: {"iss": ...},
    "sub is missing": lambda t: {"sub": ...},
    "sub is another": lambda t: {"sub": str(uuid4())},
    "iss is in capitals": lambda t: {"iss": str(t.terminal_id).upper(), "sub": str(t.terminal_id).upper()},
    "iss is unknown": lambda t: {"iss": str(uuid4())} | {"sub": ...},
    "iss and sub are unknown": lambda t: (lambda one: {"iss": one, "sub": one})(str(uuid4())),
    "iss is a list": lambda t: {"iss": [str(t.terminal_id)], "sub": [str(t.terminal_id)]},
    "aud is missing": lambda t: {"aud": ...},
    "aud is another": lambda t: {"aud": "urn:uuid:" + str(uuid4())},
    "aud is a list": lambda t: {"aud": [t.enrolment["issuer"]]},
    "aud is a list of two": lambda t: {"aud": [t.enrolment["issuer"], "https://elsewhere.example"]},
    "aud is a prefix": lambda t: {"aud": t.enrolment["issuer"] + "/"},
    "aud is the token endpoint": lambda t: {"aud": t.url + "/v1/oauth/token"},
    "epoch is missing": lambda t: {"epoch": ...},
    "epoch is another": lambda t: {"epoch": 2},
    "epoch is a string": lambda t: {"epoch": "1"},
    "epoch is true": lambda t: {"epoch": True},
    "epoch is a fraction": lambda t: {"epoch": 1.0},
    "epoch is huge": lambda t: {"epoch": 2**53 - 1},
    "iat is missing": lambda t: {"iat": ...},
    "iat is old": lambda t: {"iat": now() - 62, "exp": now() + 200},
    "iat is ahead": lambda t: {"iat": now() + 62, "exp": now() + 300},
    "iat is a string": lambda t: {"iat": str(now())},
    "iat is a fraction": lambda t: {"iat": now() + 0.5},
    "iat is true": lambda t: {"iat": True},
    "exp is missing": lambda t: {"exp": ...},
    "exp is over": lambda t: {"iat": now() - 30, "exp": now() - 1},
    "exp is too late": lambda t: {"iat": now(), "exp": now() + 301},
    "exp is before iat": lambda t: {"iat": now() + 30, "exp": now() + 20},
    "exp is a string": lambda t: {"exp": str(now() + 100)},
    "exp is null": lambda t: {"exp": None},
    "nbf is ahead": lambda t: {"nbf": now() + 100},
    "nbf is a string": lambda t: {"nbf": str(now())},
    "jti is missing": lambda t: {"jti": ...},
    "jti is empty": lambda t: {"jti": ""},
    "jti is a number": lambda t: {"jti": 7},
    "jti is too long": lambda t: {"jti": "x" * 256},
    "jti holds a NUL": lambda t: {"jti": "x\0"},
    "last_sequence is negative": lambda t: {"last_sequence": -1},
    "last_sequence is a string": lambda t: {"last_sequence": "0"},
    "last_hash is short": lambda t: {"last_hash": "ab"},
    "last_hash is in capitals": lambda t: {"last_hash": "AB" * 32},
}


@pytest.mark.parametrize("wrong", WRONG_CLAIMS)
async def test_a_wrong_claim_is_refused_like_any_other(terminal: TerminalFixture, wrong: str) -> None:
    claims = terminal.claims(**WRONG_CLAIMS[wrong](terminal))
    await _is_refused(terminal, sign_assertion(terminal.private_key, claims))


def _signed(terminal: TerminalFixture, header: object, payload: object | None = None) -> str:
    """An assertion with any header, rightly signed over what it says."""
    message = encode(header) + "." + encode(terminal.claims() if payload is None else payload)
    return message + "." + encode(terminal.private_key.sign(message.encode()))


def _twice(terminal: TerminalFixture) -> bytes:
    text = json.dumps(terminal.claims(epoch=7))
    return (text[:-1] + ', "epoch": 1}').encode()


WRONG_ASSERTIONS: dict[str, Callable[[TerminalFixture], str]] = {
    "another key": lambda t: sign_assertion(Ed25519PrivateKey.generate(), t.claims()),
    "no algorithm": lambda t: encode({"alg": "none"}) + "." + encode(t.claims()) + ".",
    "no algorithm, signed": lambda t: _signed(t, {"alg": "none"}),
    "HMAC with the public key": lambda t: _signed(t, {"alg": "HS256"}),
    "RSA": lambda t: _signed(t, {"alg": "RS256"}),
    "alg missing": lambda t: _signed(t, {"typ": "JWT"}),
    "alg in small letters": lambda t: _signed(t, {"alg": "eddsa"}),
    "alg a list": lambda t: _signed(t, {"alg": ["EdDSA"]}),
    "another type": lambda t: _signed(t, {"alg": "EdDSA", "typ": "at+jwt"}),
    "type null": lambda t: _signed(t, {"alg": "EdDSA", "typ": None}),
    "crit": lambda t: _signed(t, HEADER | {"crit": ["exp"]}),
    "payload not encoded": lambda t: _signed(t, HEADER | {"b64": False, "crit": ["b64"]}),
    "a key of its own": lambda t: _own_key(t),
    "a claim twice": lambda t: _signed(t, HEADER, _twice(t)),
    "a header twice": lambda t: _signed(t, b'{"alg":"none","alg":"Ed25519"}'),
    "claims that are a list": lambda t: _signed(t, HEADER, [t.claims()]),
    "claims that are no JSON": lambda t: _signed(t, HEADER, b"iss"),
    "claims with NaN": lambda t: _signed(t, HEADER, b'{"iat": NaN}'),
    "claims of bad UTF-8": lambda t: _signed(t, HEADER, b'{"iss": "\xff"}'),
    "claims nested without end": lambda t: _signed(t, HEADER, b"[" * 2500),
    "four parts": lambda t: sign_assertion(t.private_key, t.claims()) + ".AAAA",
    "two parts": lambda t: sign_assertion(t.private_key, t.claims()).rpartition(".")[0],
    "an empty text": lambda t: "",
    "a very long text": lambda t: "A" * 10_000,
    "signature cut": lambda t: sign_assertion(t.private_key, t.claims())[:-4],
    "padding": lambda t: sign_assertion(t.private_key, t.claims()) + "==",
    "a claim changed after signing": lambda t: _changed(t),
    "a small-order signature": lambda t: _signed(t, HEADER).rpartition(".")[0] + "." + encode(b"\x01" + bytes(63)),
}


def _own_key(terminal: TerminalFixture) -> str:
    key = Ed25519PrivateKey.generate()
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": encode(key.public_key().public_bytes_raw())}
    return sign_assertion(key, terminal.claims(), HEADER | {"jwk": jwk, "kid": "own"})


def _changed(terminal: TerminalFixture) -> str:
    header, _, signature = sign_assertion(terminal.private_key, terminal.claims()).split(".")
    return ".".join((header, encode(terminal.claims(jti="another")), signature))


@pytest.mark.parametrize("wrong", WRONG_ASSERTIONS)
async def test_a_wrong_assertion_is_refused_like_any_other(terminal: TerminalFixture, wrong: str) -> None:
    await _is_refused(terminal, WRONG_ASSERTIONS[wrong](terminal))


async def _is_refused(terminal: TerminalFixture, assertion: str) -> None:
    status, answer, headers = await terminal.ask_token(assertion)
    server_time = answer.pop("server_time")

    assert (status, answer) == (
        401,
        {"error": "invalid_client", "error_description": "the assertion is refused"},
    )
    assert headers["Cache-Control"] == "no-store"
    assert abs(datetime.fromisoformat(server_time).timestamp() - time.time()) < 5


async def test_an_assertion_is_taken_once_on_whatever_node(
    central: Central, terminal: TerminalFixture, start_central: Any
) -> None:
    assertion = sign_assertion(terminal.private_key, terminal.claims())
    second_node = await start_central(central.services.database)
    assert (await terminal.ask_token(assertion))[0] == 200
    await _is_refused(terminal, assertion)
    terminal.url = second_node.url
    await _is_refused(terminal, assertion)


async def test_of_two_equal_assertions_at_once_one_is_taken(terminal: TerminalFixture) -> None:
    assertion = sign_assertion(terminal.private_key, terminal.claims())
    answers = await asyncio.gather(*(terminal.ask_token(assertion) for _ in range(6)))

    assert sorted(status for status, _, _ in answers) == [200, 401, 401, 401, 401, 401]


async def test_a_till_whose_clock_is_years_off_signs_by_the_time_of_the_refusal(
    central: Central, terminal: TerminalFixture
) -> None:
    clock = central.services.clock
    central.services.clock = lambda: clock() + timedelta(days=3650)
    _, refusal, _ = await terminal.ask_token(sign_assertion(terminal.private_key, terminal.claims()))
    told = int(datetime.fromisoformat(refusal["server_time"]).timestamp())
    answer = await terminal.renew_token(iat=told, exp=told + 300)

    assert answer["token_type"] == "Bearer"


async def test_a_revoked_terminal_gets_no_token(terminal: TerminalFixture, tenant: TenantFixture) -> None:
    await tenant.post(f"/v1/terminals/{terminal.terminal_id}/revocation", {})
    await _is_refused(terminal, sign_assertion(terminal.private_key, terminal.claims()))


async def test_a_replaced_epochs_key_still_gets_a_token(terminal: TerminalFixture) -> None:
    second = await enrol_again(terminal)

    assert (await terminal.renew_token())["position"]["epoch"] == 1
    assert (await second.renew_token())["position"]["epoch"] == 2


@pytest.mark.parametrize(
    ("changed", "status", "error"),
    [
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"grant_type": None}, 400, "invalid_request"),
        ({"client_assertion_type": "saml"}, 401, "invalid_client"),
        ({"client_assertion": None}, 401, "invalid_client"),
    ],
)
async def test_another_form_gets_the_errors_of_rfc_6749(
    terminal: TerminalFixture, changed: dict[str, str | None], status: int, error: str
) -> None:
    form = {
        "grant_type": grant_type,
        "client_assertion_type": assertion_type,
        "client_assertion": sign_assertion(terminal.private_key, terminal.claims()),
    } | changed
    sent = {name: value for name, value in form.items() if value is not None}
    answered, answer, _ = await post_form(terminal.http, terminal.url, sent)

    assert (answered, answer["error"]) == (status, error)
    assert set(answer) == {"error", "error_description", "server_time"}


async def test_a_token_is_good_for_15_minutes(central: Central, terminal: TerminalFixture) -> None:
    assert (await terminal.get("/v1/sync/position"))[0] == 200
    clock = central.services.clock
    central.services.clock = lambda: clock() + timedelta(minutes=15, seconds=1)
    status, answer, _ = await terminal.get("/v1/sync/position")

    assert (status, answer["type"]) == (401, "/problems/unauthenticated")


async def test_no_changed_token_is_taken(central: Central, terminal: TerminalFixture) -> None:
    good = terminal.token or ""
    for place in range(len(good)):
        other = good[:place] + ("A" if good[place] != "A" else "B") + good[place + 1 :]
        status, _, _ = await central.anybody(other).get("/v1/sync/position")
        assert status == 401, place
