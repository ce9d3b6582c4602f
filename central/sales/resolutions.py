"""People resolve exceptions: accept them, or move what the event has in suspense to the account where it belongs."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct

from central.http import Invalid, NotFound, Problem
from central.ledger import repository as ledger
from central.ledger.accounts import name_characters_max, suspense
from central.ledger.posting import Posting
from central.sales.places import load_places
from central.sales.receipts import SQL
from central.tenancy import audit
from central.tenant_session import TenantSession


class AlreadyResolved(Problem):
    """It was resolved, or withdrawn, before."""

    code = "already-resolved"


class NothingInSuspense(Problem):
    """The event has nothing in suspense that could be moved."""

    code = "nothing-in-suspense"


class Resolution(Struct, frozen=True, kw_only=True):
    """`account` goes with `move` alone."""

    action: Literal["accept", "move"]
    account: Annotated[str, Meta(min_length=1, max_length=name_characters_max)] | None = None
    note: Annotated[str, Meta(max_length=1_000)] | None = None


async def resolve(session: TenantSession, exception_id: UUID, resolution: Resolution, now: datetime) -> None:
    """Resolve an exception, once. Raises `NotFound`, `AlreadyResolved`, `NothingInSuspense`, `Invalid`."""
    row = await session.driver.fetchrow(SQL.lock_exception, session.tenant_id, exception_id)
    if row is None:
        raise NotFound
    if row["status"] != "open":
        raise AlreadyResolved
    moved: Posting | None = None
    if resolution.action == "move":
        key = (row["terminal_id"], row["epoch"], row["branch"], row["sequence"])
        found = await ledger.in_suspense(session, key)
        if not found:
            raise NothingInSuspense
        if resolution.account is None or resolution.account == suspense:
            raise Invalid("name the account that it belongs to", field="account")
        (location_id, amount) = found[0]
        zone = (await load_places(session, {location_id}))[location_id].zone
        today = now.astimezone(zone).date()
        moved = Posting(key, location_id, today, ((suspense, -amount), (resolution.account, amount)))
    elif resolution.account is not None:
        raise Invalid("an account goes with the action move", field="account")
    await session.driver.execute(
        SQL.resolve_exception,
        session.tenant_id,
        exception_id,
        now,
        f"{session.caller.kind}:{session.caller.id}",
        resolution.action,
        resolution.note,
        resolution.account,
        None if moved is None else moved.entries[1][1],
        None if moved is None else moved.business_date,
    )
    await audit.record(
        session,
        "resolve",
        "exception",
        str(exception_id),
        {"status": "open"},
        {"status": "resolved", "action": resolution.action, "account": resolution.account, "note": resolution.note},
    )
    if moved is not None:
        await ledger.post(session, [moved], now)
