"""The ledger over HTTP: balances, entries, and the feed of entries for an accounting system."""

import time
from datetime import date, datetime
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from central.http import VIEWER, Invalid, NotFound, PageQuery, Request, Route
from central.http.paging import read_cursor, write_cursor
from central.ledger import repository
from central.ledger.currency import currency_of
from central.tenant_session import TenantSession, tenant_session
from central.terminals import locations
from central.terminals.tokens import incarnation

wait_seconds_max: Final = 60
look_again_seconds: Final = 15.0
"""A wake-up may be lost; whoever waits looks again after so long."""


class BalancesQuery(Struct, frozen=True, kw_only=True):
    first: date | None = msgspec.field(name="from", default=None)
    last: date | None = msgspec.field(name="to", default=None)
    location_id: UUID | None = None


class EntriesQuery(PageQuery, frozen=True, kw_only=True):
    first: date | None = msgspec.field(name="from", default=None)
    last: date | None = msgspec.field(name="to", default=None)
    location_id: UUID | None = None
    account: Annotated[str, Meta(min_length=1, max_length=1_000)] | None = None
    after: Annotated[int, Meta(ge=0, le=2**53 - 1)] | None = None
    wait: Annotated[int, Meta(ge=0, le=wait_seconds_max)] = 0


class Balance(Struct, frozen=True):
    account: str
    location_id: UUID
    amount_minor: int


class Balances(Struct, frozen=True):
    currency: str
    balances: list[Balance]


class Entry(Struct, frozen=True):
    """An entry; `branch` is null for an event of the chain itself."""

    entry_number: int
    posted_at: datetime
    terminal_id: UUID
    epoch: int
    branch: int | None
    sequence: int
    location_id: UUID
    business_date: date
    account: str
    amount_minor: int


class Entries(Struct, frozen=True):
    currency: str
    entries: list[Entry]
    incarnation: UUID
    next_cursor: str | None


async def get_balances(request: Request, session: TenantSession) -> Balances:
    query: BalancesQuery = request.query
    await check_span(session, query.first, query.last, query.location_id)
    found = await repository.balances(session, query.first, query.last, query.location_id)
    return Balances(await currency_of(session), [Balance(*row) for row in found])


async def get_entries(request: Request) -> Entries:
    """Entries by number; with `after` and `wait` held until there are some, holding no connection meanwhile."""
    query: EntriesQuery = request.query
    if query.after is not None and query.cursor is not None:
        raise Invalid("a number or a cursor, not both", field="after")
    if query.after is None or not query.wait:
        return await _look(request)
    ends = time.monotonic() + query.wait
    async with request.services.wakeups.listen(repository.topic(request.tenant_id)) as signal:
        while True:
            found = await _look(request)
            left = ends - time.monotonic()
            if found.entries or left <= 0:
                return found
            seconds = min(left, look_again_seconds)
            looked = time.monotonic()
            if not await signal.wait(seconds) and time.monotonic() - looked < seconds / 2:
                return found  # the server stops: nobody waits any longer


async def _look(request: Request) -> Entries:
    query: EntriesQuery = request.query
    after = query.after or 0
    if query.cursor is not None:
        (after,) = read_cursor(query.cursor, request, 1)
    async with tenant_session(request.services.database, request.caller) as session:
        await check_span(session, query.first, query.last, query.location_id)
        rows = await repository.entries_after(
            session,
            after,
            first=query.first,
            last=query.last,
            location_id=query.location_id,
            account=query.account,
            limit=query.limit + 1,
        )
        currency = await currency_of(session)
        is_now = await incarnation(session)
    cursor = None
    if len(rows) > query.limit:
        rows.pop()
        cursor = write_cursor([rows[-1]["entry_number"]], request) if query.after is None else None
    return Entries(currency, [_entry(row) for row in rows], is_now, cursor)


async def check_span(session: TenantSession, first: date | None, last: date | None, location_id: UUID | None) -> None:
    """Raise `Invalid` for a span that ends before it begins, `NotFound` for a location that the tenant has not."""
    if first is not None and last is not None and first > last:
        raise Invalid("from lies after to", field="from")
    if location_id is not None and not await locations.known_locations(session, {location_id}):
        raise NotFound


def _entry(row: Any) -> Entry:
    return Entry(
        entry_number=row["entry_number"],
        posted_at=row["posted_at"],
        terminal_id=row["terminal_id"],
        epoch=row["epoch"],
        branch=row["branch"] or None,
        sequence=row["sequence"],
        location_id=row["location_id"],
        business_date=row["business_date"],
        account=row["account"],
        amount_minor=row["amount_minor"],
    )


ROUTES: Final = [
    Route(
        method="GET",
        path="/v1/ledger/balances",
        handler=get_balances,
        roles=VIEWER,
        summary="What moved on each account and location in a span of business dates; the sum is 0",
        query=BalancesQuery,
        answer=Balances,
        reports=True,
    ),
    Route(
        method="GET",
        path="/v1/ledger/entries",
        handler=get_entries,
        roles=VIEWER,
        summary="Entries by number; after= and wait= make it a feed that skips nothing",
        query=EntriesQuery,
        answer=Entries,
        session=False,
    ),
]
