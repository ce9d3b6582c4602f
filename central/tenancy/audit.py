"""What was changed: who, when, before and after, never with a secret (contract, section 2)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import insert, select

from central.http import PageQuery, Request, page
from central.http.services import new_id, utc_now
from central.tenancy.schema import audit
from central.tenant_session import TenantSession

secret_members: Final = frozenset(
    {"pin", "password", "api_key", "enrolment_code", "secret", "secret_hash", "pin_hash", "pin_salt", "pin_key"}
)


class AuditQuery(PageQuery, frozen=True, kw_only=True):
    """Filters of the list; the latest change comes first."""

    entity: str | None = None
    entity_id: str | None = None


class AuditRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One change."""

    audit_id: UUID
    at: datetime
    actor: dict[str, str]
    action: str
    entity: str
    entity_id: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class AuditList(msgspec.Struct, frozen=True, kw_only=True):
    audit: list[AuditRecord]
    next_cursor: str | None


class Change(NamedTuple):
    """What `record_all` keeps: `before` and `after` are structs, dicts or None."""

    action: str
    entity: str
    entity_id: str
    before: object = None
    after: object = None


async def record(
    session: TenantSession,
    action: str,
    entity: str,
    entity_id: str,
    before: object = None,
    after: object = None,
) -> None:
    """Keep a change in the transaction that makes it; `before` and `after` are structs, dicts or None.

    Raises `ValueError` where a secret would be kept.
    """
    await record_all(session, [Change(action, entity, entity_id, before, after)])


async def record_all(session: TenantSession, changes: Sequence[Change]) -> None:
    """Keep many changes of one transaction, an import's for one. Raises `ValueError` where a secret would be kept."""
    if not changes:
        return
    now = utc_now()
    rows = [
        {
            "tenant_id": session.tenant_id,
            "audit_id": new_id(),
            "at": now,
            "actor_kind": session.caller.kind,
            "actor_id": session.caller.id,
            "actor_role": session.caller.role,
            "action": change.action,
            "entity": change.entity,
            "entity_id": change.entity_id,
            "before": _kept(change.before),
            "after": _kept(change.after),
        }
        for change in changes
    ]
    await session.execute(insert(audit), rows)


def _kept(value: object) -> Any:
    kept = msgspec.to_builtins(value)
    if isinstance(kept, dict) and not secret_members.isdisjoint(kept):
        raise ValueError(f"the audit keeps no secret: {sorted(secret_members & kept.keys())}")
    return kept


async def list_audit(request: Request, session: TenantSession) -> AuditList:
    """A page of changes, the latest first."""
    query: AuditQuery = request.query
    statement = select(audit).where(audit.c.tenant_id == session.tenant_id)
    if query.entity is not None:
        statement = statement.where(audit.c.entity == query.entity)
    if query.entity_id is not None:
        statement = statement.where(audit.c.entity_id == query.entity_id)
    rows, next_cursor = await page(session, statement, [audit.c.audit_id], request, descending=True)
    return AuditList(audit=[_record(row) for row in rows], next_cursor=next_cursor)


def _record(row: Any) -> AuditRecord:
    return AuditRecord(
        audit_id=row.audit_id,
        at=row.at,
        actor={"kind": row.actor_kind, "id": row.actor_id, "role": row.actor_role},
        action=row.action,
        entity=row.entity,
        entity_id=row.entity_id,
        before=row.before,
        after=row.after,
    )
