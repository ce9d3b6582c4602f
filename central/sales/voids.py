"""Voids: a finished receipt taken back in full, now or when it comes.

A VOID negates each entry of what it voids, at that receipt's location and on the VOID's own business date. A second
one, and one after a refund, reverse in full too: the cash did leave a drawer (contract, section 7).
"""

from datetime import date, datetime
from uuid import UUID

from msgspec import Struct

from central.ledger.posting import EventKey, Posting, cash_of, entries_of, negated
from central.sales import refunds
from central.sales.applied_event import AppliedEvent
from central.sales.batch import Batch
from central.sales.booked import NewException
from central.sales.exchanges import exchange_movement
from central.sales.movement import movement_of
from central.sales.receipts import SQL, ReceiptId, StoredReceipt, subject_of
from central.sales.vouchers import voucher_movements
from protocol.events import Refund, Sale, Void


class VoidInHand(Struct, frozen=True):
    """A VOID and where and when it was made."""

    key: EventKey
    location_id: UUID
    business_date: date
    created_at: datetime
    payload: Void


def target_of(void: Void) -> ReceiptId:
    """The id of the receipt that a VOID names."""
    if void.sale_id is not None:
        return (void.sale_id, False)
    assert void.refund_id is not None
    return (void.refund_id, True)


async def book_void(batch: Batch, applied: AppliedEvent, void: Void) -> None:
    """A VOID whose turn has come: it applies where what it names is here, else it waits and books nothing yet."""
    receipt = target_of(void)
    found = await batch.receipt(receipt)
    event = applied.event
    await batch.session.driver.execute(
        SQL.keep_void,
        batch.session.tenant_id,
        *applied.key,
        *receipt,
        found is None,
        applied.location_id,
        event.business_date,
        event.created_at,
        batch.now,
    )
    if found is None:
        await batch.wait_for(applied, subject_of(receipt), "void-unknown-sale")
        return
    in_hand = VoidInHand(applied.key, applied.location_id, event.business_date, event.created_at, void)
    await apply_void(batch, in_hand, found)


async def apply_void(batch: Batch, void: VoidInHand, found: StoredReceipt) -> None:
    """Take a receipt back: entries, reports, cash of the shift, vouchers, exchange, and what its refund gave."""
    payload = found.payload
    entries = negated(entries_of(payload))
    if entries:
        batch.booked.postings.append(Posting(void.key, found.location_id, void.business_date, entries))
    movement = movement_of(
        payload,
        key=void.key,
        at=void.created_at,
        business_date=void.business_date,
        zone=(await batch.place(found.location_id)).zone,
        location_id=found.location_id,
        terminal_id=found.key[0],
        sign=-1,
    )
    if movement is not None:
        batch.booked.movements.append(movement)
    if void.payload.shift_id is not None:
        batch.shifts.add_cash(void.payload.shift_id, cash_of(entries))
    batch.vouchers += voucher_movements(payload, void.key, found.key, found.location_id, -1)
    exchange = exchange_movement(payload, void.key, -1)
    if exchange is not None:
        batch.exchanges.append(exchange)
    batch.changed(found.location_id, found.receipt_id, found.business_date)
    await _check(batch, void, found)


async def _check(batch: Batch, void: VoidInHand, found: StoredReceipt) -> None:
    receipt = (found.receipt_id, found.is_refund)
    count: int = await batch.session.driver.fetchval(SQL.count_void, batch.session.tenant_id, *receipt)
    batch.void_counts[receipt] = count
    kind = "refund" if found.is_refund else "sale"
    if count > 1:
        _raise(batch, void, "already-voided", f"the {kind} was voided before")
    if void.location_id != found.location_id:
        _raise(batch, void, "foreign-void", f"the {kind} is of another location")
    if isinstance(found.payload, Sale):
        given = await refunds.load_given(batch.session, found.receipt_id)
        if any(part.quantity_milli > 0 or part.amount_minor > 0 for part in given.values()):
            _raise(batch, void, "void-after-refund", "a part of the sale was refunded before")
    elif count == 1:
        await _take_back(batch, found.payload)


async def _take_back(batch: Batch, refund: Refund) -> None:
    """A voided refund gave nothing back: its part of the sale can be refunded again."""
    if refund.original is None:
        return
    sale_id = refund.original.sale_id
    given = await refunds.load_given(batch.session, sale_id)
    left = refunds.add_refund(given, refund, -1)
    await refunds.save_given(batch.session, sale_id, left, refunds.lines_named(refund))
    sale = await batch.receipt((sale_id, False))
    if sale is not None:
        batch.changed(sale.location_id, sale.receipt_id, sale.business_date)


def _raise(batch: Batch, void: VoidInHand, code: str, detail: str) -> None:
    batch.booked.exceptions.append(NewException(void.key, code, detail))
