"""A real `till-central serve` for each worker, a tenant that its tests share, and a shop of its own for each test."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.contract.independent_client import Server
from tests.contract.independent_shop import Register, Shop, Tenant, make_shop, make_tenant


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    with tempfile.TemporaryDirectory(prefix="tillstream-contract-", ignore_cleanup_errors=True) as folder:
        running = Server(Path(folder) / "central")
        try:
            yield running
        finally:
            running.stop()


@pytest.fixture(scope="session")
def tenant(server: Server) -> Tenant:
    """The tenant whose locations, products and tills the tests make for themselves."""
    return make_tenant(server)


@pytest.fixture(scope="session")
def stranger(server: Server) -> Tenant:
    """Another tenant: nothing of it may show."""
    return make_tenant(server, name="Stranger")


@pytest.fixture(scope="module")
def own_tenant(server: Server) -> Tenant:
    """A tenant that only the tests of one module touch."""
    return make_tenant(server)


@pytest.fixture(scope="session")
def _products(tenant: Tenant) -> Shop:
    return make_shop(tenant)


@pytest.fixture
def shop(tenant: Tenant, _products: Shop) -> Shop:
    """A location of the test's own; its products are the tenant's."""
    location_id = tenant.location()["location_id"]
    return Shop(tenant, location_id, _products.wine_id, _products.bread_id)


@pytest.fixture
def register(shop: Shop) -> Register:
    return shop.register()


@pytest.fixture(scope="session")
def routes(server: Server) -> dict[str, Any]:
    """The routes of the OpenAPI document: method and path to what it says of them."""
    document = server.client().get("/v1/openapi.json").ok()
    return {
        f"{method.upper()} {path}": operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if method in {"get", "post", "patch", "put", "delete"}
    }
