"""Two tenants with two stores each, set up once through the API and copied for every schedule."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from aiohttp import ClientSession

from tests.central.conftest import Central, TenantFixture
from tests.conftest import TestServer
from tests.simulation.central_server import CentralServer
from tests.simulation.schedule import SimulatedTime

cashier = {"number": "1", "pin": "2580"}
supervisor = {"number": "9", "pin": "397168"}
barcodes = {"COFFEE": "4006381333931", "WINE": "5000112637922", "BREAD": "96385074"}
prices = {"COFFEE": 350, "WINE": 999, "BREAD": 199}


@dataclass(frozen=True)
class StockedTenant:
    """What a schedule knows of a tenant. `canary` stands in the name of everything that the tenant has."""

    tenant_id: UUID
    key: str
    canary: str
    zones: dict[str, str]
    products: dict[str, str]
    terminals: dict[str, list[str]] = field(default_factory=dict)

    @property
    def locations(self) -> list[str]:
        return list(self.zones)

    def has(self, terminal_id: str) -> bool:
        return any(terminal_id in terminals for terminals in self.terminals.values())


@dataclass(frozen=True)
class Stock:
    """A database to copy, and who is in it."""

    template: str
    tenants: tuple[StockedTenant, StockedTenant]


async def stock(server: TestServer, http: ClientSession) -> Stock:
    """Set both tenants up; nobody has the database open when this returns."""
    deployment = CentralServer(server, SimulatedTime())
    await deployment.create()
    await deployment.start()
    assert deployment.url is not None
    central = Central(deployment.url, deployment.services, http)
    tenants = [
        await _tenant(await central.tenant("Apricot Grocers"), "APRICOT", {}),
        await _tenant(
            await central.tenant("Beetroot Stores"),
            "BEETROOT",
            {"price_mode": "tax_exclusive", "tax_rounding": "line", "cash_rounding_minor": 5},
        ),
    ]
    await deployment.kill()
    return Stock(deployment.database_name, (tenants[0], tenants[1]))


async def _tenant(tenant: TenantFixture, canary: str, settings: dict[str, Any]) -> StockedTenant:
    async def made(path: str, body: dict[str, Any]) -> dict[str, Any]:
        status, answer, _ = await tenant.post(path, body)
        assert status == 201, answer
        return dict(answer)

    zones = {}
    for code, zone in (("A", "Europe/London"), ("B", "America/New_York")):
        place = {"name": f"{canary} {code}", "code": code, "timezone": zone}
        zones[(await made("/v1/locations", place))["location_id"]] = zone
    components = [{"code": "VAT", "rate_ppm": 200_000}, {"code": "CITY", "rate_ppm": 15_000, "compound": True}]
    full = await made("/v1/tax-groups", {"code": "STD", "name": f"{canary} standard", "components": components[:1]})
    city = await made("/v1/tax-groups", {"code": "CTY", "name": f"{canary} city", "components": components})
    products = {}
    for sku, barcode in barcodes.items():
        body = {
            "sku": sku,
            "name": f"{canary} {sku}",
            "price_minor": prices[sku],
            "tax_group_id": (city if sku == "BREAD" else full)["tax_group_id"],
            "barcodes": [barcode],
            "category": f"{canary} things",
        }
        products[sku] = (await made("/v1/products", body))["product_id"]
    rule = {"name": f"{canary} 3 for 2", "kind": "multibuy", "value": {"take": 3, "pay_for": 2}}
    await made("/v1/price-rules", {**rule, "product_ids": [products["COFFEE"]]})
    await made("/v1/cashiers", {"name": f"{canary} Ann", "role": "cashier", **cashier})
    await made("/v1/cashiers", {"name": f"{canary} Sue", "role": "supervisor", **supervisor})
    status, answer, _ = await tenant.patch("/v1/settings", {"discount_max_ppm": 500_000, **settings})
    assert status == 200, answer
    terminals = {}
    for location_id in zones:
        terminals[location_id] = [
            (await made("/v1/terminals", {"location_id": location_id, "label": f"{canary} {number}"}))["terminal_id"]
            for number in range(3)
        ]
    return StockedTenant(tenant.tenant_id, tenant.key, canary, zones, products, terminals)
