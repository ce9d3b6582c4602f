"""Users of the web back office: an email, a password under argon2id, a role."""

import re
from datetime import datetime
from typing import Annotated, Any, Final, TypeAlias
from uuid import UUID

import msgspec
from msgspec import Meta, Struct
from sqlalchemy import ColumnElement, select
from sqlalchemy.dialects.postgresql import insert as upsert

from central.http import Duplicate, Invalid, NotFound, StaleRevision
from central.identity.api_keys import KeyRole
from central.identity.pins import Hashing
from central.identity.schema import users
from central.tenancy import audit
from central.tenant_session import TenantSession

password_characters_min: Final = 10
password_characters_max: Final = 256
_email: Final = re.compile(r"[^\s@\x00-\x1f]{1,64}@[^\s@\x00-\x1f]{1,189}\Z")

Email: TypeAlias = Annotated[str, Meta(max_length=254)]


class NewUser(Struct, frozen=True, kw_only=True):
    """What a user is made of."""

    email: Email
    password: str
    role: KeyRole


class UserPatch(Struct, frozen=True, kw_only=True):
    """What may be changed (RFC 7396)."""

    email: Email | msgspec.UnsetType = msgspec.UNSET
    password: str | msgspec.UnsetType = msgspec.UNSET
    role: KeyRole | msgspec.UnsetType = msgspec.UNSET
    revision: int | msgspec.UnsetType = msgspec.UNSET


class User(Struct, frozen=True, kw_only=True):
    """A user as owners see one."""

    user_id: UUID
    email: str
    role: KeyRole
    created_at: datetime
    revision: int


async def create(session: TenantSession, new: NewUser, hashing: Hashing, *, user_id: UUID, now: datetime) -> User:
    """Raises `Invalid`, `Duplicate`."""
    email = _checked_email(new.email)
    password_hash = await hashing.password(_checked_password(new.password))
    user = User(user_id=user_id, email=email, role=new.role, created_at=now, revision=1)
    row = {"tenant_id": session.tenant_id, **msgspec.structs.asdict(user), "password_hash": password_hash}
    insert = upsert(users).values(row).on_conflict_do_nothing().returning(users.c.user_id)
    if (await session.execute(insert)).first() is None:
        raise Duplicate(field="email")
    await audit.record(session, "create", "user", str(user_id), None, user)
    return user


async def find(session: TenantSession, user_id: UUID, *, lock: bool = False) -> User:
    """Raises `NotFound`."""
    statement = select(users).where(_row(session, user_id))
    row = (await session.execute(statement.with_for_update() if lock else statement)).first()
    if row is None:
        raise NotFound
    return of_row(row)


async def change(session: TenantSession, user_id: UUID, patch: UserPatch, hashing: Hashing) -> User:
    """Raises `NotFound`, `StaleRevision`, `Invalid`, `Duplicate`."""
    before = await find(session, user_id, lock=True)
    if patch.revision not in (msgspec.UNSET, before.revision):
        raise StaleRevision
    columns: dict[str, Any] = {}
    if patch.email is not msgspec.UNSET and _checked_email(patch.email) != before.email:
        columns["email"] = _checked_email(patch.email)
        taken = select(users.c.user_id).where(users.c.tenant_id == session.tenant_id, users.c.email == columns["email"])
        if (await session.execute(taken)).first() is not None:
            raise Duplicate(field="email")
    if patch.role is not msgspec.UNSET and patch.role != before.role:
        columns["role"] = patch.role
    after: User = msgspec.structs.replace(before, **columns)
    if patch.password is not msgspec.UNSET:
        columns["password_hash"] = await hashing.password(_checked_password(patch.password))
    if not columns:
        return before
    after = msgspec.structs.replace(after, revision=before.revision + 1)
    await session.execute(users.update().where(_row(session, user_id)).values(**columns, revision=after.revision))
    await audit.record(session, "change", "user", str(user_id), before, after)
    return after


async def remove(session: TenantSession, user_id: UUID) -> None:
    """Raises `NotFound`."""
    before = await find(session, user_id, lock=True)
    await session.execute(users.delete().where(_row(session, user_id)))
    await audit.record(session, "delete", "user", str(user_id), before, None)


def of_row(row: Any) -> User:
    """A row of the table as it is shown."""
    return User(user_id=row.user_id, email=row.email, role=row.role, created_at=row.created_at, revision=row.revision)


def _row(session: TenantSession, user_id: UUID) -> ColumnElement[bool]:
    return (users.c.tenant_id == session.tenant_id) & (users.c.user_id == user_id)


def _checked_email(email: str) -> str:
    if not _email.match(email):
        raise Invalid("that is no email address", field="email")
    return email.casefold()


def _checked_password(password: str) -> str:
    if not password_characters_min <= len(password) <= password_characters_max:
        raise Invalid(
            f"a password has {password_characters_min} to {password_characters_max} characters", field="password"
        )
    return password
