"""Sales as facts: receipts, refunds, voids, shifts, and the exceptions that people resolve."""

from central.sales.applied_event import AppliedEvent
from central.sales.booked import Booked, NewException, ReceiptChange
from central.sales.booking import book
from central.sales.exception_records import ExceptionRecord, open_exceptions, raise_exceptions

__all__ = [
    "AppliedEvent",
    "Booked",
    "ExceptionRecord",
    "NewException",
    "ReceiptChange",
    "book",
    "open_exceptions",
    "raise_exceptions",
]
