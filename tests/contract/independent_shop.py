"""A tenant's shop as a foreign integrator sets it up, and the receipts that its tills write."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.contract.independent_arithmetic import Item, Tax, cash_rounding, refund_line, refund_totals, totals
from tests.contract.independent_client import Answer, Client, Server
from tests.contract.independent_journal import Journal, Till, enrolment_body

vat = Tax("VAT", 200_000)
reduced = Tax("RED", 100_000)


def fresh(stem: str) -> str:
    """A name that no other test of the tenant took."""
    return f"{stem}-{uuid4().hex[:12]}"


def ean13() -> str:
    """A number of a series that no in-store barcode uses, with its check digit."""
    digits = "400" + str(int(new_id()[:8], 16)).zfill(10)[-9:]
    return digits + str(-sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(digits)) % 10)


def new_id() -> str:
    return str(uuid4())


@dataclass
class Tenant:
    """A tenant and the owner's key."""

    server: Server
    tenant_id: str
    code: str
    name: str
    key: str

    @property
    def owner(self) -> Client:
        return self.server.client(self.key)

    def location(self, **fields: Any) -> dict[str, Any]:
        body = {"name": "Shop", "code": fresh("L")[:14], "timezone": "Europe/Vienna", **fields}
        made: dict[str, Any] = self.owner.post("/v1/locations", body).ok(201)
        return made

    def terminal(self, location_id: str, label: str = "Till") -> dict[str, Any]:
        made: dict[str, Any] = self.owner.post("/v1/terminals", {"location_id": location_id, "label": label}).ok(201)
        return made

    def new_code(self, terminal_id: str) -> str:
        return str(self.owner.post(f"/v1/terminals/{terminal_id}/enrolment", {}).ok(201)["enrolment_code"])

    def enrol(self, code: str, key: Ed25519PrivateKey | None = None) -> Till:
        """Enrol by a code with a new key, and fetch the first token."""
        key = key or Ed25519PrivateKey.generate()
        identity = self.server.client().post("/v1/enrol", enrolment_body(code, key)).ok(201)
        till = Till(self.server.client(), identity, Journal(identity["terminal_id"], identity["epoch"], key), code)
        till.sign_in()
        return till

    def till(self, location_id: str, label: str = "Till") -> Till:
        return self.enrol(self.terminal(location_id, label)["enrolment_code"])

    def tax_group(self, *components: Mapping[str, Any], **fields: Any) -> str:
        body = {"code": fresh("T")[:14], "name": "Tax", "components": list(components), **fields}
        return str(self.owner.post("/v1/tax-groups", body).ok(201)["tax_group_id"])

    def product(self, **fields: Any) -> dict[str, Any]:
        body = {"sku": fresh("S"), "name": "Thing", "unit": "C62", "price_minor": 1000, "barcodes": [], **fields}
        if "tax_group_id" not in body:
            body["tax_group_id"] = self.tax_group({"code": "VAT", "rate_ppm": 200_000})
        made: dict[str, Any] = self.owner.post("/v1/products", body).ok(201)
        return made

    def set(self, location_id: str, **settings: Any) -> None:
        self.owner.patch(f"/v1/locations/{location_id}/settings", settings).ok(200)

    def key_of(self, role: str) -> str:
        """A key with another role, made by the operator or by the owner."""
        made = self.owner.post("/v1/api-keys", {"label": role, "role": role})
        return str(made.ok(201)["api_key"])


def make_tenant(server: Server, currency: str = "EUR", name: str = "Greengrocer") -> Tenant:
    code = f"t{uuid4().hex[:10]}"
    done = server.command("tenant", "create", name, "--code", code, "--currency", currency, "--json")
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    return Tenant(server, made["tenant_id"], made["tenant_code"], made["name"], made["api_key"])


def cash(amount: int, tendered: int | None = None) -> dict[str, Any]:
    given = amount if tendered is None else tendered
    return tender("CASH", amount, tendered_minor=given, change_minor=given - amount)


def tender(method: str, amount: int, **fields: Any) -> dict[str, Any]:
    return {
        "method": method,
        "tender_type": None,
        "amount_minor": amount,
        "tendered_minor": None,
        "change_minor": None,
        "voucher_code": None,
        "reference": None,
        **fields,
    }


@dataclass
class Register:
    """Writes receipts into a till's journal, and remembers what it wrote."""

    till: Till
    currency: str = "EUR"
    price_mode: str = "tax_inclusive"
    tax_rounding: str = "receipt"
    cash_unit: int = 1
    cashier_id: str = field(default_factory=new_id)
    shift_id: str | None = None
    receipts: int = 0
    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def commit(self, type_: str, payload: dict[str, Any], **envelope: Any) -> dict[str, Any]:
        self.till.journal.append(type_, payload, **envelope)
        self.events.append((type_, payload))
        return payload

    def next_number(self) -> str:
        self.receipts += 1
        return f"{self.till.identity['receipt_prefix']}{self.receipts}"

    def header(self) -> dict[str, Any]:
        return {
            "receipt_number": self.next_number(),
            "cashier_id": self.cashier_id,
            "shift_id": self.shift_id,
            "currency": self.currency,
            "price_mode": self.price_mode,
            "tax_rounding": self.tax_rounding,
        }

    def sale_payload(
        self, items: Sequence[Item], tenders: Sequence[Mapping[str, Any]] | None = None, **changed: Any
    ) -> dict[str, Any]:
        """A sale paid in cash to the coin, unless tenders are given."""
        computed = totals(items, self.price_mode, self.tax_rounding)
        paid = None if tenders is None else list(tenders)
        other = sum(one["amount_minor"] for one in paid or () if one["method"] != "CASH")
        in_cash = paid is None or any(one["method"] == "CASH" for one in paid)
        rounding = cash_rounding(computed["gross_minor"] - other, self.cash_unit) if in_cash else 0
        if paid is None:
            paid = [cash(computed["gross_minor"] + rounding)] if computed["gross_minor"] else []
        payload = {"sale_id": new_id(), **self.header(), **computed, "rounding_minor": rounding, "tenders": paid}
        return {**payload, **changed}

    def sell(
        self,
        *items: Item,
        tenders: Sequence[Mapping[str, Any]] | None = None,
        envelope: Mapping[str, Any] | None = None,
        **changed: Any,
    ) -> dict[str, Any]:
        return self.commit("SALE", self.sale_payload(items, tenders, **changed), **(envelope or {}))

    def refund_payload(
        self,
        sale: Mapping[str, Any] | None,
        lines: Sequence[Mapping[str, Any]],
        tenders: Sequence[Mapping[str, Any]] | None = None,
        **changed: Any,
    ) -> dict[str, Any]:
        computed = refund_totals(lines)
        original = None if sale is None else {name: sale[name] for name in ("sale_id", "receipt_number")}
        rounding = cash_rounding(computed["gross_minor"], self.cash_unit) if tenders is None else 0
        paid = [cash(computed["gross_minor"] + rounding)] if tenders is None else list(tenders)
        payload = {
            "refund_id": new_id(),
            **self.header(),
            "original": original,
            "reason": "broken",
            "approved_by": None,
            **computed,
            "rounding_minor": rounding,
            "tenders": paid,
        }
        return {**payload, **changed}

    def refund(
        self,
        sale: Mapping[str, Any],
        quantities: Mapping[int, int],
        earlier: Sequence[Mapping[str, Any]] = (),
        envelope: Mapping[str, Any] | None = None,
        **changed: Any,
    ) -> dict[str, Any]:
        """Give back `quantities` by line of the sale, after `earlier` refunds gave theirs."""
        sold = {line["line"]: line for line in sale["lines"]}
        lines = [
            refund_line(
                sold[place],
                number,
                quantity,
                [line for one in earlier for line in one["lines"] if line["original_line"] == place],
                sale["price_mode"],
            )
            for number, (place, quantity) in enumerate(quantities.items(), 1)
        ]
        return self.commit("REFUND", self.refund_payload(sale, lines, **changed), **(envelope or {}))

    def void(self, receipt: Mapping[str, Any], envelope: Mapping[str, Any] | None = None) -> dict[str, Any]:
        name = "sale_id" if "sale_id" in receipt else "refund_id"
        payload = {
            name: receipt[name],
            "reason": "mistake",
            "approved_by": None,
            "cashier_id": self.cashier_id,
            "shift_id": self.shift_id,
        }
        return self.commit("VOID", payload, **(envelope or {}))

    def open_shift(self, float_minor: int = 10_000) -> dict[str, Any]:
        self.shift_id = new_id()
        payload = {"shift_id": self.shift_id, "cashier_id": self.cashier_id, "float_minor": float_minor}
        return self.commit("SHIFT_OPEN", payload)

    def move_cash(self, direction: str, amount_minor: int) -> dict[str, Any]:
        return self.commit(
            "CASH_MOVEMENT",
            {
                "shift_id": self.shift_id,
                "direction": direction,
                "amount_minor": amount_minor,
                "reason": "bank",
                "cashier_id": self.cashier_id,
            },
        )

    def close_shift(self, counted_minor: int, expected_minor: int, **changed: Any) -> dict[str, Any]:
        payload = {
            "shift_id": self.shift_id,
            "cashier_id": self.cashier_id,
            "counted_minor": counted_minor,
            "expected_minor": expected_minor,
            "tenders": [{"method": "CASH", "counted_minor": counted_minor, "expected_minor": expected_minor}],
            "z_number": 1,
            "total_sales_minor": 0,
            "total_refunds_minor": 0,
            "total_receipts": self.receipts,
            **changed,
        }
        return self.commit("SHIFT_CLOSE", payload)


@dataclass
class Shop:
    """One location of a tenant with two products in two tax groups, and as many tills as a test asks for."""

    tenant: Tenant
    location_id: str
    wine_id: str
    bread_id: str

    def register(self, label: str = "Till", **how: Any) -> Register:
        return Register(self.tenant.till(self.location_id, label), **how)

    def wine(self, price: int = 999, quantity: int = 1000, **how: Any) -> Item:
        return Item(self.wine_id, price, (vat,), quantity, **{"sku": "WINE", "name": "Wine", **how})

    def bread(self, price: int = 350, quantity: int = 1000, **how: Any) -> Item:
        return Item(self.bread_id, price, (reduced,), quantity, **{"sku": "BREAD", "name": "Bread", **how})

    def balances(self, **query: Any) -> dict[str, int]:
        """The ledger's balances at this location by account, zeros left out; they sum to 0."""
        answer = self.tenant.owner.get("/v1/ledger/balances", location_id=self.location_id, **query).ok()
        assert sum(row["amount_minor"] for row in answer["balances"]) == 0
        assert {row["location_id"] for row in answer["balances"]} <= {self.location_id}
        return {row["account"]: row["amount_minor"] for row in answer["balances"] if row["amount_minor"]}

    def shown(self, till: Till) -> dict[str, Any]:
        """The terminal as the back office sees it."""
        made: dict[str, Any] = self.tenant.owner.get(f"/v1/terminals/{till.terminal_id}").ok()
        return made

    def status(self, till: Till) -> str:
        return str(self.shown(till)["status"])

    def branches(self, till: Till) -> list[dict[str, Any]]:
        made: list[dict[str, Any]] = self.tenant.owner.get(f"/v1/terminals/{till.terminal_id}/branches").ok()[
            "branches"
        ]
        return made

    def resolve_branch(self, till: Till, branch: int, action: str) -> None:
        path = f"/v1/terminals/{till.terminal_id}/branches/{branch}/resolution"
        self.tenant.owner.post(path, {"action": action, "note": "seen"}).ok(204)

    def declare_lost(self, till: Till, first: int, last: int) -> Answer:
        path = f"/v1/terminals/{till.terminal_id}/epochs/{till.epoch}/lost"
        return self.tenant.owner.post(path, {"from": first, "to": last, "note": "the disk died"})

    def entries(self, **query: Any) -> list[dict[str, Any]]:
        """The ledger's entries at this location in their order."""
        found, cursor = [], None
        while True:
            answer = self.tenant.owner.get(
                "/v1/ledger/entries", location_id=self.location_id, limit=1000, cursor=cursor, **query
            ).ok()
            found += answer["entries"]
            cursor = answer.get("next_cursor")
            if cursor is None:
                return found

    def exceptions(self, till: Till, status: str | None = None) -> list[dict[str, Any]]:
        """Those of one till, oldest sequence first."""
        found, cursor = [], None
        while True:
            page = self.tenant.owner.get("/v1/exceptions", status=status, limit=1000, cursor=cursor).ok()
            found += [one for one in page["exceptions"] if one["terminal_id"] == till.terminal_id]
            cursor = page["next_cursor"]
            if cursor is None:
                return sorted(found, key=lambda one: (one["sequence"] or 0, one["code"]))

    def codes(self, till: Till, status: str | None = None) -> list[tuple[int, str]]:
        return [(one["sequence"], one["code"]) for one in self.exceptions(till, status)]


def make_shop(tenant: Tenant, **location: Any) -> Shop:
    location_id = tenant.location(**location)["location_id"]
    wine = tenant.product(
        name="Wine",
        price_minor=999,
        category="drinks",
        tax_group_id=tenant.tax_group({"code": "VAT", "rate_ppm": 200_000}),
    )
    bread = tenant.product(
        name="Bread",
        price_minor=350,
        category="food",
        tax_group_id=tenant.tax_group({"code": "RED", "rate_ppm": 100_000}),
    )
    return Shop(tenant, location_id, wine["product_id"], bread["product_id"])
