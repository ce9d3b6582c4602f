"""Receipts as they are kept: put down by their ids, found again with their payloads from the stored lines."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final, TypeAlias
from uuid import UUID

from msgspec import UNSET, Struct

from central.database import load_queries, packed, sparse
from central.ledger.posting import EventKey
from central.sales.applied_event import AppliedEvent
from central.tenant_session import TenantSession
from protocol.events import Event, Refund, Sale
from protocol.lines import read_line, read_payload

SQL: Final = load_queries(Path(__file__).with_name("queries.sql"))

ReceiptId: TypeAlias = tuple[UUID, bool]
"""A sale_id, or a refund_id and True."""


class StoredReceipt(Struct, frozen=True):
    """A receipt that refunds and voids go to; `void_count` is how often it was voided by now."""

    receipt_id: UUID
    is_refund: bool
    key: EventKey
    location_id: UUID
    business_date: date
    created_at: datetime
    void_count: int
    payload: Sale | Refund


class Met(Struct, frozen=True):
    """What became of putting receipts down: new ones (or awaited ones that came), and whose number was used before."""

    new: Mapping[ReceiptId, bool]
    """Whether somebody had named it before it came."""
    numbers_taken: frozenset[ReceiptId]


def receipt_id_of(payload: Sale | Refund) -> ReceiptId:
    return (payload.sale_id, False) if isinstance(payload, Sale) else (payload.refund_id, True)


def subject_of(receipt: ReceiptId) -> str:
    """What those who wait for a receipt wait for."""
    return f"{'refund' if receipt[1] else 'sale'}:{receipt[0]}"


async def meet(
    session: TenantSession, own: Mapping[ReceiptId, AppliedEvent], named: Iterable[ReceiptId], now: datetime
) -> Met:
    """Put down receipts and stand-ins for those that others name; all of them are locked afterwards."""
    rows = [_row(receipt, applied) for receipt, applied in own.items()]
    rows += [(*receipt, True, *([None] * 10)) for receipt in named if receipt not in own]
    if not rows:
        return Met({}, frozenset())
    rows.sort(key=lambda row: (row[0].int, row[1]))
    *columns, originals, exchanges = zip(*rows, strict=True)
    found = await session.driver.fetch(
        SQL.meet_receipts,
        session.tenant_id,
        *map(packed, (*columns, sparse(originals), sparse(exchanges))),
        now,
    )
    new: dict[ReceiptId, bool] = {}
    taken = set()
    for receipt_id, is_refund, was_awaited, number_taken in found:
        receipt = (receipt_id, is_refund)
        if receipt in own:
            new[receipt] = was_awaited
            if number_taken:
                taken.add(receipt)
    return Met(new, frozenset(taken))


async def add_copy(session: TenantSession, applied: AppliedEvent, now: datetime) -> bool:
    """Keep a receipt whose id was used before; answers whether its number was, too."""
    receipt_id, is_refund, _, *columns, original_id, exchange_id = _row(receipt_id_of(_receipt(applied)), applied)
    *columns, number = columns
    taken = await session.driver.fetchval(
        SQL.add_copy, session.tenant_id, receipt_id, is_refund, *columns, now, number, original_id, exchange_id
    )
    return bool(taken)


async def load(session: TenantSession, receipt: ReceiptId) -> StoredReceipt | None:
    """The receipt that an id means, None where it has not come."""
    row = await session.driver.fetchrow(SQL.receipt, session.tenant_id, *receipt)
    if row is None:
        return None
    key: EventKey = (row["terminal_id"], row["epoch"], row["branch"], row["sequence"])
    payload = (await stored_events(session, [key]))[key].payload
    if not isinstance(payload, Sale | Refund):
        raise RuntimeError("a receipt's line is neither a SALE nor a REFUND")
    return StoredReceipt(
        receipt_id=row["receipt_id"],
        is_refund=row["is_refund"],
        key=key,
        location_id=row["location_id"],
        business_date=row["business_date"],
        created_at=row["created_at"],
        void_count=row["void_count"],
        payload=payload,
    )


async def stored_lines(session: TenantSession, keys: Sequence[EventKey]) -> dict[EventKey, bytes]:
    """The exact bytes of events, as the uplink keeps them (`till.events`, which this reads and never writes)."""
    if not keys:
        return {}
    columns = [list(column) for column in zip(*keys, strict=True)]
    rows = await session.driver.fetch(SQL.stored_lines, session.tenant_id, *columns)
    return {(row["terminal_id"], row["epoch"], row["branch"], row["sequence"]): row["line"] for row in rows}


async def stored_events(session: TenantSession, keys: Sequence[EventKey]) -> dict[EventKey, Event]:
    """Events read again from their bytes."""
    lines = await stored_lines(session, keys)
    return {key: read_payload(read_line(line)) for key, line in lines.items()}


def _receipt(applied: AppliedEvent) -> Sale | Refund:
    payload = applied.event.payload
    assert isinstance(payload, Sale | Refund)
    return payload


def _row(receipt: ReceiptId, applied: AppliedEvent) -> tuple[Any, ...]:
    event = applied.event
    payload = _receipt(applied)
    exchange_id = payload.exchange_id
    original = payload.original if isinstance(payload, Refund) else None
    return (
        receipt[0],
        receipt[1],
        False,
        applied.terminal_id,
        applied.epoch,
        applied.branch,
        event.sequence,
        applied.location_id,
        event.business_date,
        event.created_at,
        payload.receipt_number,
        None if original is None else original.sale_id,
        None if exchange_id is UNSET else exchange_id,
    )
