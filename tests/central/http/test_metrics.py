"""Figures on a listener of their own: routes and statuses, and nothing of a tenant."""

import socket
from collections.abc import AsyncIterator

import pytest

from central.app import serve_metrics_on
from tests.central.conftest import Central, Client, TenantFixture


@pytest.fixture
async def figures(central: Central) -> AsyncIterator[Client]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        async with serve_metrics_on(listener):
            yield Client(f"http://127.0.0.1:{listener.getsockname()[1]}", central.http, None)


async def test_answers_are_counted_by_route_and_status(tenant: TenantFixture, figures: Client) -> None:
    await tenant.get("/v1/api-keys/01890000-0000-7000-8000-000000000000")
    await tenant.get("/v1/nothing")
    _, text, _ = await figures.get("/metrics")

    assert b'tillstream_requests_total{method="GET",route="/v1/api-keys/{api_key_id}",status="404"}' in text
    assert b'tillstream_requests_total{method="none",route="none",status="404"}' in text


async def test_no_figure_names_a_tenant_or_an_id(tenant: TenantFixture, figures: Client) -> None:
    await tenant.get("/v1/settings")
    await tenant.get(f"/v1/api-keys/{tenant.tenant_id}")
    _, text, _ = await figures.get("/metrics")

    for secret in (str(tenant.tenant_id), tenant.name, tenant.code, tenant.key):
        assert secret.encode() not in text


async def test_the_api_itself_shows_no_figures(central: Central) -> None:
    assert (await central.anybody().get("/metrics"))[0] == 404
