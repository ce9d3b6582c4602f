"""Events that wait for what they name, and what happens when it comes after all.

A REFUND has booked and waits for its check alone; a VOID has no entries before what it voids is here.
"""

from collections.abc import Sequence
from typing import Any

from central.ledger.posting import EventKey
from central.sales import refunds, voids
from central.sales.batch import Batch
from central.sales.booked import NewException
from central.sales.exception_records import withdraw
from central.sales.receipts import SQL, StoredReceipt, stored_events, subject_of
from protocol.events import Event, Refund, Sale, Void
from protocol.refund import GivenBack


async def receipt_came(batch: Batch, found: StoredReceipt) -> None:
    """Those who named a receipt before it came: voids apply, refunds are checked, in the order of their application."""
    subject = subject_of((found.receipt_id, found.is_refund))
    rows = await batch.session.driver.fetch(SQL.end_waiting, batch.session.tenant_id, [subject])
    if not rows:
        return
    await withdraw(batch.session, [(row["code"], subject) for row in rows if row["raised"]], batch.now)
    waited = sorted(rows, key=lambda row: (row["since"], _key(row)))
    events = await stored_events(batch.session, [_key(row) for row in waited])
    await _check_refunds(batch, found, [(_key(row), events[_key(row)]) for row in waited])
    for row in waited:
        key = _key(row)
        payload = events[key].payload
        if isinstance(payload, Void):
            await batch.session.driver.execute(SQL.void_applies, batch.session.tenant_id, *key)
            in_hand = voids.VoidInHand(
                key, row["location_id"], events[key].business_date, events[key].created_at, payload
            )
            await voids.apply_void(batch, in_hand, found)


async def _check_refunds(batch: Batch, sale: StoredReceipt, waited: Sequence[tuple[EventKey, Event]]) -> None:
    """Check refunds that were applied before their sale, one after the other; those that were voided gave nothing."""
    if not isinstance(sale.payload, Sale):
        return
    given: dict[int, GivenBack] = {}
    voided = bool(sale.void_count)
    for key, event in waited:
        payload = event.payload
        if isinstance(payload, Void):
            voided = True
        if not isinstance(payload, Refund):
            continue
        refund = await batch.receipt((payload.refund_id, True))
        if refund is not None and refund.key == key and refund.void_count:
            continue
        wrong = refunds.refund_exceeds_sale(sale.payload, voided, given, payload)
        if wrong is not None:
            batch.booked.exceptions.append(NewException(key, "refund-exceeds-sale", wrong))
        given = refunds.add_refund(given, payload)


def _key(row: Any) -> EventKey:
    return (row["terminal_id"], row["epoch"], row["branch"], row["sequence"])
