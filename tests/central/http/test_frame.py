"""The frame around every call: what comes first, what is refused and how, what every answer bears."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession

from tests.central.conftest import Central, TenantFixture


async def test_health_needs_no_key(central: Central) -> None:
    status, body, headers = await central.anybody().get("/healthz")

    assert (status, body, "Server-Timing" in headers) == (200, {"status": "ok"}, False)


async def test_a_database_that_is_not_durable_is_not_ready(central: Central) -> None:
    status, problem, headers = await central.anybody().get("/readyz")

    assert (status, problem["type"], headers["Retry-After"]) == (503, "/problems/database-unavailable", "1")
    assert "fsync off" in problem["detail"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer  "},
        {"Authorization": "Basic dXNlcjpwYXNz"},
        {"Authorization": "Bearer tsk_nothing"},
        {"Authorization": "Bearer " + "x" * 5000},
        {"Authorization": "Bearer tsk_\u00fc"},
    ],
)
async def test_who_shows_no_valid_key_is_unauthenticated_whatever_is_wrong(
    central: Central, headers: dict[str, str]
) -> None:
    status, problem, answered = await central.anybody().get("/v1/settings", headers=headers)

    assert (status, problem) == (
        401,
        {
            "type": "/problems/unauthenticated",
            "title": "A valid key or token is needed",
            "status": 401,
            "detail": "A valid key or token is needed",
        },
    )
    assert answered["WWW-Authenticate"] == "Bearer"
    assert "Server-Timing" not in answered


async def test_two_authorization_headers_are_none(central: Central, tenant: TenantFixture) -> None:
    async with ClientSession() as http:
        key = ("Authorization", f"Bearer {tenant.key}")
        async with http.get(f"{central.url}/v1/settings", headers=[key, key]) as answer:
            assert answer.status == 401


async def test_every_answer_bears_the_safe_headers_and_a_success_its_timing(tenant: TenantFixture) -> None:
    _, _, good = await tenant.get("/v1/settings")
    _, _, bad = await tenant.get("/v1/nothing")

    for headers in (good, bad):
        assert (headers["X-Content-Type-Options"], headers["Cache-Control"]) == ("nosniff", "no-store")
        assert "python" not in headers["Server"].lower()
    assert good["Server-Timing"].startswith("db;dur=")
    assert "Server-Timing" not in bad


async def test_an_unknown_path_is_404_and_an_unknown_method_405_with_what_is_allowed(tenant: TenantFixture) -> None:
    status, problem, _ = await tenant.get("/v1/nothing")
    assert (status, problem["type"]) == (404, "/problems/not-found")

    status, problem, headers = await tenant.request("PUT", "/v1/settings", {})
    assert (status, problem["type"], headers["Allow"]) == (405, "/problems/method-not-allowed", "GET, PATCH")


@pytest.mark.parametrize("api_key_id", ["nothing", "A" * 36, "0" * 36, "%00", "00000000-0000-0000-0000-00000000000G"])
async def test_an_id_that_is_none_is_as_one_that_does_not_exist(tenant: TenantFixture, api_key_id: str) -> None:
    unknown = await tenant.get("/v1/api-keys/01890000-0000-7000-8000-000000000000")
    malformed = await tenant.get(f"/v1/api-keys/{api_key_id}")

    assert malformed[:2] == unknown[:2]
    assert unknown[0] == 404


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
        {"Content-Type": "application/json", "Content-Encoding": "nonsense"},
    ],
)
async def test_a_body_of_another_type_or_encoding_is_415(tenant: TenantFixture, headers: dict[str, str]) -> None:
    status, problem, _ = await tenant.patch("/v1/settings", data=b"{}", headers=headers)

    assert (status, problem["type"]) == (415, "/problems/unsupported-media-type")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"", ""),
        (b"{", ""),
        (b"[]", ""),
        (b"\xff", ""),
        (b'{"label":"x","role":"viewer","more":"\xff"}', ""),
        (b'{"label":"\\ud800","role":"viewer"}', ""),
        (b'{"label":"\\udc00","role":"viewer"}', ""),
        (b'{"label":"a\\u0000b","role":"viewer"}', "label"),
        (b'{"role":"viewer"}', "label"),
        (b'{"label":7,"role":"viewer"}', "label"),
        (b'{"label":"x","role":"king"}', "role"),
        (b'{"label":"x","role":"viewer","expires_at":"soon"}', "expires_at"),
        (b'{"label":"x","role":"viewer","more":' + b"[" * 100_000 + b"]" * 100_000 + b"}", ""),
    ],
)
async def test_a_bad_body_is_422_with_its_field(tenant: TenantFixture, body: bytes, field: str) -> None:
    headers = {"Content-Type": "application/json"}
    status, problem, _ = await tenant.post("/v1/api-keys", data=body, headers=headers)

    assert (status, problem["type"], problem["field"]) == (422, "/problems/invalid", field)


async def test_unknown_fields_of_a_body_are_ignored(tenant: TenantFixture) -> None:
    body = {"label": "x", "role": "viewer", "tenant_id": "someone else's", "extra": None}

    assert (await tenant.post("/v1/api-keys", body))[0] == 201


@pytest.mark.parametrize("declared", [True, False])
async def test_a_body_past_its_bound_is_413(tenant: TenantFixture, declared: bool) -> None:
    async def in_chunks() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b" " * 16_384

    data = b" " * 300_000 if declared else in_chunks()
    headers = {"Content-Type": "application/json"}
    status, problem, _ = await tenant.post("/v1/api-keys", data=data, headers=headers)

    assert (status, problem["type"]) == (413, "/problems/too-large")


async def test_a_body_that_does_not_arrive_is_408(
    central: Central, tenant: TenantFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("central.http.bodies.read_body.__kwdefaults__", {"seconds_max": 0.05})
    reader, writer = await asyncio.open_connection("127.0.0.1", int(central.url.rpartition(":")[2]))
    writer.write(
        b"POST /v1/api-keys HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n"
        b"Authorization: Bearer " + tenant.key.encode() + b"\r\n\r\n{"
    )
    answer = await reader.read(4096)
    writer.close()

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"/problems/request-timeout" in answer


async def test_a_role_is_checked_before_the_body_is_read(tenant: TenantFixture) -> None:
    viewer = await tenant.key_for("viewer")
    status, problem, _ = await viewer.post("/v1/api-keys", data=b"{", headers={"Content-Type": "text/plain"})

    assert (status, problem["type"]) == (403, "/problems/forbidden")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=ten", "limit"),
        ("limit=1.0", "limit"),
        ("limit=5&limit=6", "limit"),
        ("entity=%00", "entity"),
        ("entity=%ff", ""),
    ],
)
async def test_a_bad_query_is_422_with_its_field(tenant: TenantFixture, query: str, field: str) -> None:
    status, problem, _ = await tenant.get(f"/v1/audit?{query}")

    assert (status, problem["type"], problem["field"]) == (422, "/problems/invalid", field)


async def test_the_openapi_document_names_every_route_with_its_roles(central: Central) -> None:
    status, document, _ = await central.anybody().get("/v1/openapi.json")

    assert status == 200
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    assert all(operation["x-roles"] for operation in operations)
    assert document["paths"]["/v1/api-keys"]["post"]["x-roles"] == ["owner"]
    assert document["paths"]["/v1/openapi.json"]["get"]["x-roles"] == ["public"]


async def test_the_openapi_document_says_what_goes_in_and_which_success_comes_out(central: Central) -> None:
    _, document, _ = await central.anybody().get("/v1/openapi.json")
    paths = document["paths"]

    assert "204" in paths["/v1/products/{product_id}"]["delete"]["responses"]
    assert "204" in paths["/v1/sync/status"]["post"]["responses"]
    assert "200" in paths["/v1/locations"]["get"]["responses"]
    assert set(paths["/v1/products/import"]["post"]["requestBody"]["content"]) == {"text/csv", "application/x-ndjson"}
    assert set(paths["/v1/sync/events"]["post"]["requestBody"]["content"]) == {"application/x-ndjson"}
    names = {parameter["name"] for parameter in document["paths"]["/v1/audit"]["get"]["parameters"]}
    assert names == {"limit", "cursor", "entity", "entity_id"}


async def test_a_lost_database_is_503_with_retry_after(
    central: Central, tenant: TenantFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    await central.services.database.close()
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        nowhere = f"postgresql://till_app@127.0.0.1:{closed.getsockname()[1]}/x"
        monkeypatch.setattr(central.services.database, "address", nowhere)
        status, problem, headers = await tenant.get("/v1/settings")

    assert (status, problem["type"]) == (503, "/problems/database-unavailable")
    assert (headers["Retry-After"], "Server-Timing" in headers) == ("1", False)
