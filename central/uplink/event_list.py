"""The events themselves, as loss prevention reads them: filtered, paged, each with its envelope as it came."""

import json
import re
from datetime import date, datetime
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, Raw, Struct
from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    DateTime,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    Uuid,
    select,
)

from central import terminals
from central.http import Invalid, NotFound, PageQuery, Request, page
from central.tenant_session import TenantSession
from central.terminals.repository import terminal
from protocol.card_numbers import code_fields, digits_min, masked
from protocol.lines import RawEnvelope as WireEnvelope
from protocol.lines import read_line

events = Table(
    "events",
    MetaData(schema="till"),
    Column("tenant_id", Uuid),
    Column("terminal_id", Uuid),
    Column("epoch", Integer),
    Column("branch", Integer),
    Column("sequence", BigInteger),
    Column("state", Text),
    Column("type", Text),
    Column("kind", Text),
    Column("cashier_id", Uuid),
    Column("location_id", Uuid),
    Column("business_date", Date),
    Column("received_at", DateTime(timezone=True)),
    Column("line", LargeBinary),
)


class EventQuery(PageQuery, frozen=True, kw_only=True, rename={"first_date": "from", "last_date": "to"}):
    """Filters of the list; dates are business dates, both inclusive."""

    type: Annotated[str, Meta(max_length=64)] | None = None
    kind: Annotated[str, Meta(max_length=100)] | None = None
    cashier_id: UUID | None = None
    terminal_id: UUID | None = None
    location_id: UUID | None = None
    first_date: date | None = None
    last_date: date | None = None


class Envelope(Struct, frozen=True):
    """The members of a line as they were written."""

    prev: str
    type: str
    version: int
    created_at: str
    business_date: str
    payload: Raw
    clock_offset_ms: int | None = None


class ListedEvent(Struct, frozen=True, kw_only=True):
    """An event: where it stands, what became of it, and its envelope. `branch` is null for the chain itself."""

    terminal_id: UUID
    epoch: int
    branch: int | None
    sequence: int
    location_id: UUID
    state: str
    received_at: datetime
    prev: str
    type: str
    version: int
    created_at: str
    business_date: str
    clock_offset_ms: int | None
    payload: Raw


class EventList(Struct, frozen=True):
    events: list[ListedEvent]
    next_cursor: str | None


_envelopes = msgspec.json.Decoder(Envelope)
_string: Final = re.compile(
    rb'"(?:%b)"\s*:\s*"(?:[^"\\]|\\.)*"|"(?:[^"\\]|\\.)*"' % "|".join(sorted(code_fields)).encode()
)
_code: Final = re.compile(rb'"[a-z_]+"\s*:')


async def list_events(request: Request, session: TenantSession) -> EventList:
    """A page of the tenant's events. Raises `Invalid` for `from` after `to`, `NotFound` for another's terminal."""
    query: EventQuery = request.query
    of = events.c
    if query.first_date is not None and query.last_date is not None and query.first_date > query.last_date:
        raise Invalid("from is after to", field="from")
    if query.terminal_id is not None:
        await terminal(session, query.terminal_id, request.services.clock())
    if query.location_id is not None and await terminals.location(session, query.location_id) is None:
        raise NotFound
    statement = select(events).where(of.tenant_id == session.tenant_id)
    for column, value in (
        (of.type, query.type),
        (of.kind, query.kind),
        (of.cashier_id, query.cashier_id),
        (of.terminal_id, query.terminal_id),
        (of.location_id, query.location_id),
    ):
        if value is not None:
            statement = statement.where(column == value)
    keys: list[Any] = [of.terminal_id, of.epoch, of.branch, of.sequence]
    if query.first_date is not None or query.last_date is not None:
        # By date the index over dates serves, also for what comes after a cursor.
        keys.insert(0, of.business_date)
        statement = statement.where(of.business_date.is_not(None))
        if query.first_date is not None:
            statement = statement.where(of.business_date >= query.first_date)
        if query.last_date is not None:
            statement = statement.where(of.business_date <= query.last_date)
    rows, next_cursor = await page(session, statement, keys, request)
    return EventList([_listed(row) for row in rows], next_cursor)


def _listed(row: Any) -> ListedEvent:
    envelope = _opened(row.line)
    return ListedEvent(
        terminal_id=row.terminal_id,
        epoch=row.epoch,
        branch=row.branch or None,
        sequence=row.sequence,
        location_id=row.location_id,
        state=row.state,
        received_at=row.received_at,
        prev=envelope.prev,
        type=envelope.type,
        version=envelope.version,
        created_at=masked(envelope.created_at),
        business_date=masked(envelope.business_date),
        clock_offset_ms=None if envelope.clock_offset_ms is UNSET else envelope.clock_offset_ms,
        payload=Raw(_string.sub(_without_card_number, bytes(envelope.payload))),
    )


def _opened(line: bytes) -> Envelope | WireEnvelope:
    try:
        return _envelopes.decode(line)
    except msgspec.DecodeError:
        # Half a surrogate pair, which JSON allows: the slower reader of the wire takes it.
        return read_line(line)


def _without_card_number(string: re.Match[bytes]) -> bytes:
    """A JSON string as it was written, unless it is free text that holds what looks like a card number: that is masked.

    Python's own decoder reads it, for a payload that was held as unreadable may hold half a surrogate.
    """
    written = string[0]
    if len(written) < digits_min or _code.match(written):
        return written
    text = json.loads(written)
    shown = masked(text)
    return written if shown == text else json.dumps(shown).encode()
