"""API keys: shown once, kept as a hash, by role, until they expire or are deleted."""

from datetime import timedelta

import pytest

from tests.central.conftest import Central, TenantFixture


async def test_a_made_key_calls_with_its_role(tenant: TenantFixture) -> None:
    viewer = await tenant.key_for("viewer")

    assert (await viewer.get("/v1/settings"))[0] == 200
    status, problem, _ = await viewer.get("/v1/api-keys")
    assert (status, problem["type"]) == (403, "/problems/forbidden")


async def test_a_key_is_listed_and_read_without_its_secret(tenant: TenantFixture) -> None:
    _, made, _ = await tenant.post("/v1/api-keys", {"label": "ERP", "role": "manager"})
    _, listed, _ = await tenant.get("/v1/api-keys")
    _, read, _ = await tenant.get(f"/v1/api-keys/{made['api_key_id']}")

    assert made.pop("api_key").startswith("tsk_")
    assert read == made
    assert made in listed["api_keys"]
    assert listed["next_cursor"] is None


async def test_a_deleted_key_is_refused_and_is_not_found_again(central: Central, tenant: TenantFixture) -> None:
    _, made, _ = await tenant.post("/v1/api-keys", {"label": "till", "role": "viewer"})
    client = central.anybody(made["api_key"])
    assert (await client.get("/v1/settings"))[0] == 200

    assert (await tenant.delete(f"/v1/api-keys/{made['api_key_id']}"))[:2] == (204, None)
    assert (await client.get("/v1/settings"))[0] == 401
    assert (await tenant.delete(f"/v1/api-keys/{made['api_key_id']}"))[0] == 404


async def test_an_expired_key_is_refused(central: Central, tenant: TenantFixture) -> None:
    now = central.services.clock()
    central.services.clock = lambda: now
    client = await tenant.key_for("viewer", expires_at=(now + timedelta(hours=1)).isoformat())
    assert (await client.get("/v1/settings"))[0] == 200

    central.services.clock = lambda: now + timedelta(hours=1)
    assert (await client.get("/v1/settings"))[0] == 401


async def test_a_key_that_would_have_expired_already_is_refused(tenant: TenantFixture) -> None:
    body = {"label": "old", "role": "viewer", "expires_at": "2020-01-01T00:00:00Z"}
    status, problem, _ = await tenant.post("/v1/api-keys", body)

    assert (status, problem["field"]) == (422, "expires_at")


@pytest.mark.parametrize("spoil", [lambda key: key[:-1], lambda key: key + "A", lambda key: key.swapcase(), str.upper])
async def test_a_spoiled_key_is_refused(central: Central, tenant: TenantFixture, spoil: object) -> None:
    assert callable(spoil)
    status, problem, headers = await central.anybody(spoil(tenant.key)).get("/v1/settings")

    assert (status, problem["type"], headers["WWW-Authenticate"]) == (401, "/problems/unauthenticated", "Bearer")


async def test_a_key_under_another_tenants_name_is_refused(central: Central, tenant: TenantFixture) -> None:
    other = await central.tenant("Other")
    mixed = f"tsk_{other.key.split('_')[1]}_{tenant.key.split('_', 2)[2]}"

    assert (await central.anybody(mixed).get("/v1/settings"))[0] == 401
