"""A running central on a database of its own, and tenants who call it over HTTP."""

import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import msgspec
import pytest
from aiohttp import ClientResponse, ClientSession

from central.app import open_services, serve_on
from central.database import Database
from central.http import Services
from central.identity import api_keys
from central.tenancy import tenants
from central.tenant_session import operator, tenant_session

Answered = tuple[int, Any, Any]
"""Status, JSON (None where there is none), headers."""


@dataclass
class Client:
    """Somebody who calls with a bearer token (or without one)."""

    url: str
    http: ClientSession
    token: str | None

    async def request(self, method: str, path: str, body: object = None, **options: Any) -> Answered:
        headers = dict(options.pop("headers", {}))
        if self.token is not None:
            headers.setdefault("Authorization", f"Bearer {self.token}")
        if body is not None:
            options["data"] = msgspec.json.encode(body)
            headers.setdefault("Content-Type", "application/json")
        async with self.http.request(method, self.url + path, headers=headers, **options) as answer:
            return answer.status, await _json(answer), answer.headers

    async def get(self, path: str, **options: Any) -> Answered:
        return await self.request("GET", path, **options)

    async def post(self, path: str, body: object = None, **options: Any) -> Answered:
        return await self.request("POST", path, body, **options)

    async def patch(self, path: str, body: object = None, **options: Any) -> Answered:
        return await self.request("PATCH", path, body, **options)

    async def delete(self, path: str, **options: Any) -> Answered:
        return await self.request("DELETE", path, **options)


async def _json(answer: ClientResponse) -> Any:
    raw = await answer.read()
    return msgspec.json.decode(raw) if "json" in answer.content_type and raw else raw or None


@dataclass
class TenantFixture(Client):
    """A tenant's owner, calling by an API key."""

    tenant_id: UUID
    name: str
    code: str
    services: Services = field(repr=False)

    @property
    def key(self) -> str:
        assert self.token is not None
        return self.token

    async def key_for(self, role: str, **more: Any) -> Client:
        """A client with a key of another role."""
        status, made, _ = await self.post("/v1/api-keys", {"label": role, "role": role, **more})
        assert status == 201, made
        return Client(self.url, self.http, made["api_key"])


@dataclass
class Central:
    """A running server in this process."""

    url: str
    services: Services
    http: ClientSession

    async def tenant(self, name: str = "Corner Shop", currency: str = "EUR") -> TenantFixture:
        """A new tenant with an owner's key, as `till-central tenant create` makes it."""
        tenant_id = self.services.ids()
        code = f"{tenants.code_of(name)}-{tenant_id.hex[-6:]}"
        now = self.services.clock()
        async with tenant_session(self.services.database, operator(tenant_id)) as session:
            await tenants.create(session, name=name, code=code, currency=currency, now=now)
            new = api_keys.NewApiKey(label="owner", role="owner")
            made = await api_keys.create(session, new, api_key_id=self.services.ids(), now=now)
        return TenantFixture(self.url, self.http, made.api_key, tenant_id, name, code, self.services)

    def anybody(self, token: str | None = None) -> Client:
        """A client with any token, or none."""
        return Client(self.url, self.http, token)


StartCentral = Callable[[Database], Awaitable[Central]]


@pytest.fixture
async def start_central() -> AsyncIterator[StartCentral]:
    """Starts servers on databases that the test names; they stop after it."""

    async def start(database: Database) -> Central:
        services = await open_services(database)
        stack.push_async_callback(services.close)
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        await stack.enter_async_context(serve_on(services, listener))
        http = await stack.enter_async_context(ClientSession())
        return Central(f"http://127.0.0.1:{listener.getsockname()[1]}", services, http)

    async with AsyncExitStack() as stack:
        yield start


@pytest.fixture
async def central(database: Database, start_central: StartCentral) -> Central:
    """A running central on the test's own database."""
    return await start_central(database)


@pytest.fixture
async def tenant(central: Central) -> TenantFixture:
    """A tenant's owner."""
    return await central.tenant()
