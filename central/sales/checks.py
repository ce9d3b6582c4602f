"""What can be wrong with an event by itself: one pure function for each code of the contract, section 9.

A check answers what is wrong in a sentence, or None; nothing is raised and nothing is refused. What takes other
events to see (a refund against its sale, a void, a voucher, a shift) is checked where those meet.
"""

import re
from collections.abc import Callable, Collection
from datetime import date, timedelta
from typing import Any, Final, TypeAlias
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct

from central.sales.applied_event import AppliedEvent
from central.sales.tax_recount import wrong_taxes
from protocol.card_numbers import code_fields, digits_min, holds_card_number
from protocol.events import CashMovement, NoSale, Refund, Sale, ShiftClose, ShiftOpen, TillLog
from protocol.lines import read_line
from protocol.totals import undiscounted_amount


class Place(Struct, frozen=True):
    """What the checks need to know of an event's location; `clock_skew_seconds_max` of 0 turns that check off."""

    location_id: UUID
    zone: ZoneInfo
    currency: str
    clock_skew_seconds_max: int
    books_closed_through: date | None


class Facts(Struct, frozen=True):
    """What the checks go by besides the event: its place, and which of the products that it may name never were in the
    catalogue.
    """

    place: Place
    unknown_products: Collection[UUID]


Check: TypeAlias = Callable[[AppliedEvent, Facts], str | None]


def totals_mismatch(applied: AppliedEvent, facts: Facts) -> str | None:
    """Header against lines, net + tax against gross, the line formula, figures below 0, another currency."""
    payload = applied.event.payload
    if isinstance(payload, Sale):
        return _receipt_totals(payload, facts.place.currency, formula=True, derived=None)
    if isinstance(payload, Refund):
        derived = "net" if payload.price_mode == "tax_inclusive" else "gross"
        return _receipt_totals(payload, facts.place.currency, formula=payload.original is None, derived=derived)
    if isinstance(payload, ShiftOpen):
        return "float_minor is below 0" if payload.float_minor < 0 else None
    if isinstance(payload, CashMovement):
        return "amount_minor is below 0" if payload.amount_minor < 0 else None
    if isinstance(payload, ShiftClose) and (payload.counted_minor < 0 or payload.expected_minor < 0):
        return "counted_minor or expected_minor is below 0"
    return None


def tax_mismatch(applied: AppliedEvent, facts: Facts) -> str | None:
    """The taxes recomputed from the payload's own rates, mode and rounding; not of a refund that names a sale."""
    payload = applied.event.payload
    if not isinstance(payload, Sale | Refund) or (isinstance(payload, Refund) and payload.original is not None):
        return None
    return wrong_taxes(payload)


def tender_mismatch(applied: AppliedEvent, facts: Facts) -> str | None:
    """Tenders against gross + rounding, each against what was handed over and given back."""
    payload = applied.event.payload
    if not isinstance(payload, Sale | Refund):
        return None
    paid = 0
    for tender in payload.tenders:
        amount = tender.amount_minor
        paid += amount
        if (tender.tendered_minor is not None or tender.change_minor) and tender.tendered - tender.change != amount:
            return f"{tender.method}: {tender.tendered} less change {tender.change} is not {amount}"
    due = payload.gross_minor + payload.rounding_minor
    if paid != due:
        return f"{paid} was tendered, {due} was due"
    if not payload.tenders and payload.gross_minor:
        return "nothing was tendered"
    if payload.rounding_minor and all(tender.method != "CASH" for tender in payload.tenders):
        return "rounded though nothing is paid in cash"
    return None


def unknown_product(applied: AppliedEvent, facts: Facts) -> str | None:
    """Lines whose product was never in the catalogue; a line that names none raises nothing."""
    payload = applied.event.payload
    if not facts.unknown_products or not isinstance(payload, Sale | Refund):
        return None
    unknown = [str(line.line) for line in payload.lines if line.product_id in facts.unknown_products]
    return f"not in the catalogue: line {', '.join(unknown[:20])}" if unknown else None


def clock_skew(applied: AppliedEvent, facts: Facts) -> str | None:
    """`created_at` later than arrival, or earlier than the enrolment or the line before; late is normal."""
    seconds = facts.place.clock_skew_seconds_max
    if not seconds:
        return None
    bound = timedelta(seconds=seconds)
    at = applied.event.created_at
    if at - applied.received_at > bound:
        return f"created {_seconds(at - applied.received_at)} s after it arrived"
    if applied.enrolled_at - at > bound:
        return f"created {_seconds(applied.enrolled_at - at)} s before the terminal's enrolment"
    before = applied.previous_created_at
    if before is not None and before - at > bound:
        return f"created {_seconds(before - at)} s before the line before it"
    return None


def late_for_closed_books(applied: AppliedEvent, facts: Facts) -> str | None:
    """Dated on or before `books_closed_through`; what books nothing is never late."""
    closed = facts.place.books_closed_through
    if closed is None or applied.event.business_date > closed or isinstance(applied.event.payload, NoSale | TillLog):
        return None
    return f"dated {applied.event.business_date.isoformat()}, the books are closed through {closed.isoformat()}"


def foreign_receipt_number(applied: AppliedEvent, facts: Facts) -> str | None:
    """A number that is not the epoch's prefix and a plain counter from 1."""
    payload = applied.event.payload
    if not isinstance(payload, Sale | Refund) or counter_of(payload.receipt_number, applied.receipt_prefix):
        return None
    return f"the terminal's numbers begin with {applied.receipt_prefix}"


def card_number_found(applied: AppliedEvent, facts: Facts) -> str | None:
    """A free text that holds what looks like a card number; it is shown masked and never in a detail."""
    line = applied.line
    payload = line[max(line.find(_payload_key), 0) :]
    if _digits_run not in payload.translate(_digits, b" -"):
        return None
    if _digits_run not in _ids.sub(b"", payload).translate(_digits, b" -"):
        return None
    found = _fields_with_card_numbers(msgspec.json.decode(read_line(applied.line).payload), "payload")
    return f"in {', '.join(found[:5])}" if found else None


CHECKS: Final[tuple[tuple[str, Check], ...]] = (
    ("totals-mismatch", totals_mismatch),
    ("tax-mismatch", tax_mismatch),
    ("tender-mismatch", tender_mismatch),
    ("unknown-product", unknown_product),
    ("clock-skew", clock_skew),
    ("late-for-closed-books", late_for_closed_books),
    ("foreign-receipt-number", foreign_receipt_number),
    ("card-number-found", card_number_found),
)


def findings(applied: AppliedEvent, facts: Facts) -> list[tuple[str, str]]:
    """Codes and details of all that is wrong with an event by itself."""
    return [(code, detail) for code, check in CHECKS if (detail := check(applied, facts)) is not None]


counter_digits_max: Final = 15


def counter_of(receipt_number: str, prefix: str) -> int | None:
    """The counter behind an epoch's prefix, from 1; None where the number is not of that prefix."""
    if not receipt_number.startswith(prefix):
        return None
    rest = receipt_number[len(prefix) :]
    if not rest.isascii() or not rest.isdigit() or rest[0] == "0" or len(rest) > counter_digits_max:
        return None
    return int(rest)


def _receipt_totals(receipt: Sale | Refund, currency: str, *, formula: bool, derived: str | None) -> str | None:
    """`derived` is the third figure of a refund, which alone may come out below 0."""
    if receipt.currency != currency:
        return f"in {receipt.currency[:10]}, the books are in {currency}"
    inclusive = receipt.price_mode == "tax_inclusive"
    net = gross = tax = 0
    rows: dict[tuple[str, int], int] = {}
    for line in receipt.lines:
        line_tax = 0
        for of in line.taxes:
            amount = of.amount_minor
            if amount < 0:
                return f"line {line.line}: a tax is below 0"
            line_tax += amount
            key = (of.code, of.rate_ppm)
            rows[key] = rows.get(key, 0) + amount
        quantity, per, price = line.quantity_milli, line.price_quantity_milli, line.unit_price_minor
        line_net, line_gross, discount = line.net_minor, line.gross_minor, line.discount_minor
        if quantity < 1 or per < 1 or price < 0 or discount < 0 or (line.list_price_minor or 0) < 0:
            return f"line {line.line}: a quantity below 1, or a price or discount below 0"
        if (line_net < 0 and derived != "net") or (line_gross < 0 and derived != "gross"):
            return f"line {line.line}: an amount is below 0"
        if line_net + line_tax != line_gross:
            return f"line {line.line}: net {line_net} and tax {line_tax} are not gross {line_gross}"
        if formula:
            amount = undiscounted_amount(price, quantity, per) - discount
            stated = line_gross if inclusive else line_net
            if amount != stated:
                return f"line {line.line}: price and quantity come to {amount}, the receipt says {stated}"
        net += line_net
        gross += line_gross
        tax += line_tax
    return _header(receipt, net, tax, gross, rows, derived)


def _header(
    receipt: Sale | Refund, net: int, tax: int, gross: int, rows: dict[tuple[str, int], int], derived: str | None
) -> str | None:
    if (receipt.net_minor, receipt.tax_minor, receipt.gross_minor) != (net, tax, gross):
        return (
            f"the lines come to net {net}, tax {tax}, gross {gross}, the receipt says net {receipt.net_minor}, "
            f"tax {receipt.tax_minor}, gross {receipt.gross_minor}"
        )
    stated: dict[tuple[str, int], int] = {}
    for row in receipt.taxes:
        if row.amount_minor < 0 or (row.base_minor < 0 and derived is None):
            return "a row of taxes is below 0"
        key = (row.code, row.rate_ppm)
        stated[key] = stated.get(key, 0) + row.amount_minor
    if stated != rows and {k: v for k, v in stated.items() if v} != {k: v for k, v in rows.items() if v}:
        return "the rows of taxes are not the sums of the lines' taxes"
    for tender in receipt.tenders:
        if tender.amount_minor < 0 or tender.tendered < 0 or tender.change < 0:
            return "a tender is below 0"
    return None


# Digits as one character, all else as another, blanks and dashes gone: a line without a run of a card number's length
# is not looked at further. Every few ids hold such a run, and no id is looked at: they are cut out before the walk.
_digits: Final = bytes(0x30 if 0x30 <= byte <= 0x39 else 0x78 for byte in range(256))
_digits_run: Final = b"0" * digits_min
_payload_key: Final = b'"payload":'
_ids: Final = re.compile(rb'_id":"[0-9a-f-]{36}"')


def _fields_with_card_numbers(value: Any, name: str) -> list[str]:
    if isinstance(value, str):
        return [name] if name not in code_fields and not name.endswith("_id") and holds_card_number(value) else []
    if isinstance(value, dict):
        return [found for key, inner in value.items() for found in _fields_with_card_numbers(inner, key)]
    if isinstance(value, list):
        return [found for inner in value for found in _fields_with_card_numbers(inner, name)]
    return []


def _seconds(span: timedelta) -> int:
    return int(span.total_seconds())
