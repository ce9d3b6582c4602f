"""What this terminal knows of a receipt: by its own journal, by the replica, and what refunds of it gave so far."""

import sqlite3
from collections.abc import Iterable, Sequence
from datetime import date
from uuid import UUID

from protocol.events import Event, Line, Refund, Sale
from protocol.lines import read_line, read_payload
from protocol.refund import GivenBack, SoldLine, add_given, amount_of, given_of_refundable, taxes_by_row
from protocol.totals import TaxAmount
from terminal_agent.catalogue import Catalogue
from terminal_agent.journal_reading import receipt_line
from terminal_agent.register.terms import KnownReceipt
from terminal_agent.replica import ReplicaReceipt, readable, short_sale


def find_receipt(
    connection: sqlite3.Connection,
    catalogue: Catalogue,
    receipt_number: str,
    told: Sequence[ReplicaReceipt] = (),
) -> KnownReceipt | None:
    """The receipt of that number, its refunds and void taken into account; None where nothing is known of it.

    `told` is what central answered just now, where it was asked.
    """
    own = own_receipt(connection, receipt_number)
    of_central = readable(told or catalogue.receipts(receipt_number))
    if own is not None:
        document, day = own
        element = next((of for of in of_central if _is_of(of, document)), None)
    else:
        element = next((of for of in of_central if of.kind == "SALE"), None)
        if element is None:
            return None
        document, day = short_sale(element), element.business_date
    return _known(connection, document, day, element, own=own is not None)


def own_receipt(connection: sqlite3.Connection, receipt_number: str) -> tuple[Sale | Refund, date] | None:
    """A sale or refund of this terminal's own journal, and its business date."""
    line = receipt_line(connection, receipt_number)
    if line is None:
        return None
    event = read_event(line)
    assert isinstance(event.payload, Sale | Refund)
    return event.payload, event.business_date


def read_event(line: bytes) -> Event:
    """An event of the terminal's own journal."""
    return read_payload(read_line(line))


def _known(
    connection: sqlite3.Connection, document: Sale | Refund, day: date, element: ReplicaReceipt | None, *, own: bool
) -> KnownReceipt:
    document_id = document.sale_id if isinstance(document, Sale) else document.refund_id
    voided = _is_voided(connection, document_id) or (element is not None and element.void is not None)
    if not isinstance(document, Sale):
        return KnownReceipt(document=document, business_date=day, own=own, voided=voided)
    refunds = _own_refunds(connection, document.sale_id)
    given, refunded = _given(connection, document, element, refunds)
    return KnownReceipt(document=document, business_date=day, own=own, voided=voided, refunded=refunded, given=given)


def _given(
    connection: sqlite3.Connection, sale: Sale, element: ReplicaReceipt | None, refunds: Iterable[Refund]
) -> tuple[dict[int, GivenBack], bool]:
    """What refunds gave of each line: central's word, and this terminal's refunds that central did not count yet."""
    given: dict[int, GivenBack] = {}
    counted: dict[UUID, bool] = {}
    if element is not None:
        counted = {refund.refund_id: refund.voided for refund in element.refunds}
        left = {line.line: line.left() for line in element.lines}
        given = {
            line.line: given_of_refundable(sold_line(line, sale), left[line.line])
            for line in sale.lines
            if line.line in left
        }
    for refund in refunds:
        voided = _is_voided(connection, refund.refund_id)
        if refund.refund_id in counted:
            sign = -1 if voided and not counted[refund.refund_id] else 0
        else:
            sign = 0 if voided else 1
        if sign:
            _add(given, refund, sale, sign)
    return given, any(part.quantity_milli > 0 for part in given.values())


def sold_line(line: Line, sale: Sale) -> SoldLine:
    """A sale's line as `protocol.refund` takes it."""
    return SoldLine(
        line.line,
        line.quantity_milli,
        amount_of(line.gross_minor, line.net_minor, sale.price_mode),
        tuple(TaxAmount(tax.code, tax.rate_ppm, tax.compound, tax.amount_minor) for tax in line.taxes),
        line.discount_minor,
    )


def _add(given: dict[int, GivenBack], refund: Refund, sale: Sale, sign: int) -> None:
    for line in refund.lines:
        if line.original_line is None:
            continue
        part = sold_line(line, sale)
        taxes = {key: sign * amount for key, amount in taxes_by_row(part.taxes).items()}
        gave = GivenBack(sign * part.quantity_milli, sign * part.amount_minor, sign * part.discount_minor, taxes)
        given[line.original_line] = add_given(given.get(line.original_line, GivenBack()), gave)


def _own_refunds(connection: sqlite3.Connection, sale_id: UUID) -> list[Refund]:
    rows = connection.execute(
        "select line from journal where original_id = ? and type = 'REFUND' order by position", (str(sale_id),)
    ).fetchall()
    payloads = [read_event(row[0]).payload for row in rows]
    return [payload for payload in payloads if isinstance(payload, Refund)]


def _is_voided(connection: sqlite3.Connection, document_id: UUID) -> bool:
    row = connection.execute(
        "select 1 from journal where original_id = ? and type = 'VOID' limit 1", (str(document_id),)
    ).fetchone()
    return row is not None


def _is_of(element: ReplicaReceipt, document: Sale | Refund) -> bool:
    if element.kind != "SALE" or not isinstance(document, Sale):
        return False
    return short_sale(element).sale_id == document.sale_id
