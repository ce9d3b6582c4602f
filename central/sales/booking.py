"""Booking: what events that are applied do to the books, in one pass over a batch of one tenant.

Every event books the figures of its own payload, whatever is wrong with it, so that balances never depend on the
order of arrival (contract, section 7). Ids are where events meet: a receipt and whoever names it take the row of its
id first, in sorted order, so that of two transactions the later one sees what the earlier one left.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from central.ledger.posting import Entries, Posting, cash_of, entries_of
from central.products.known import unknown as unknown_products
from central.sales import receipts, refunds, voids, waiting
from central.sales.applied_event import AppliedEvent
from central.sales.batch import Batch
from central.sales.booked import Booked, NewException
from central.sales.checks import Facts, Place, counter_of, findings
from central.sales.exception_records import one_for_each_code
from central.sales.exchanges import exchange_movement, move_exchanges
from central.sales.movement import movement_of
from central.sales.places import load_places
from central.sales.receipts import ReceiptId, StoredReceipt, receipt_id_of, subject_of
from central.sales.vouchers import move_vouchers, voucher_movements
from central.tenant_session import TenantSession
from protocol.events import CashMovement, Refund, Sale, ShiftClose, ShiftOpen, Void


async def book(
    session: TenantSession,
    events: Sequence[AppliedEvent],
    now: datetime,
    places: Mapping[UUID, Place] | None = None,
) -> Booked:
    """Book events in the order given, which is their order of application; answers what else is to be told.

    Writes receipts, refunds, voids, shifts, vouchers and exchanges; the caller writes what it answers. `places` is
    looked up where it is left out.
    """
    batch = Batch(session, now, dict(places or await load_places(session, {of.location_id for of in events})))
    await _check(batch, events)
    await _put_down(batch, events)
    _count_receipts(batch, events)
    for applied in events:
        await _book(batch, applied)
    await move_vouchers(session, batch.vouchers, batch.booked, now)
    await move_exchanges(session, batch.exchanges, batch.booked, now)
    await batch.shifts.save(session, batch.booked, now)
    batch.booked.exceptions = one_for_each_code(batch.booked.exceptions)
    return batch.booked


async def _check(batch: Batch, events: Sequence[AppliedEvent]) -> None:
    """What is wrong with each event by itself."""
    named = {
        line.product_id.int: line.product_id
        for applied in events
        if isinstance(payload := applied.event.payload, Sale | Refund)
        for line in payload.lines
        if line.product_id is not None
    }
    unknown = await unknown_products(batch.session, set(named.values()))
    facts = {location_id: Facts(place, unknown) for location_id, place in batch.places.items()}
    for applied in events:
        for code, detail in findings(applied, facts[applied.location_id]):
            batch.booked.exceptions.append(NewException(applied.key, code, detail))


async def _put_down(batch: Batch, events: Sequence[AppliedEvent]) -> None:
    """Put the batch's receipts down by their ids, and notice ids and numbers that were used before."""
    own: dict[ReceiptId, AppliedEvent] = {}
    named: set[ReceiptId] = set()
    again: list[AppliedEvent] = []
    for applied in events:
        payload = applied.event.payload
        if isinstance(payload, Sale | Refund):
            if own.setdefault(receipt_id_of(payload), applied) is not applied:
                again.append(applied)
            if isinstance(payload, Refund) and payload.original is not None:
                named.add((payload.original.sale_id, False))
        elif isinstance(payload, Void):
            named.add(voids.target_of(payload))
    met = await receipts.meet(batch.session, own, named, batch.now)
    numbers: set[str] = set()
    for receipt, applied in own.items():
        was_awaited = met.new.get(receipt)
        if was_awaited is None:
            again.append(applied)
            continue
        if was_awaited:
            batch.awaited.add(receipt)
        _check_number(batch, applied, numbers, bool(met.numbers_taken) and receipt in met.numbers_taken)
    batch.own = own if len(own) == len(met.new) else {receipt: own[receipt] for receipt in met.new}
    for applied in again:
        taken = await receipts.add_copy(batch.session, applied, batch.now)
        kind = "refund" if isinstance(applied.event.payload, Refund) else "sale"
        batch.booked.exceptions.append(
            NewException(applied.key, "duplicate-sale-id", f"another {kind} was applied under this id before")
        )
        _check_number(batch, applied, numbers, taken)


def _check_number(batch: Batch, applied: AppliedEvent, numbers: set[str], taken: bool) -> None:
    """`duplicate-receipt-number`; an adopted branch repeats numbers by its nature, before or after the chain, and bears
    `adopted-branch` alone."""
    payload = applied.event.payload
    assert isinstance(payload, Sale | Refund)
    if applied.branch:
        return
    if taken or payload.receipt_number in numbers:
        batch.booked.exceptions.append(
            NewException(applied.key, "duplicate-receipt-number", "another receipt was applied under this number")
        )
    numbers.add(payload.receipt_number)


def _count_receipts(batch: Batch, events: Sequence[AppliedEvent]) -> None:
    """`receipt-number-gap`: the counter behind an epoch's prefix passes none over."""
    counters = batch.booked.receipt_counters
    for applied in events:
        payload = applied.event.payload
        if applied.branch or not isinstance(payload, Sale | Refund):
            continue
        counter = counter_of(payload.receipt_number, applied.receipt_prefix)
        if counter is None:
            continue
        epoch = (applied.terminal_id, applied.epoch)
        last = counters.get(epoch, applied.receipt_counter)
        if counter > last + 1:
            missing = f"{last + 1}" if counter == last + 2 else f"{last + 1} to {counter - 1}"
            batch.booked.exceptions.append(
                NewException(applied.key, "receipt-number-gap", f"no receipt bears {missing}")
            )
        counters[epoch] = max(last, counter)


async def _book(batch: Batch, applied: AppliedEvent) -> None:
    payload = applied.event.payload
    if isinstance(payload, Sale | Refund):
        _book_receipt(batch, applied, payload)
        if isinstance(payload, Refund) and payload.original is not None:
            await _give_back(batch, applied, payload, payload.original.sale_id)
        if batch.awaited and (receipt := receipt_id_of(payload)) in batch.awaited and batch.own[receipt] is applied:
            await waiting.receipt_came(batch, batch.stored(applied))
    elif isinstance(payload, Void):
        await voids.book_void(batch, applied, payload)
    elif isinstance(payload, ShiftOpen | CashMovement | ShiftClose):
        entries = entries_of(payload)
        _post(batch, applied, entries)
        if isinstance(payload, ShiftOpen):
            batch.shifts.open(applied, payload)
        elif isinstance(payload, ShiftClose):
            batch.shifts.close(applied, payload)
        elif payload.shift_id is not None:
            batch.shifts.add_cash(payload.shift_id, cash_of(entries))


def _book_receipt(batch: Batch, applied: AppliedEvent, payload: Sale | Refund) -> None:
    entries = entries_of(payload)
    _post(batch, applied, entries)
    event = applied.event
    key = applied.key
    movement = movement_of(
        payload,
        key=key,
        at=event.created_at,
        business_date=event.business_date,
        zone=batch.places[applied.location_id].zone,
        location_id=applied.location_id,
        terminal_id=applied.terminal_id,
    )
    if movement is not None:
        batch.booked.movements.append(movement)
    if payload.shift_id is not None:
        batch.shifts.add_cash(payload.shift_id, cash_of(entries))
    batch.vouchers += voucher_movements(payload, key, key, applied.location_id, 1)
    exchange = exchange_movement(payload, key, 1)
    if exchange is not None:
        batch.exchanges.append(exchange)
    batch.changed(applied.location_id, receipt_id_of(payload)[0], event.business_date)


async def _give_back(batch: Batch, applied: AppliedEvent, refund: Refund, sale_id: UUID) -> None:
    """A refund against the sale that it names, now or when the sale comes."""
    given = await refunds.load_given(batch.session, sale_id)
    sale = await batch.receipt((sale_id, False))
    if sale is None:
        await batch.wait_for(applied, subject_of((sale_id, False)), "original-not-found")
    else:
        assert isinstance(sale.payload, Sale)
        wrong = refunds.refund_exceeds_sale(sale.payload, bool(sale.void_count), given, refund)
        if wrong is not None:
            batch.booked.exceptions.append(NewException(applied.key, "refund-exceeds-sale", wrong))
        _sale_changed(batch, sale)
    together = refunds.add_refund(given, refund)
    await refunds.save_given(batch.session, sale_id, together, refunds.lines_named(refund))


def _sale_changed(batch: Batch, sale: StoredReceipt) -> None:
    batch.changed(sale.location_id, sale.receipt_id, sale.business_date)


def _post(batch: Batch, applied: AppliedEvent, entries: Entries) -> None:
    if entries:
        batch.booked.postings.append(Posting(applied.key, applied.location_id, applied.event.business_date, entries))
