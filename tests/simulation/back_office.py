"""The people at the other end: an owner who changes prices and decides on branches and losses, and an accountant."""

import json
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from tests.simulation.central_server import CentralServer
from tests.simulation.schedule import Schedule
from tests.simulation.stock import StockedTenant

page_limit = 200


@dataclass
class BackOffice:
    """One tenant's people, on a good line to central."""

    tenant: StockedTenant
    central: CentralServer
    http: aiohttp.ClientSession
    schedule: Schedule
    entries: list[dict[str, Any]] = field(default_factory=list)
    """What the accountant has read, in the order of reading."""
    incarnation: str | None = None
    discarded: set[tuple[str, int]] = field(default_factory=set)
    """Branches (terminal, number) whose lines the owner does not want booked."""
    heard: list[bytes] = field(default_factory=list)
    """Every answer that this tenant ever got."""
    made: int = 0

    async def ask(self, method: str, path: str, body: Any = None, **params: str) -> tuple[int, Any]:
        """Status and JSON of an answer; status 0 while central is away."""
        if self.central.url is None:
            return 0, None
        headers = {"Authorization": f"Bearer {self.tenant.key}"}
        try:
            async with self.http.request(
                method, self.central.url + path, json=body, params=params, headers=headers
            ) as answer:
                raw = await answer.read()
        except (aiohttp.ClientError, TimeoutError):
            return 0, None
        self.heard.append(raw)
        return answer.status, json.loads(raw) if raw else None

    async def change_something(self) -> None:
        """A price, a new product, one withdrawn, a rule, a cashier's name."""
        chance, canary = self.schedule.chance, self.tenant.canary
        kind = chance.choice(["price", "price", "price row", "product", "withdraw", "rule", "setting"])
        sku = chance.choice(list(self.tenant.products))
        product_id = self.tenant.products[sku]
        self.made += 1
        status: int = 0
        if kind == "price":
            body: dict[str, Any] = {"price_minor": chance.randint(50, 2_000)}
            status, _ = await self.ask("PATCH", f"/v1/products/{product_id}", body)
        elif kind == "price row":
            body = {"sku": sku, "price_minor": chance.randint(50, 2_000)}
            body["location_ids"] = [chance.choice(self.tenant.locations)]
            status, _ = await self.ask("POST", "/v1/prices", body)
        elif kind == "product":
            body = {"sku": f"{canary}-{self.made}", "name": f"{canary} new", "price_minor": 100}
            status, _ = await self.ask("POST", "/v1/products", body)
        elif kind == "withdraw":
            status, found = await self.ask("GET", "/v1/products", limit="100")
            extra = [one for one in (found or {}).get("products", []) if one["sku"].startswith(canary)]
            if extra:
                status, _ = await self.ask("DELETE", f"/v1/products/{chance.choice(extra)['product_id']}")
        elif kind == "rule":
            body = {"name": f"{canary} off", "kind": "percent_off", "value": 50_000, "product_ids": [product_id]}
            body["priority"] = chance.randint(0, 5)
            status, _ = await self.ask("POST", "/v1/price-rules", body)
        else:
            status, _ = await self.ask("PATCH", "/v1/settings", {"refund_window_days": chance.randint(20, 40)})
        self.schedule.say(f"{canary}: back office changes a {kind}, {status}")

    async def read_entries(self) -> bool:
        """The accountant reads on in the ledger's feed; whether there was no more."""
        after = self.entries[-1]["entry_number"] if self.entries else 0
        status, found = await self.ask("GET", "/v1/ledger/entries", after=str(after), limit=str(page_limit))
        if status != 200:
            return False
        if found["incarnation"] != self.incarnation:
            if self.incarnation is not None:
                self.entries = []  # central came back from a backup: read all of it again
                self.incarnation = found["incarnation"]
                return False
            self.incarnation = found["incarnation"]
        self.entries += found["entries"]
        return not found["entries"]

    async def decide_on_branches(self, *, discard_one_in: int = 3) -> int:
        """Adopt or discard each open branch; answers how many there were."""
        decided = 0
        for terminal_id in await self.terminals():
            _, found = await self.ask("GET", f"/v1/terminals/{terminal_id}/branches", limit="100")
            for branch in (found or {}).get("branches", []):
                if branch["status"] != "open":
                    continue
                number = branch["branch"]
                action = "discard" if self.schedule.one_in(discard_one_in) else "adopt"
                path = f"/v1/terminals/{terminal_id}/branches/{number}/resolution"
                status, _ = await self.ask("POST", path, {"action": action, "note": "seen"})
                self.schedule.say(f"{self.tenant.canary}: {action} branch {number} of {terminal_id[-6:]}, {status}")
                decided += 1
        return decided

    async def declare_lost(self, terminal_id: str, epoch: int, first: int, last: int) -> bool:
        path = f"/v1/terminals/{terminal_id}/epochs/{epoch}/lost"
        status, _ = await self.ask("POST", path, {"from": first, "to": last, "note": "the disk died"})
        self.schedule.say(f"{self.tenant.canary}: {first} to {last} of {terminal_id[-6:]}/{epoch} lost, {status}")
        return status == 204

    async def new_code(self, terminal_id: str) -> str | None:
        status, made = await self.ask("POST", f"/v1/terminals/{terminal_id}/enrolment")
        return made["enrolment_code"] if status == 201 else None

    async def terminals(self) -> list[str]:
        _, found = await self.ask("GET", "/v1/terminals", limit="100")
        return [one["terminal_id"] for one in (found or {}).get("terminals", [])]
