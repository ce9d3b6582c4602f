"""What booking events came to: what the ledger, the reports, the back office and the terminals are to be told."""

from datetime import date
from typing import Final, Literal, TypeAlias
from uuid import UUID

from msgspec import Struct, field

from central.ledger.posting import EventKey, Posting
from central.sales.movement import Movement

detail_characters_max: Final = 500

ExceptionStatus: TypeAlias = Literal["open", "resolved", "withdrawn"]


class NewException(Struct, frozen=True):
    """A finding on an event for people to resolve. One event bears a code once; `subject` is what it can be withdrawn
    by (`sale:<id>`, `refund:<id>`, `shift:<id>`, `exchange:<id>`, `voucher:<code>`)."""

    key: EventKey
    code: str
    detail: str
    subject: str | None = None


class ReceiptChange(Struct, frozen=True):
    """A receipt that the terminals of a location hold has changed; `business_date` is the receipt's own."""

    location_id: UUID
    receipt_id: UUID
    business_date: date


class Booked(Struct):
    """The outcome of `book`, in the order in which it came about; `receipt_counters` are the epochs' highest now."""

    exceptions: list[NewException] = field(default_factory=list)
    postings: list[Posting] = field(default_factory=list)
    movements: list[Movement] = field(default_factory=list)
    receipt_changes: list[ReceiptChange] = field(default_factory=list)
    receipt_counters: dict[tuple[UUID, int], int] = field(default_factory=dict)
