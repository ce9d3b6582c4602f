"""A batch in the making: what its events share until they are written."""

from datetime import date, datetime
from uuid import UUID

from central.sales.applied_event import AppliedEvent
from central.sales.booked import Booked, ReceiptChange
from central.sales.checks import Place
from central.sales.exchanges import ExchangeMovement
from central.sales.places import load_places
from central.sales.receipts import SQL, ReceiptId, StoredReceipt, load
from central.sales.shifts import ShiftBook
from central.sales.vouchers import VoucherMovement
from central.tenant_session import TenantSession
from protocol.events import Refund, Sale


class Batch:
    """The events of one tenant that are booked together, in one transaction."""

    def __init__(self, session: TenantSession, now: datetime, places: dict[UUID, Place]) -> None:
        self.session = session
        self.now = now
        self.places = places
        self.booked = Booked()
        self.shifts = ShiftBook()
        self.vouchers: list[VoucherMovement] = []
        self.exchanges: list[ExchangeMovement] = []
        self.own: dict[ReceiptId, AppliedEvent] = {}
        """The batch's receipts that refunds and voids of their ids go to."""
        self.awaited: set[ReceiptId] = set()
        """Those of them that others had named before."""
        self.void_counts: dict[ReceiptId, int] = {}
        """How often receipts were voided, as far as this batch voided them."""

    def stored(self, applied: AppliedEvent) -> StoredReceipt:
        """A receipt of the batch as it is kept."""
        event = applied.event
        payload = event.payload
        assert isinstance(payload, Sale | Refund)
        is_refund = isinstance(payload, Refund)
        receipt_id = payload.refund_id if isinstance(payload, Refund) else payload.sale_id
        return StoredReceipt(
            receipt_id=receipt_id,
            is_refund=is_refund,
            key=applied.key,
            location_id=applied.location_id,
            business_date=event.business_date,
            created_at=event.created_at,
            void_count=self.void_counts.get((receipt_id, is_refund), 0),
            payload=payload,
        )

    async def receipt(self, receipt: ReceiptId) -> StoredReceipt | None:
        """The receipt that an id means, from this batch or from those before; None where it has not come."""
        own = self.own.get(receipt)
        return await load(self.session, receipt) if own is None else self.stored(own)

    async def place(self, location_id: UUID) -> Place:
        """A location's place, also where none of the batch's terminals stands there."""
        if location_id not in self.places:
            self.places |= await load_places(self.session, {location_id})
        return self.places[location_id]

    def changed(self, location_id: UUID, receipt_id: UUID, business_date: date) -> None:
        """The terminals of a location are to be told of a receipt; of two tellings in a batch the later counts."""
        self.booked.receipt_changes.append(ReceiptChange(location_id, receipt_id, business_date))

    async def wait_for(self, applied: AppliedEvent, subject: str, code: str) -> None:
        """Let an event wait for what it names; `code` is raised when the wait is over."""
        await self.session.driver.execute(
            SQL.wait_for, self.session.tenant_id, subject, *applied.key, applied.location_id, code, 1, self.now
        )
