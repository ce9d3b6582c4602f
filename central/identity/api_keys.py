"""API keys: `tsk_<id>_<256 random bits>`, where the id says which key of which tenant it is, kept as a hash.

So a key finds its tenant by itself, and no table of all tenants' keys is asked.
"""

import base64
import binascii
import hmac
import secrets
from datetime import UTC, datetime
from hashlib import sha256
from typing import Annotated, Any, Final, Literal, TypeAlias
from uuid import UUID

from msgspec import Meta, Struct
from sqlalchemy import delete, insert, select

from central.http import NotFound, Services, Unauthenticated
from central.identity.schema import api_keys
from central.tenancy import audit
from central.tenant_session import Caller, TenantSession, tenant_session

prefix: Final = "tsk_"
secret_bytes: Final = 32
keys_max: Final = 1_000
"""Of one tenant."""
_id_characters: Final = 52
_secret_characters: Final = 43

KeyRole: TypeAlias = Literal["owner", "manager", "viewer"]
Label: TypeAlias = Annotated[str, Meta(min_length=1, max_length=200)]


class NewApiKey(Struct, frozen=True, kw_only=True):
    """What a key is made of."""

    label: Label
    role: KeyRole
    expires_at: Annotated[datetime, Meta(tz=True)] | None = None


class ApiKey(Struct, frozen=True, kw_only=True):
    """A key as it is shown."""

    api_key_id: UUID
    label: str
    role: KeyRole
    expires_at: datetime | None
    created_at: datetime
    revision: int


class MadeApiKey(ApiKey, frozen=True, kw_only=True):
    """A key as it is shown once."""

    api_key: str | None


def write(tenant_id: UUID, api_key_id: UUID, secret: bytes) -> str:
    """A key's text."""
    name = base64.b32encode(tenant_id.bytes + api_key_id.bytes).decode().rstrip("=").lower()
    return f"{prefix}{name}_{base64.urlsafe_b64encode(secret).decode().rstrip('=')}"


def read(text: str) -> tuple[UUID, UUID, bytes]:
    """Tenant, key id and secret of a key's text. Raises `ValueError` for what cannot be a key."""
    name, _, secret = text.removeprefix(prefix).partition("_")
    if not text.startswith(prefix) or len(name) != _id_characters or len(secret) != _secret_characters:
        raise ValueError("not an API key")
    try:
        ids = base64.b32decode(name.upper() + "====")
        read_secret = base64.b64decode(secret + "=", altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError("not an API key") from error
    found = UUID(bytes=ids[:16]), UUID(bytes=ids[16:]), read_secret
    if write(*found) != text:
        raise ValueError("not an API key")
    return found


async def authenticate_key(services: Services, text: str) -> Caller:
    """The caller whose key this is. Raises `Unauthenticated`: wrong, expired and deleted ones look alike."""
    try:
        tenant_id, api_key_id, secret = read(text)
    except ValueError as error:
        raise Unauthenticated from error
    asking = Caller(kind="job", tenant_id=tenant_id, role="viewer", id="authentication")
    statement = select(api_keys.c.secret_hash, api_keys.c.role, api_keys.c.expires_at).where(
        api_keys.c.tenant_id == tenant_id, api_keys.c.api_key_id == api_key_id
    )
    async with tenant_session(services.database, asking) as session:
        row = (await session.execute(statement)).first()
    kept = row.secret_hash if row is not None else bytes(32)
    right = hmac.compare_digest(sha256(secret).digest(), kept)
    if row is None or not right or (row.expires_at is not None and row.expires_at <= services.clock()):
        raise Unauthenticated
    return Caller(kind="api_key", tenant_id=tenant_id, role=row.role, id=str(api_key_id))


async def create(session: TenantSession, new: NewApiKey, *, api_key_id: UUID, now: datetime) -> MadeApiKey:
    """Make a key; the text in the answer is nowhere else."""
    secret = secrets.token_bytes(secret_bytes)
    expires_at = new.expires_at.astimezone(UTC) if new.expires_at else None
    row = {
        "tenant_id": session.tenant_id,
        "api_key_id": api_key_id,
        "label": new.label,
        "role": new.role,
        "secret_hash": sha256(secret).digest(),
        "created_at": now,
        "expires_at": expires_at,
        "revision": 1,
    }
    await session.execute(insert(api_keys).values(row))
    await audit.record(session, "create", "api_key", str(api_key_id), None, new)
    return MadeApiKey(
        api_key_id=api_key_id,
        label=new.label,
        role=new.role,
        expires_at=expires_at,
        created_at=now,
        revision=1,
        api_key=write(session.tenant_id, api_key_id, secret),
    )


async def find(session: TenantSession, api_key_id: UUID) -> ApiKey:
    """Raises `NotFound`."""
    statement = select(api_keys).where(api_keys.c.tenant_id == session.tenant_id, api_keys.c.api_key_id == api_key_id)
    row = (await session.execute(statement)).first()
    if row is None:
        raise NotFound
    return of_row(row)


async def remove(session: TenantSession, api_key_id: UUID) -> None:
    """Delete a key: what begins after the commit is refused. Raises `NotFound`."""
    before = await find(session, api_key_id)
    await session.execute(
        delete(api_keys).where(api_keys.c.tenant_id == session.tenant_id, api_keys.c.api_key_id == api_key_id)
    )
    await audit.record(session, "delete", "api_key", str(api_key_id), before, None)


def of_row(row: Any) -> ApiKey:
    """A row of the table as it is shown."""
    return ApiKey(
        api_key_id=row.api_key_id,
        label=row.label,
        role=row.role,
        expires_at=row.expires_at,
        created_at=row.created_at,
        revision=row.revision,
    )
