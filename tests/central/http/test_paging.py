"""Cursors: every row once, in order; bound to who asked for what."""

import pytest

from tests.central.conftest import Central, TenantFixture


async def test_pages_give_every_row_once_in_order(tenant: TenantFixture) -> None:
    for number in range(6):
        await tenant.post("/v1/api-keys", {"label": str(number), "role": "viewer"})
    _, whole, _ = await tenant.get("/v1/api-keys")
    ids, cursor = [], None
    for _ in range(4):
        _, page, _ = await tenant.get(f"/v1/api-keys?limit=2{f'&cursor={cursor}' if cursor else ''}")
        ids += [row["api_key_id"] for row in page["api_keys"]]
        cursor = page["next_cursor"]

    assert cursor is None
    assert ids == [row["api_key_id"] for row in whole["api_keys"]]
    assert len(ids) == 7


async def cursor_of(tenant: TenantFixture) -> str:
    for number in range(2):
        await tenant.post("/v1/api-keys", {"label": str(number), "role": "viewer"})
    _, page, _ = await tenant.get("/v1/audit?limit=1&entity=api_key")
    cursor: str = page["next_cursor"]
    return cursor


async def test_a_cursor_is_good_with_its_filters_and_another_limit(tenant: TenantFixture) -> None:
    cursor = await cursor_of(tenant)

    assert (await tenant.get(f"/v1/audit?limit=5&entity=api_key&cursor={cursor}"))[0] == 200


@pytest.mark.parametrize("path", ["/v1/audit?cursor=", "/v1/audit?entity=user&cursor=", "/v1/api-keys?cursor="])
async def test_a_cursor_of_other_filters_or_another_route_is_bad(tenant: TenantFixture, path: str) -> None:
    status, problem, _ = await tenant.get(path + await cursor_of(tenant))

    assert (status, problem["type"]) == (400, "/problems/bad-cursor")


async def test_a_cursor_of_another_caller_or_tenant_is_bad(central: Central, tenant: TenantFixture) -> None:
    path = f"/v1/audit?entity=api_key&cursor={await cursor_of(tenant)}"
    colleague, stranger = await tenant.key_for("owner"), await central.tenant("Other")

    assert [(await who.get(path))[0] for who in (tenant, colleague, stranger)] == [200, 400, 400]


@pytest.mark.parametrize("cursor", ["", "x", "AAAA", "A" * 3000, "!!!", "%C3%BC"])
async def test_a_cursor_that_is_none_is_bad(tenant: TenantFixture, cursor: str) -> None:
    assert (await tenant.get(f"/v1/audit?cursor={cursor}"))[0] == 400


async def test_each_changed_character_spoils_a_cursor(tenant: TenantFixture) -> None:
    cursor = await cursor_of(tenant)
    statuses = set()
    for index, character in enumerate(cursor):
        spoiled = cursor[:index] + ("B" if character == "A" else "A") + cursor[index + 1 :]
        statuses.add((await tenant.get(f"/v1/audit?entity=api_key&cursor={spoiled}"))[0])

    assert statuses == {400}
