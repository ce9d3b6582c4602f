"""A terminal of another make, written from the contract alone, that sends its lines in any order and size.

It is the newer one, too: some of its events are of types, versions and shapes that this central cannot read.
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast
from urllib.parse import urlencode
from uuid import uuid4

import aiohttp
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.contract.independent_arithmetic import Item, Tax
from tests.contract.independent_journal import Journal, assertion_type, signed_token
from tests.contract.independent_journal import Till as BlackBoxTill
from tests.contract.independent_shop import Register
from tests.simulation.network import Asked, Heard, Network
from tests.simulation.schedule import Schedule

vat, reduced = Tax("VAT", 200_000), Tax("RED", 100_000)
lines_per_body_max = 6


@dataclass
class HandTill:
    """An enrolled terminal with its journal in memory."""

    name: str
    network: Network
    schedule: Schedule
    clock: Callable[[], datetime]
    identity: Mapping[str, Any]
    key: Ed25519PrivateKey
    products: tuple[str, str]
    journal: Journal = field(init=False)
    register: Register = field(init=False)
    sales: list[dict[str, Any]] = field(default_factory=list)
    owed: list[dict[str, Any]] = field(default_factory=list)
    """Sales that were voided or refunded before they were written down."""
    poison: set[int] = field(default_factory=set)
    delivered: set[int] = field(default_factory=set)
    destroyed: set[int] = field(default_factory=set)
    """Sequences that no disk has any more: nobody can deliver them."""
    forked: bool = False
    has_clone: bool = False
    incarnation: str | None = None
    token: str | None = None
    cursor: str | None = None
    replica: dict[tuple[str, str], Any] = field(default_factory=dict)
    snapshot: dict[tuple[str, str], Any] | None = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.journal = Journal(self.identity["terminal_id"], self.identity["epoch"], self.key)
        till = BlackBoxTill(cast(Any, None), self.identity, self.journal, "")
        self.register = Register(till, self.identity["currency"], self.identity["price_mode"])
        self.register.tax_rounding = self.identity["tax_rounding"]

    @property
    def sender(self) -> tuple[str, int]:
        return self.journal.terminal_id, self.journal.epoch

    @property
    def undelivered(self) -> list[int]:
        everything = range(1, len(self.journal.lines) + 1)
        return [s for s in everything if s not in self.delivered and s not in self.destroyed]

    def ring(self) -> None:
        """One more event: a sale, a refund, a void, money in or out, or something of tomorrow's version."""
        chance, register = self.schedule.chance, self.register
        envelope = self._envelope()
        if self.owed and self.schedule.one_in(3):
            self._append("SALE", self.owed.pop(), envelope)
            return
        kind = chance.choice(
            ["sale", "sale", "sale", "refund", "void", "early void", "early void", "cash", "voucher", "log", "poison"]
        )
        if kind == "refund" and self.sales:
            sale = chance.choice(self.sales)
            register.refund(sale, {sale["lines"][0]["line"]: chance.choice([500, 1000])}, envelope=envelope)
        elif kind == "void" and self.sales:
            register.void(chance.choice(self.sales), envelope=envelope)
        elif kind == "early void":
            self._void_that_overtakes(envelope)
        elif kind == "cash":
            self._append("CASH_MOVEMENT", self._cash_movement(), envelope)
        elif kind == "voucher":
            card = Item(None, 2500, (), kind="voucher", barcode=str(uuid4()), sku=None, name="Gift card")
            register.sell(card, envelope=envelope)
        elif kind == "log":
            self._append("TILL_LOG", {"kind": "reprint", "cashier_id": None, "shift_id": None, "data": {}}, envelope)
        elif kind == "poison":
            self._poison(envelope)
        else:
            self.sales.append(register.sell(*self._basket(), envelope=envelope))

    def write_what_is_owed(self) -> None:
        """The sales that were voided or refunded before they were there."""
        while self.owed:
            self._append("SALE", self.owed.pop(), self._envelope())

    async def sign_in(self) -> bool:
        now = int((self.clock()).timestamp())
        claims = {
            "iss": self.journal.terminal_id,
            "sub": self.journal.terminal_id,
            "aud": self.identity["issuer"],
            "epoch": self.journal.epoch,
            "iat": now,
            "exp": now + 120,
            "jti": f"{uuid4()}-{time.monotonic_ns()}",
        }
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": assertion_type,
            "client_assertion": signed_token(self.key, claims),
        }
        body = urlencode(form).encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        heard = await self.ask("POST", "/v1/oauth/token", headers, body)
        answer = _json_of(heard)
        if heard is None or heard.status != 200 or "access_token" not in answer:
            return False
        self.token = answer["access_token"]
        position = answer["position"]
        self._take_position(position)
        return True

    async def position(self) -> dict[str, Any] | None:
        """What central says it has; None where no answer came."""
        heard = await self.ask("GET", "/v1/sync/position", {}, b"")
        return _json_of(heard) if heard is not None and heard.status == 200 else None

    async def send_some(self) -> bool:
        """One body of consecutive lines from anywhere in what is not delivered, or again from what is."""
        chance = self.schedule.chance
        everything = [s for s in range(1, len(self.journal.lines) + 1) if s not in self.destroyed]
        pool = self.undelivered if self.undelivered and not self.schedule.one_in(5) else everything
        if not pool:
            return True
        return await self.send_from(chance.choice(pool), chance.randint(1, lines_per_body_max))

    async def send_from(self, first: int, count: int) -> bool:
        """A body of `count` lines at most from `first` on; whether it was acknowledged."""
        last = first
        while last < len(self.journal.lines) and last + 1 not in self.destroyed and last - first + 1 < count:
            last += 1
        lines = self.journal.lines[first - 1 : last]
        headers = {
            "Content-Type": "application/x-ndjson",
            "Chain-Signature": self.journal.signature_of(lines[-1]),
        }
        heard = await self.ask("POST", "/v1/sync/events", headers, b"\n".join(lines) + b"\n")
        answer = _json_of(heard)
        if heard is not None and heard.status == 409 and "kept_through" in answer:
            self.forked = True
            if answer["kept_through"] < first:
                self.delivered -= set(range(answer["kept_through"] + 1, first))  # the branch has a hole: go back there
            self.delivered |= set(range(first, min(answer["kept_through"], last) + 1))
            return bool(answer["kept_through"] >= first)
        if heard is None or heard.status != 200 or answer.get("received") != len(lines):
            return False
        if answer["last_hash"] != self.journal_hash(last):
            return False
        self.delivered |= set(range(first, last + 1))
        return True

    async def follow(self) -> bool:
        """One page of changes into the replica, of any size; whether there is no more."""
        path = f"/v1/sync/changes?limit={self.schedule.chance.choice([1, 2, 5, 1000])}&wait=0"
        if self.cursor is not None:
            path += f"&cursor={self.cursor}"
        heard = await self.ask("GET", path, {}, b"")
        answer = _json_of(heard)
        if heard is not None and heard.status == 410:
            self.cursor, self.snapshot = None, {}
            return False
        if heard is None or heard.status != 200 or "changes" not in answer:
            return False
        into = self.replica if self.snapshot is None else self.snapshot
        for change in answer["changes"]:
            if change["op"] == "put":
                into[change["entity"], change["id"]] = change["data"]
            else:
                into.pop((change["entity"], change["id"]), None)
        self.cursor = answer["cursor"]
        if self.snapshot is not None and not answer["more"]:
            self.replica, self.snapshot = self.snapshot, None
        return not answer["more"] and not answer["changes"]

    def clone(self, name: str) -> "HandTill":
        """A copy of the disk as it is now; both go on."""
        self.has_clone = True
        copy = HandTill(
            name, self.network, self.schedule, self.clock, self.identity, self.key, self.products, has_clone=True
        )
        copy.journal.lines[:] = self.journal.lines
        copy.register.receipts = self.register.receipts
        copy.sales, copy.poison = list(self.sales), set(self.poison)
        copy.delivered, copy.forked, copy.incarnation = set(self.delivered), self.forked, self.incarnation
        return copy

    def lose_disk_part(self, first: int, last: int) -> None:
        """The disk died with these lines; what central has not got of them is gone."""
        self.destroyed |= {s for s in range(first, last + 1) if s not in self.delivered}

    def journal_hash(self, sequence: int) -> str:
        line = self.journal.lines[sequence - 1]
        return Journal(self.journal.terminal_id, self.journal.epoch, self.key, [line]).last_hash

    def _take_position(self, position: Mapping[str, Any]) -> None:
        """What central says it has counts: the rest is to be sent again; all of it where its chain is another's."""
        if self.forked and position["incarnation"] == self.incarnation:
            return
        self.forked, self.incarnation = False, position["incarnation"]
        applied = position["applied_through"]
        fits = applied == 0 or (
            applied <= len(self.journal.lines) and position["applied_hash"] in ("", self.journal_hash(applied))
        )
        has = set(range(1, applied + 1)) if fits else set()
        if not self.has_clone and len(position["queued"]) < 100:
            has |= {s for first, last in position["queued"] for s in range(first, last + 1)}
        self.delivered &= has

    async def ask(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Heard | None:
        """The answer, where one came whole; one more try with a new token where the old one is over."""
        for last_try in (False, True):
            bearing = dict(headers)
            if path != "/v1/oauth/token":
                if self.token is None and not await self.sign_in():
                    return None
                bearing["Authorization"] = f"Bearer {self.token}"
            try:
                heard = await self.network.request(Asked(self.sender, method, path, bearing, body))
            except (aiohttp.ClientError, TimeoutError):
                return None
            if heard.cut:
                return None
            if heard.status != 401 or path == "/v1/oauth/token" or last_try:
                return heard
            self.token = None
        return None

    def _envelope(self) -> dict[str, Any]:
        now = self.clock()
        return {"created_at": now.strftime("%Y-%m-%dT%H:%M:%S.%fZ"), "business_date": now.date().isoformat()}

    def _append(self, type_: str, payload: Any, envelope: Mapping[str, Any]) -> None:
        self.journal.append(type_, payload, **envelope)

    def _basket(self) -> list[Item]:
        chance = self.schedule.chance
        return [
            Item(
                chance.choice(self.products),
                chance.randint(50, 5000),
                chance.choice([(vat,), (reduced,), ()]),
                chance.choice([1000, 2000, 1337]),
                category=chance.choice(["drinks", None]),
            )
            for _ in range(chance.randint(1, 3))
        ]

    def _void_that_overtakes(self, envelope: Mapping[str, Any]) -> None:
        """A VOID, or a part given back, that is applied before the sale it names; that one comes some events later."""
        sale = self.register.sale_payload(self._basket())
        if self.schedule.one_in(3):
            self.register.refund(sale, {sale["lines"][0]["line"]: 500}, envelope=envelope)
        else:
            self.register.void(sale, envelope=envelope)
        self.owed.append(sale)

    def _cash_movement(self) -> dict[str, Any]:
        chance = self.schedule.chance
        return {
            "shift_id": None,
            "direction": chance.choice(["IN", "OUT"]),
            "amount_minor": chance.randint(1, 9_999),
            "reason": "bank",
            "cashier_id": self.register.cashier_id,
        }

    def _poison(self, envelope: dict[str, Any]) -> None:
        sale = self.register.sale_payload(self._basket())
        kind = self.schedule.chance.choice(["type", "version", "field missing", "wrong type", "date", "infinite"])
        type_, payload, more = "SALE", dict(sale), dict(envelope)
        if kind == "type":
            type_ = "LOYALTY_POINTS"
        elif kind == "version":
            more["version"] = 99
        elif kind == "field missing":
            del payload["lines"]
        elif kind == "wrong type":
            payload["gross_minor"] = "12.50"
        elif kind == "date":
            more["business_date"] = "2026-02-31"
        else:
            payload["gross_minor"] = 10**15
        self.schedule.fault("poison event", kind)
        self.journal.append(type_, payload, **more)
        self.poison.add(len(self.journal.lines))


def _json_of(heard: Heard | None) -> dict[str, Any]:
    if heard is None:
        return {}
    try:
        answer = json.loads(heard.body)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}
