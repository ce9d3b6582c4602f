"""What stands on the paper of a sale, a refund, a void, a report: documents made of events. Pure."""

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from msgspec import Struct

from hardware.printers.document import (
    Columns,
    Cut,
    Document,
    Element,
    Feed,
    Rule,
    Text,
    text_characters_max,
)
from protocol.events import CashMovement, Line, Refund, Sale, ShiftClose, Tender, Void
from protocol.money import CURRENCY_EXPONENTS
from protocol.refund import amount_of
from terminal_agent.register.state import Money, Shift

hash_digits: Final = 10
place_lines_max: Final = 20  # of an address, a header or a footer: a receipt stays one
_TENDERS: Final = {"CASH": "Cash", "CARD": "Card", "VOUCHER": "Voucher", "EXCHANGE": "Exchange", "OTHER": "Other"}


class Shop(Struct, frozen=True):
    """What every slip says of the place; `columns` is how wide its paper is. Address, header and footer have lines."""

    tenant_name: str
    location_name: str
    terminal_id: str
    currency: str
    zone: ZoneInfo
    columns: int = 42
    address: str = ""
    tax_number: str = ""
    receipt_header: str = ""
    receipt_footer: str = ""
    tender_names: dict[str, str] = {}


class Stamp(Struct, frozen=True):
    """When a line was committed, and the hash of its bytes."""

    created_at: datetime
    hash: str


def receipt_document(document: Sale | Refund, shop: Shop, stamp: Stamp) -> Document:
    """The slip of a sale or a refund."""
    money = _Money(shop.currency)
    title = "REFUND" if isinstance(document, Refund) else None
    elements: list[Element] = _head(shop, title)
    for line in document.lines:
        amount_minor = amount_of(line.gross_minor, line.net_minor, document.price_mode)
        elements += _line(line, money, amount_minor)
    elements.append(Rule())
    if document.price_mode == "tax_exclusive":
        elements.append(Columns("Net", money(document.net_minor)))
        elements.append(Columns("Tax", money(document.tax_minor)))
    elements.append(Columns("TOTAL " + shop.currency, money(document.gross_minor), bold=True))
    if document.rounding_minor:
        elements.append(Columns("Rounding", money(document.rounding_minor)))
    elements += [of for tender in document.tenders for of in _tender(tender, money, shop)]
    elements.append(Rule())
    included = "incl. " if document.price_mode == "tax_inclusive" else ""
    for row in document.taxes:
        elements.append(
            Columns(
                f"{included}{row.code} {row.rate_ppm / 10_000:g}% of {money(row.base_minor)}", money(row.amount_minor)
            )
        )
    if isinstance(document, Refund) and document.original is not None:
        elements.append(Text(f"Refund of {document.original.receipt_number}"))
    return _finished(elements, shop, stamp, document.receipt_number, footer=shop.receipt_footer)


def void_document(void: Void, voided: Sale | Refund, shop: Shop, stamp: Stamp) -> Document:
    """The slip that a receipt was voided."""
    money = _Money(shop.currency)
    elements = _head(shop, "VOID")
    elements.append(Columns(f"Receipt {voided.receipt_number}", money(voided.gross_minor)))
    if void.reason:
        elements.append(Text(void.reason))
    return _finished(elements, shop, stamp, f"Void of {voided.receipt_number}")


def cash_document(moved: CashMovement, shop: Shop, stamp: Stamp) -> Document:
    """The slip that lies in the drawer for money put in or taken out."""
    money = _Money(shop.currency)
    elements = _head(shop, "CASH " + moved.direction)
    elements.append(Columns(moved.reason or "", money(moved.amount_minor)))
    return _finished(elements, shop, stamp, "Cash movement")


def z_document(closed: ShiftClose, shift: Shift, shop: Shop, stamp: Stamp) -> Document:
    """The Z report of a shift that was closed."""
    money = _Money(shop.currency)
    elements = _head(shop, f"Z REPORT {closed.z_number}")
    elements += _shift_lines(shift, money)
    elements += [
        Columns("Cash expected", money(closed.expected_minor)),
        Columns("Cash counted", money(closed.counted_minor)),
        Columns("Difference", money(closed.counted_minor - closed.expected_minor), bold=True),
        Rule(),
        Columns("Sales of this enrolment", money(closed.total_sales_minor or 0)),
        Columns("Refunds of this enrolment", money(closed.total_refunds_minor or 0)),
        Columns("Receipts of this enrolment", str(closed.total_receipts or 0)),
    ]
    return _finished(elements, shop, stamp, f"Z {closed.z_number}")


def x_document(shift: Shift, shop: Shop, stamp: Stamp) -> Document:
    """The X report: the open shift as it stands."""
    money = _Money(shop.currency)
    elements = [*_head(shop, "X REPORT"), *_shift_lines(shift, money)]
    elements.append(Columns("Cash expected", money(shift.cash_minor)))
    return _finished(elements, shop, stamp, "X")


def as_copy(document: Document) -> Document:
    """The same slip once more, headed COPY: never to be mistaken for the first."""
    heading = Text("COPY", align="center", bold=True, double=True)
    return Document((heading, *document.elements), columns=document.columns, title=document.title)


class _Money:
    """Amounts as they stand on paper: 1234 → 12.34."""

    def __init__(self, currency: str) -> None:
        self._digits = CURRENCY_EXPONENTS.get(currency, 2)

    def __call__(self, minor: int) -> str:
        sign, whole = ("-" if minor < 0 else ""), str(abs(minor)).zfill(self._digits + 1)
        if not self._digits:
            return sign + whole
        return f"{sign}{whole[: -self._digits]}.{whole[-self._digits :]}"


def _head(shop: Shop, title: str | None) -> list[Element]:
    elements: list[Element] = [Text(shop.tenant_name, align="center", bold=True)]
    if shop.location_name != shop.tenant_name:
        elements.append(Text(shop.location_name, align="center"))
    elements += _centered(shop.address)
    if shop.tax_number.strip():
        elements.append(Text(f"Tax number {shop.tax_number.strip()}", align="center"))
    elements += _centered(shop.receipt_header)
    if title is not None:
        elements.append(Text(title, align="center", bold=True))
    elements.append(Rule())
    return elements


def _centered(text: str) -> list[Element]:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return [Text(line[:text_characters_max], align="center") for line in lines[:place_lines_max]]


def _line(line: Line, money: _Money, amount_minor: int) -> list[Element]:
    """What it would have cost and what was taken off, so that the column adds up to the total."""
    elements: list[Element] = [Columns(line.name or line.sku or "", money(amount_minor + line.discount_minor))]
    if line.quantity_milli != 1000 or line.price_quantity_milli != 1000:
        per = "" if line.price_quantity_milli == 1000 else f"/{_quantity(line.price_quantity_milli)}"
        elements.append(Text(f"  {_quantity(line.quantity_milli)} x {money(line.unit_price_minor)}{per}"))
    if line.discount_minor:
        elements.append(Columns("  discount", money(-line.discount_minor)))
    return elements


def _tender(tender: Tender, money: _Money, shop: Shop) -> list[Element]:
    kind = tender.tender_type
    name = _TENDERS[tender.method] if kind is None else shop.tender_names.get(kind, kind)
    elements: list[Element] = [Columns(name, money(tender.tendered))]
    if tender.change:
        elements.append(Columns("Change", money(-tender.change)))
    return elements


def _shift_lines(shift: Shift, money: _Money) -> list[Element]:
    none = Money()
    elements: list[Element] = [
        Columns("Business date", shift.business_date.isoformat()),
        Columns("Float", money(shift.float_minor)),
        Columns(f"Sales ({shift.sales_count})", money(shift.sales_minor)),
        Columns(f"Refunds ({shift.refunds_count})", money(-shift.refunds_minor)),
        Columns("Voids", str(shift.voids_count)),
        Columns("Drawer openings", str(shift.no_sales_count)),
    ]
    for method, name in _TENDERS.items():
        of = shift.methods.get(method, none)
        if of != none:
            elements.append(Columns(name, money(of.in_minor - of.out_minor)))
    return elements


def _finished(elements: list[Element], shop: Shop, stamp: Stamp, number: str, *, footer: str = "") -> Document:
    local = stamp.created_at.astimezone(shop.zone)
    elements += [
        Rule(),
        Columns(number, stamp.hash[:hash_digits]),
        Text(local.strftime("%Y-%m-%d %H:%M:%S")),
        *_centered(footer),
        Feed(1),
        Cut(),
    ]
    return Document(tuple(elements), columns=shop.columns, title=number)


def _quantity(milli: int) -> str:
    whole, thousandths = divmod(milli, 1000)
    return f"{whole}.{thousandths:03d}".rstrip("0").rstrip(".") if thousandths else str(whole)
