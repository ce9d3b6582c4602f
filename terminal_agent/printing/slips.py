"""Which events print what: the documents of a batch, made while it is committed. Pure."""

from collections.abc import Sequence

from hardware.printers.document import Document, document_from_json, document_to_json
from protocol.events import CashMovement, Refund, Sale, ShiftClose, TillLog, Void
from terminal_agent.journal import Committed, Printed
from terminal_agent.printing.receipt import (
    Shop,
    Stamp,
    as_copy,
    cash_document,
    receipt_document,
    void_document,
    x_document,
    z_document,
)
from terminal_agent.register.events import Entry
from terminal_agent.register.state import RegisterState


def slips(
    entries: Sequence[Entry], events: Sequence[Committed], before: RegisterState, shop: Shop, original: bytes | None
) -> list[Printed]:
    """What a batch puts into the spool. `original` is the stored document that a reprint copies."""
    prints = []
    for index, (entry, event) in enumerate(zip(entries, events, strict=True)):
        if isinstance(event.payload, TillLog) and event.payload.kind == "reprint":
            if original is not None:
                prints.append(_printed(index, as_copy(document_from_json(original)), copy=True))
            continue
        document = _document(entry, event, before, shop)
        if document is not None:
            prints.append(_printed(index, document, copy=False))
    return prints


def _printed(index: int, document: Document, *, copy: bool) -> Printed:
    return Printed(index, document_to_json(document), document.title, copy)


def _document(entry: Entry, event: Committed, before: RegisterState, shop: Shop) -> Document | None:
    payload, stamp = event.payload, Stamp(event.created_at, event.hash)
    match payload:
        case Sale() | Refund():
            return receipt_document(payload, shop, stamp)
        case Void() if entry.voided is not None:
            return void_document(payload, entry.voided, shop, stamp)
        case CashMovement():
            return cash_document(payload, shop, stamp)
        case ShiftClose() if before.shift is not None:
            return z_document(payload, before.shift, shop, stamp)
        case TillLog(kind="x_report") if before.shift is not None:
            return x_document(before.shift, shop, stamp)
    return None
