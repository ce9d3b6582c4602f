"""A shop of a tenant with two locations and a tax group, over real HTTP."""

from typing import Any

import pytest

from tests.central.conftest import Central, TenantFixture
from tests.central.terminals_fixture import location_id, terminal

__all__ = ["Shop", "location_id", "neighbour", "shop", "terminal"]


class Shop:
    """A tenant's owner at the API; each call asserts the status that it expects and answers the body."""

    def __init__(self, tenant: TenantFixture) -> None:
        self.tenant = tenant
        self.location = self.other_location = self.tax_group = ""

    async def open(self) -> "Shop":
        """Two locations in Berlin's zone, and one tax group."""
        self.location = await self.make_location("north")
        self.other_location = await self.make_location("south")
        group = {"code": "VAT", "name": "Standard", "components": [{"code": "VAT-S", "rate_ppm": 190_000}]}
        self.tax_group = (await self.post("/v1/tax-groups", group))["tax_group_id"]
        return self

    async def make_location(self, code: str, timezone: str = "Europe/Berlin") -> str:
        body = {"name": code, "code": code, "timezone": timezone}
        location_id: str = (await self.post("/v1/locations", body))["location_id"]
        return location_id

    async def post(self, path: str, body: Any, expect: int = 201) -> Any:
        return self._expected(expect, await self.tenant.post(path, body))

    async def get(self, path: str, expect: int = 200) -> Any:
        return self._expected(expect, await self.tenant.get(path))

    async def patch(self, path: str, body: Any, expect: int = 200) -> Any:
        return self._expected(expect, await self.tenant.patch(path, body))

    async def delete(self, path: str, expect: int = 204) -> Any:
        return self._expected(expect, await self.tenant.delete(path))

    def _expected(self, expect: int, answer: tuple[int, Any, Any]) -> Any:
        status, body, _ = answer
        assert (status, body if status != expect else None) == (expect, None)
        return body

    def coffee(self, **fields: Any) -> dict[str, Any]:
        """A product's body."""
        return {
            "sku": "COFFEE",
            "name": "Coffee, 500 g",
            "unit": "C62",
            "price_minor": 699,
            "tax_group_id": self.tax_group,
            **fields,
        }

    async def product(self, **fields: Any) -> dict[str, Any]:
        made: dict[str, Any] = await self.post("/v1/products", self.coffee(**fields))
        return made

    async def look_up(self, barcode: str, location: str | None = None, expect: int = 200) -> Any:
        return await self.get(f"/v1/products/lookup?barcode={barcode}&location_id={location or self.location}", expect)


@pytest.fixture
async def shop(central: Central) -> Shop:
    return await Shop(await central.tenant("Grocer")).open()


@pytest.fixture
async def neighbour(central: Central) -> Shop:
    """Another tenant of the same central."""
    return await Shop(await central.tenant("Neighbour")).open()
