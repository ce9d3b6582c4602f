"""A shop to measure with: a tenant on a running central, enrolled tills, prepared sales of five lines and 3.0 kB."""

import base64
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

import aiohttp
import zstandard
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc import jws
from joserfc.jwk import OKPKey
from uuid_utils.compat import uuid7

from benchmarks.load import request
from protocol.chain import first_prev, line_hash, public_key_text, sign_batch
from protocol.enrolment import assertion_claims, assertion_typ, assertion_type, enrol_request, grant_type
from protocol.events import Line, LineTax, Sale, TaxRow, Tender
from protocol.lines import write_line
from protocol.tax import Tax
from protocol.totals import TaxedLine, receipt_totals

products: Final = 40
lines_per_sale: Final = 5
VAT: Final = ((Tax("VAT-S", 200_000),), (Tax("VAT-R", 70_000),))


@dataclass
class Till:
    """An enrolled terminal that writes sales."""

    terminal_id: UUID
    epoch: int
    prefix: str
    token: str
    key: Ed25519PrivateKey
    shop: "Shop"
    sequence: int = 0
    prev: str = ""
    at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __post_init__(self) -> None:
        self.prev = first_prev(str(self.terminal_id), self.epoch, public_key_text(self.key))

    def sale(self) -> bytes:
        """One more line of the journal."""
        self.sequence += 1
        self.at += timedelta(milliseconds=1)
        line = write_line(
            sequence=self.sequence,
            prev=self.prev,
            payload=self.shop.sale(self),
            created_at=self.at,
            business_date=self.shop.day,
        )
        self.prev = line_hash(line)
        return line

    def body(self, sales: int, *, compressed: bool) -> bytes:
        """A whole request with so many sales."""
        lines = [self.sale() for _ in range(sales)]
        body = b"\n".join(lines) + b"\n"
        headers = {
            "Authorization": f"Bearer {self.token}",
            "Content-Type": "application/x-ndjson",
            "Chain-Signature": sign_batch(self.key, self.prev),
        }
        if compressed:
            body = zstandard.ZstdCompressor(level=3).compress(body)
            headers["Content-Encoding"] = "zstd"
        return request("/v1/sync/events", body, headers)


@dataclass
class Shop:
    """The tenant's set-up: products, cashiers' ids, one business date."""

    product_ids: list[UUID]
    cashiers: list[UUID]
    day: date
    made: int = 0

    def sale(self, till: Till) -> Sale:
        """The next sale of a till, exact by the contract's arithmetic, paid in cash."""
        self.made += 1
        chosen = [(self.made * 7 + number * 3) % products for number in range(lines_per_sale)]
        prices = [199 + 10 * product for product in chosen]
        totals = receipt_totals(
            [
                TaxedLine(number, 2 * price, VAT[product % 2])
                for number, (price, product) in enumerate(zip(prices, chosen, strict=True), start=1)
            ],
            "tax_inclusive",
            "receipt",
        )
        lines = tuple(
            Line(
                line=of.line,
                product_id=self.product_ids[product],
                sku=f"SKU-{product:04}",
                name=f"Product number {product}",
                category=f"CATEGORY-{product % 8}",
                barcode=f"40{product:011}",
                quantity_milli=2_000,
                list_price_minor=price,
                unit_price_minor=price,
                gross_minor=of.gross_minor,
                net_minor=of.net_minor,
                taxes=tuple(LineTax(tax.code, tax.rate_ppm, tax.amount_minor) for tax in of.taxes),
            )
            for of, product, price in zip(totals.lines, chosen, prices, strict=True)
        )
        return Sale(
            sale_id=uuid7(),
            receipt_number=f"{till.prefix}{till.sequence}",
            cashier_id=self.cashiers[self.made % len(self.cashiers)],
            currency="EUR",
            price_mode="tax_inclusive",
            lines=lines,
            taxes=tuple(TaxRow(tax.code, tax.rate_ppm, tax.base_minor, tax.amount_minor) for tax in totals.taxes),
            net_minor=totals.net_minor,
            tax_minor=totals.tax_minor,
            gross_minor=totals.gross_minor,
            tenders=(Tender(method="CASH", amount_minor=totals.gross_minor),),
        )


class SetUp:
    """Sets a tenant up over HTTP, as any client would."""

    def __init__(self, url: str, api_key: str, http: aiohttp.ClientSession) -> None:
        self._url = url
        self._key = api_key
        self._http = http

    async def shop(self) -> Shop:
        """Products, so that no sale names an unknown one."""
        group = await self._made("/v1/tax-groups", {"code": "A", "name": "All", "components": []})
        ids = []
        for product in range(products):
            made = await self._made(
                "/v1/products",
                {
                    "sku": f"SKU-{product:04}",
                    "name": f"Product number {product}",
                    "unit": "C62",
                    "price_minor": 199 + 10 * product,
                    "tax_group_id": group["tax_group_id"],
                    "barcodes": [],
                },
            )
            ids.append(UUID(made["product_id"]))
        return Shop(ids, [uuid4() for _ in range(10)], datetime.now(UTC).date())

    async def location(self, code: str) -> str:
        made = await self._made("/v1/locations", {"name": code, "code": code, "timezone": "Europe/Berlin"})
        return str(made["location_id"])

    async def till(self, shop: Shop, location_id: str, label: str) -> Till:
        """A till, enrolled, with a token."""
        made = await self._made("/v1/terminals", {"location_id": location_id, "label": label})
        key = Ed25519PrivateKey.generate()
        enrolled = enrol_request(made["enrolment_code"], key)
        answer = await self._made(
            "/v1/enrol",
            {"enrolment_code": enrolled.enrolment_code, "public_key": enrolled.public_key, "proof": enrolled.proof},
        )
        till = Till(UUID(answer["terminal_id"]), answer["epoch"], answer["receipt_prefix"], "", key, shop)
        await self.renew(till, answer["issuer"])
        return till

    async def renew(self, till: Till, issuer: str) -> None:
        """A fresh access token."""
        claims = assertion_claims(
            terminal_id=str(till.terminal_id),
            epoch=till.epoch,
            issuer=issuer,
            now=int(time.time()),
            jti=str(uuid4()),
            last_sequence=0,
            last_hash=till.prev,
        )
        form = {
            "grant_type": grant_type,
            "client_assertion_type": assertion_type,
            "client_assertion": _signed(till.key, claims),
        }
        async with self._http.post(f"{self._url}/v1/oauth/token", data=form) as answer:
            till.token = (await answer.json())["access_token"]

    async def _made(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self._key}"}
        async with self._http.post(self._url + path, json=body, headers=headers) as answer:
            made: dict[str, Any] = await answer.json(content_type=None)
            if answer.status != 201:
                raise RuntimeError(f"{path}: {made}")
            return made


def interleaved(tills: list[Till], sales: int, requests: int, *, compressed: bool) -> Iterator[list[bytes]]:
    """For each till its requests, of so many sales each."""
    for till in tills:
        yield [till.body(sales, compressed=compressed) for _ in range(requests)]


def _signed(key: Ed25519PrivateKey, claims: dict[str, object]) -> str:
    jwk = OKPKey.import_key(
        {
            "kty": "OKP",
            "crv": "Ed25519",
            "x": _base64url(key.public_key().public_bytes_raw()),
            "d": _base64url(key.private_bytes_raw()),
        }
    )
    header = {"alg": "Ed25519", "typ": assertion_typ}
    return jws.serialize_compact(header, json.dumps(claims).encode(), jwk, algorithms=["Ed25519"])


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
