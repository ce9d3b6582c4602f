"""Enrolment over HTTP: codes, proofs, keys, epochs (contract, section 3)."""

import base64
from asyncio import gather
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import text

from central.tenant_session import operator, tenant_session
from central.terminals.guesses import by_address_max
from protocol.chain import public_key_text
from protocol.enrolment import enrol_request, proof_message
from tests.central.conftest import Central, Client, TenantFixture
from tests.central.terminals_fixture import TerminalFixture, enrol, enrol_again, make_terminal


async def post_enrol(tenant: TenantFixture, body: object) -> tuple[int, Any, Any]:
    return await Client(tenant.url, tenant.http, None).post("/v1/enrol", body)


async def test_an_enrolled_terminal_learns_who_it_is(terminal: TerminalFixture, tenant: TenantFixture) -> None:
    assert terminal.enrolment | {"pin_key": "", "issuer": "", "terminal_id": "", "location_id": ""} == {
        "terminal_id": "",
        "epoch": 1,
        "issuer": "",
        "location_id": "",
        "tenant_name": tenant.name,
        "location_name": "Shop HH1",
        "currency": "EUR",
        "price_mode": "tax_inclusive",
        "tax_rounding": "receipt",
        "cash_rounding_minor": 1,
        "timezone": "Europe/Berlin",
        "receipt_prefix": "HH1-1A-",
        "pin_key": "",
        "journal_keep_days": 400,
    }
    assert terminal.enrolment["issuer"] == terminal.tenant.services.issuer
    assert len(base64.b64decode(terminal.enrolment["pin_key"])) == 32


async def test_a_code_is_good_with_other_case_and_dashes(tenant: TenantFixture, location_id: UUID) -> None:
    made = await make_terminal(tenant, location_id)
    terminal = await enrol(tenant, made["enrolment_code"].replace("-", "").lower())

    assert str(terminal.terminal_id) == made["terminal_id"]


async def test_a_code_works_once(tenant: TenantFixture, location_id: UUID) -> None:
    made = await make_terminal(tenant, location_id)
    await enrol(tenant, made["enrolment_code"])
    status, answer, _ = await post_enrol(tenant, enrol_request(made["enrolment_code"], Ed25519PrivateKey.generate()))

    assert (status, answer["type"]) == (403, "/problems/enrolment-refused")


async def test_a_lost_answer_is_given_again_to_the_same_key(tenant: TenantFixture, location_id: UUID) -> None:
    made = await make_terminal(tenant, location_id)
    terminal = await enrol(tenant, made["enrolment_code"])
    await tenant.patch(f"/v1/locations/{location_id}", {"name": "Renamed"})
    status, answer, _ = await post_enrol(tenant, enrol_request(made["enrolment_code"], terminal.private_key))

    assert (status, answer) == (201, terminal.enrolment)


async def test_a_lost_answer_is_given_again_also_when_a_newer_code_was_made(
    tenant: TenantFixture, location_id: UUID
) -> None:
    made = await make_terminal(tenant, location_id)
    terminal = await enrol(tenant, made["enrolment_code"])
    await tenant.post(f"/v1/terminals/{terminal.terminal_id}/enrolment")
    status, answer, _ = await post_enrol(tenant, enrol_request(made["enrolment_code"], terminal.private_key))

    assert (status, answer) == (201, terminal.enrolment)


async def test_a_revoked_enrolment_gets_no_answer_again(tenant: TenantFixture, location_id: UUID) -> None:
    made = await make_terminal(tenant, location_id)
    terminal = await enrol(tenant, made["enrolment_code"])
    await tenant.post(f"/v1/terminals/{terminal.terminal_id}/revocation", {})
    status, _, _ = await post_enrol(tenant, enrol_request(made["enrolment_code"], terminal.private_key))

    assert status == 403


async def test_a_new_code_ends_the_older_one(tenant: TenantFixture, location_id: UUID) -> None:
    made = await make_terminal(tenant, location_id)
    status, renewed, _ = await tenant.post(f"/v1/terminals/{made['terminal_id']}/enrolment")
    assert status == 201
    refused, _, _ = await post_enrol(tenant, enrol_request(made["enrolment_code"], Ed25519PrivateKey.generate()))
    terminal = await enrol(tenant, renewed["enrolment_code"])

    assert (refused, terminal.epoch) == (403, 1)


async def test_a_code_is_good_for_24_hours(central: Central, tenant: TenantFixture, location_id: UUID) -> None:
    made = await make_terminal(tenant, location_id)
    clock = central.services.clock
    central.services.clock = lambda: clock() + timedelta(hours=24, seconds=1)
    status, _, _ = await post_enrol(tenant, enrol_request(made["enrolment_code"], Ed25519PrivateKey.generate()))

    assert status == 403


async def test_each_enrolment_opens_an_epoch_with_its_own_prefix_and_pin_key(terminal: TerminalFixture) -> None:
    second = await enrol_again(terminal)

    assert (second.epoch, second.enrolment["receipt_prefix"]) == (2, "HH1-1B-")
    assert second.enrolment["pin_key"] != terminal.enrolment["pin_key"]


async def test_a_key_that_was_enrolled_before_is_refused(tenant: TenantFixture, terminal: TerminalFixture) -> None:
    made = await make_terminal(tenant, terminal.location_id, "Till 2")
    status, answer, _ = await post_enrol(tenant, enrol_request(made["enrolment_code"], terminal.private_key))
    other = await enrol(tenant, made["enrolment_code"])

    assert (status, answer["type"]) == (403, "/problems/enrolment-refused")
    assert (other.epoch, other.enrolment["receipt_prefix"]) == (1, "HH1-2A-")


def _wrong_proof(code: str) -> dict[str, str]:
    key = Ed25519PrivateKey.generate()
    proof = key.sign(proof_message(code.replace("-", ""), public_key_text(key)))
    return {
        "enrolment_code": code,
        "public_key": public_key_text(key),
        "proof": base64.b64encode(proof).decode(),
    }


def _small_order(code: str) -> dict[str, str]:
    identity = base64.b64encode(b"\x01" + bytes(31)).decode()
    forged = base64.b64encode(b"\x01" + bytes(63)).decode()
    return {"enrolment_code": code, "public_key": identity, "proof": forged}


def _no_key(code: str) -> dict[str, str]:
    return {"enrolment_code": code, "public_key": "AAAA", "proof": ""}


def _no_code(code: str) -> dict[str, str]:
    request = enrol_request("0000-0000-0000-000", Ed25519PrivateKey.generate())
    return {"enrolment_code": request.enrolment_code, "public_key": request.public_key, "proof": request.proof}


@pytest.mark.parametrize("wrong", [_wrong_proof, _small_order, _no_key, _no_code])
async def test_what_cannot_be_good_is_refused_alike(tenant: TenantFixture, location_id: UUID, wrong: Any) -> None:
    made = await make_terminal(tenant, location_id)
    status, answer, _ = await post_enrol(tenant, wrong(made["enrolment_code"]))
    unknown = enrol_request("ABCD-EFGH-JKMN-PQRS", Ed25519PrivateKey.generate())

    assert status == 403
    assert answer == (await post_enrol(tenant, unknown))[1]


async def test_two_who_use_one_code_at_once_get_one_epoch(tenant: TenantFixture, location_id: UUID) -> None:
    made = await make_terminal(tenant, location_id)
    requests = [enrol_request(made["enrolment_code"], Ed25519PrivateKey.generate()) for _ in range(5)]
    answers = await gather(*(post_enrol(tenant, request) for request in requests))

    assert sorted(status for status, _, _ in answers) == [201, 403, 403, 403, 403]


async def test_wrong_guesses_are_limited_and_right_ones_never(tenant: TenantFixture, location_id: UUID) -> None:
    made = await make_terminal(tenant, location_id)
    guess = enrol_request("ABCD-EFGH-JKMN-PQRS", Ed25519PrivateKey.generate())
    statuses = [(await post_enrol(tenant, guess))[0] for _ in range(2 * by_address_max + 1)]
    status, answer, headers = await post_enrol(tenant, guess)
    terminal = await enrol(tenant, made["enrolment_code"])

    assert set(statuses) == {403, 429}
    assert (status, answer["type"]) == (429, "/problems/rate-limited")
    assert 1 <= int(headers["Retry-After"]) <= 60
    assert terminal.epoch == 1


async def test_no_code_is_kept_as_it_is(central: Central, tenant: TenantFixture, terminal: TerminalFixture) -> None:
    made = await make_terminal(tenant, terminal.location_id)
    code = made["enrolment_code"].replace("-", "")
    async with tenant_session(central.services.database, operator(tenant.tenant_id)) as session:
        tables = ["terminals", "enrolment_codes", "audit", "directory", "idempotency"]
        rows = [str((await session.execute(text(f"select * from till.{name}"))).all()) for name in tables]

    assert not [row for row in rows if code in row or made["enrolment_code"] in row]


async def test_a_repeated_create_shows_the_code_no_second_time(tenant: TenantFixture, location_id: UUID) -> None:
    body = {"location_id": str(location_id), "label": "Till"}
    first = await tenant.post("/v1/terminals", body, headers={"Idempotency-Key": "one"})
    again = await tenant.post("/v1/terminals", body, headers={"Idempotency-Key": "one"})

    assert again[1] == first[1] | {"enrolment_code": None}
    assert again[2]["Idempotent-Replayed"] == "true"
