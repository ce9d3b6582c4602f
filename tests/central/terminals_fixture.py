"""Terminals in tests of central: enrolled for real, with a key, a token, and bodies that they sign."""

import base64
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import pytest
from aiohttp import ClientSession
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc import jws
from joserfc.jwk import OKPKey

from protocol.chain import first_prev, line_hash, public_key_text, sign_batch
from protocol.enrolment import assertion_claims, assertion_typ, assertion_type, enrol_request, grant_type
from tests.central.conftest import Answered, Client, TenantFixture

_FORM = "application/x-www-form-urlencoded"


@dataclass
class TerminalFixture(Client):
    """An enrolled terminal; `get`, `post` … call with its access token."""

    terminal_id: UUID
    epoch: int
    location_id: UUID
    private_key: Ed25519PrivateKey
    enrolment: dict[str, Any]
    """The answer of `POST /v1/enrol`."""
    tenant: TenantFixture = field(repr=False)

    @property
    def public_key(self) -> str:
        return public_key_text(self.private_key)

    @property
    def first_prev(self) -> str:
        return first_prev(str(self.terminal_id), self.epoch, self.public_key)

    def sign_body(self, lines: Sequence[bytes]) -> tuple[bytes, dict[str, str]]:
        """A body of these journal lines, and the headers that it is sent with."""
        headers = {
            "Content-Type": "application/x-ndjson",
            "Chain-Signature": sign_batch(self.private_key, line_hash(lines[-1])),
        }
        return b"\n".join(lines) + b"\n", headers

    def claims(self, **changed: Any) -> dict[str, Any]:
        """The claims of a fresh assertion, some of them changed; one that is set to `...` is left out."""
        claims = assertion_claims(
            terminal_id=str(self.terminal_id),
            epoch=self.epoch,
            issuer=self.enrolment["issuer"],
            now=int(time.time()),
            jti=str(uuid4()),
            last_sequence=0,
            last_hash=self.first_prev,
        )
        claims.update(changed)
        return {name: value for name, value in claims.items() if value is not ...}

    async def ask_token(self, assertion: str) -> Answered:
        """`POST /v1/oauth/token` with any assertion."""
        form = {
            "grant_type": grant_type,
            "client_assertion_type": assertion_type,
            "client_assertion": assertion,
        }
        return await post_form(self.http, self.url, form)

    async def renew_token(self, **changed: Any) -> dict[str, Any]:
        """A new access token; the whole answer of the token endpoint."""
        status, answer, _ = await self.ask_token(sign_assertion(self.private_key, self.claims(**changed)))
        assert status == 200, answer
        self.token = answer["access_token"]
        found: dict[str, Any] = answer
        return found


async def post_form(http: ClientSession, url: str, form: dict[str, str]) -> Answered:
    """The token endpoint's answer to a form."""
    async with http.post(f"{url}/v1/oauth/token", data=form, headers={"Content-Type": _FORM}) as answer:
        return answer.status, await answer.json(), answer.headers


def sign_assertion(key: Ed25519PrivateKey, claims: dict[str, Any] | bytes, header: dict[str, Any] | None = None) -> str:
    """A JWT of these claims (or these bytes) under a terminal's key."""
    jwk = OKPKey.import_key(
        {
            "kty": "OKP",
            "crv": "Ed25519",
            "x": _base64url(key.public_key().public_bytes_raw()),
            "d": _base64url(key.private_bytes_raw()),
        }
    )
    payload = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
    header = header or {"alg": "Ed25519", "typ": assertion_typ}
    registry = jws.JWSRegistry(algorithms=["Ed25519", "EdDSA"], strict_check_header=False)
    return jws.serialize_compact(header, payload, jwk, algorithms=["Ed25519", "EdDSA"], registry=registry)


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


async def make_location(tenant: TenantFixture, code: str = "HH1", timezone: str = "Europe/Berlin") -> UUID:
    """A location of the tenant."""
    body = {"name": f"Shop {code}", "code": code, "timezone": timezone}
    status, made, _ = await tenant.post("/v1/locations", body)
    assert status == 201, made
    return UUID(made["location_id"])


async def make_terminal(tenant: TenantFixture, location_id: UUID, label: str = "Till 1") -> dict[str, Any]:
    """A terminal that is not enrolled yet, with its code."""
    status, made, _ = await tenant.post("/v1/terminals", {"location_id": str(location_id), "label": label})
    assert status == 201, made
    found: dict[str, Any] = made
    return found


async def enrol(tenant: TenantFixture, code: str, private_key: Ed25519PrivateKey | None = None) -> TerminalFixture:
    """Enrol with a code and a fresh key, and fetch a token."""
    key = private_key or Ed25519PrivateKey.generate()
    status, answer, _ = await Client(tenant.url, tenant.http, None).post("/v1/enrol", enrol_request(code, key))
    assert status == 201, answer
    terminal = TerminalFixture(
        url=tenant.url,
        http=tenant.http,
        token=None,
        terminal_id=UUID(answer["terminal_id"]),
        epoch=answer["epoch"],
        location_id=UUID(answer["location_id"]),
        private_key=key,
        enrolment=answer,
        tenant=tenant,
    )
    await terminal.renew_token()
    return terminal


async def new_terminal(tenant: TenantFixture, location_id: UUID, label: str = "Till") -> TerminalFixture:
    """A terminal at a location, enrolled."""
    made = await make_terminal(tenant, location_id, label)
    return await enrol(tenant, made["enrolment_code"])


async def enrol_again(terminal: TerminalFixture) -> TerminalFixture:
    """The same terminal under a new key: its next epoch."""
    status, code, _ = await terminal.tenant.post(f"/v1/terminals/{terminal.terminal_id}/enrolment")
    assert status == 201, code
    return await enrol(terminal.tenant, code["enrolment_code"])


@pytest.fixture
async def location_id(tenant: TenantFixture) -> UUID:
    """A location of the tenant."""
    return await make_location(tenant)


@pytest.fixture
async def terminal(tenant: TenantFixture, location_id: UUID) -> TerminalFixture:
    """An enrolled terminal of the tenant."""
    return await new_terminal(tenant, location_id)
