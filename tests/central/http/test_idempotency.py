"""Idempotency-Key: the same key and body answer the first result again."""

import asyncio

import asyncpg
import pytest

from tests.central.conftest import TenantFixture

NEW = {"label": "ERP", "role": "viewer"}


async def test_a_repeat_answers_the_first_result_with_its_secret_as_null(tenant: TenantFixture) -> None:
    headers = {"Idempotency-Key": "k1"}
    first_status, first, first_headers = await tenant.post("/v1/api-keys", NEW, headers=headers)
    status, again, again_headers = await tenant.post("/v1/api-keys", NEW, headers=headers)
    _, listed, _ = await tenant.get("/v1/api-keys")

    assert (first_status, status) == (201, 201)
    assert again == {**first, "api_key": None}
    assert ("Idempotent-Replayed" in first_headers, again_headers["Idempotent-Replayed"]) == (False, "true")
    assert len(listed["api_keys"]) == 2


async def test_another_body_under_the_same_key_is_a_mismatch(tenant: TenantFixture) -> None:
    headers = {"Idempotency-Key": "k1"}
    await tenant.post("/v1/api-keys", NEW, headers=headers)
    status, problem, _ = await tenant.post("/v1/api-keys", {**NEW, "label": "other"}, headers=headers)

    assert (status, problem["type"]) == (422, "/problems/idempotency-mismatch")


async def test_a_failure_is_not_remembered(tenant: TenantFixture) -> None:
    headers = {"Idempotency-Key": "k1"}
    refused = {**NEW, "expires_at": "2020-01-01T00:00:00Z"}

    assert (await tenant.post("/v1/api-keys", refused, headers=headers))[0] == 422
    assert (await tenant.post("/v1/api-keys", NEW, headers=headers))[0] == 201


async def test_of_many_at_once_one_takes_effect(tenant: TenantFixture) -> None:
    answers = await asyncio.gather(
        *(tenant.post("/v1/api-keys", NEW, headers={"Idempotency-Key": "k1"}) for _ in range(8))
    )
    _, listed, _ = await tenant.get("/v1/api-keys")

    assert {status for status, _, _ in answers} <= {201, 409}
    for status, body, _ in answers:
        assert status == 201 or body["type"] == "/problems/idempotency-in-progress"
    assert len(listed["api_keys"]) == 2


async def test_a_first_request_that_runs_in_another_process_is_in_progress(
    tenant: TenantFixture, superuser_address: str
) -> None:
    other = await asyncpg.connect(superuser_address)
    transaction = other.transaction()
    await transaction.start()
    _, keys, _ = await tenant.get("/v1/api-keys")
    await other.execute(
        "insert into till.idempotency values ($1, $2, 'POST /v1/api-keys', 'k1', '', now(), null, null)",
        tenant.tenant_id,
        f"api_key:{keys['api_keys'][0]['api_key_id']}",
    )
    status, problem, headers = await tenant.post("/v1/api-keys", NEW, headers={"Idempotency-Key": "k1"})
    await transaction.rollback()
    await other.close()

    assert (status, problem["type"], headers["Retry-After"]) == (409, "/problems/idempotency-in-progress", "1")
    assert (await tenant.post("/v1/api-keys", NEW, headers={"Idempotency-Key": "k1"}))[0] == 201


@pytest.mark.parametrize("key", ["", "a b", "x" * 256, "ü"])
async def test_a_key_is_visible_ascii_of_1_to_255(tenant: TenantFixture, key: str) -> None:
    status, problem, _ = await tenant.post("/v1/api-keys", NEW, headers={"Idempotency-Key": key})

    assert (status, problem["field"]) == (422, "Idempotency-Key")


async def test_a_key_belongs_to_its_caller(tenant: TenantFixture) -> None:
    headers = {"Idempotency-Key": "k1"}
    other = await tenant.key_for("owner")

    assert (await tenant.post("/v1/api-keys", NEW, headers=headers))[0] == 201
    status, made, answered = await other.post("/v1/api-keys", NEW, headers=headers)
    assert (status, made["api_key"] is not None, "Idempotent-Replayed" in answered) == (201, True, False)


async def test_after_seven_days_a_key_is_free_again(tenant: TenantFixture, superuser_address: str) -> None:
    headers = {"Idempotency-Key": "k1"}
    await tenant.post("/v1/api-keys", NEW, headers=headers)
    connection = await asyncpg.connect(superuser_address)
    await connection.execute("update till.idempotency set created_at = created_at - interval '7 days 1 second'")
    await connection.close()
    status, made, answered = await tenant.post("/v1/api-keys", {**NEW, "label": "later"}, headers=headers)

    assert (status, made["label"], "Idempotent-Replayed" in answered) == (201, "later", False)
