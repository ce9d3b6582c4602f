"""Users of the back office."""

import asyncpg

from tests.central.conftest import TenantFixture

EVE = {"email": "Eve@Example.org", "password": "correct horse battery", "role": "manager"}


async def test_a_user_is_read_back_without_the_password(tenant: TenantFixture) -> None:
    status, made, _ = await tenant.post("/v1/users", EVE)
    _, listed, _ = await tenant.get("/v1/users")

    assert (status, made["email"], "password" in made) == (201, "eve@example.org", False)
    assert listed["users"] == [made]


async def test_a_password_is_kept_as_argon2id(tenant: TenantFixture, superuser_address: str) -> None:
    await tenant.post("/v1/users", EVE)
    connection = await asyncpg.connect(superuser_address)
    kept = await connection.fetchval("select password_hash from till.users")
    await connection.close()

    assert kept.startswith("$argon2id$")


async def test_an_email_is_unique_whatever_its_case(tenant: TenantFixture) -> None:
    await tenant.post("/v1/users", EVE)
    status, problem, _ = await tenant.post("/v1/users", {**EVE, "email": "EVE@example.ORG"})

    assert (status, problem["field"]) == (409, "email")


async def test_a_user_is_changed_and_deleted_by_an_owner_alone(tenant: TenantFixture) -> None:
    _, made, _ = await tenant.post("/v1/users", EVE)
    path = f"/v1/users/{made['user_id']}"
    manager = await tenant.key_for("manager")

    assert (await manager.get(path))[0] == 403
    assert (await tenant.patch(path, {"role": "viewer"}))[1]["role"] == "viewer"
    assert (await tenant.patch(path, {"password": "short"}))[1]["field"] == "password"
    assert (await tenant.delete(path))[0] == 204
    assert (await tenant.get(path))[0] == 404
