"""Entries and daily balances as they are written and read."""

from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from central.database import load_queries, packed
from central.ledger.posting import EventKey, Posting
from central.tenant_session import TenantSession

SQL: Final = load_queries(Path(__file__).with_name("queries.sql"))


class UnwrittenEntriesError(RuntimeError):
    """The database wrote fewer entries than were posted: the session's tenant is not the one it says."""


async def post(session: TenantSession, postings: Sequence[Posting], now: datetime) -> None:
    """Write the entries of events and add them to the daily balances.

    Entry numbers come last of all, since they lock the tenant's row until the transaction ends. Those who follow the
    entries are woken after the commit.
    """
    balances: dict[tuple[date, UUID], dict[str, int]] = {}
    positions: list[int] = []
    account_column: list[str] = []
    amounts: list[int] = []
    for position, posting in enumerate(postings, start=1):
        by_account = balances.setdefault((posting.business_date, posting.location_id), {})
        for account, amount in posting.entries:
            positions.append(position)
            account_column.append(account)
            amounts.append(amount)
            by_account[account] = by_account.get(account, 0) + amount
    if not amounts:
        return
    rows = ((*key, *moved) for key, by_account in balances.items() for moved in by_account.items() if moved[1])
    moved = sorted(rows, key=_in_order)
    days, locations, accounts, sums = zip(*moved, strict=True) if moved else ((), (), (), ())
    written = await session.driver.execute(
        SQL.post,
        session.tenant_id,
        len(amounts),
        *map(packed, zip(*[posting.key for posting in postings], strict=True)),
        packed([posting.location_id for posting in postings]),
        packed([posting.business_date for posting in postings]),
        packed(positions),
        packed(account_column),
        packed(amounts),
        now,
        *map(packed, (days, locations, accounts, sums)),
    )
    if written != f"INSERT 0 {len(amounts)}":
        raise UnwrittenEntriesError(f"{written} for {len(amounts)} entries")
    session.wake(topic(session.tenant_id))


def topic(tenant_id: UUID) -> str:
    """What wakes those who wait for a tenant's entries."""
    return f"entries:{tenant_id}"


async def in_suspense(session: TenantSession, key: EventKey) -> list[tuple[UUID, int]]:
    """What an event has in suspense, by location."""
    rows = await session.driver.fetch(SQL.in_suspense, session.tenant_id, *key)
    return [(row["location_id"], int(row["amount_minor"])) for row in rows]


async def balances(
    session: TenantSession, first: date | None, last: date | None, location_id: UUID | None
) -> list[tuple[str, UUID, int]]:
    """Accounts, locations and what moved there in a span of business dates, both ends included."""
    rows = await session.driver.fetch(SQL.balances, session.tenant_id, first, last, location_id)
    return [(row["account"], row["location_id"], int(row["amount_minor"])) for row in rows]


async def entries_after(
    session: TenantSession,
    after: int,
    *,
    first: date | None,
    last: date | None,
    location_id: UUID | None,
    account: str | None,
    limit: int,
) -> list[Any]:
    """Entries past a number, in order; rows with the columns of the contract."""
    rows: list[Any] = await session.driver.fetch(
        SQL.entries_after, session.tenant_id, after, first, last, location_id, account, limit
    )
    return rows


def _in_order(row: tuple[date, UUID, str, int]) -> tuple[date, int, str]:
    return (row[0], row[1].int, row[2])
