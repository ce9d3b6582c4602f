"""The trade in tests: carts in a line of text, receipts exact to the cent, and the journal of a terminal.

    sold = sale(cart("3 x WINE @ 9.99 -1.00", "0.500 x CHEESE @ 12.00"), number="K1-1")
    back = refund(sold, {1: 1000}, number="K1-2")
    till = Journal()
    body = till.append(sold) + b"\\n" + till.append(back)

Everything is deterministic: an id is made from the text that it stands for.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from uuid import UUID, uuid5

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import UNSET

from protocol import chain
from protocol.events import (
    CashMovement,
    Line,
    LineTax,
    NoSale,
    Original,
    Payload,
    Refund,
    RefundLine,
    Sale,
    ShiftClose,
    ShiftOpen,
    TaxRow,
    Tender,
    TillLog,
    Void,
)
from protocol.lines import write_line
from protocol.money import cash_rounding
from protocol.refund import GivenBack, SoldLine, amount_of, refund_line, refund_totals
from protocol.tax import PriceMode, Tax, TaxRounding
from protocol.totals import ReceiptTotals, TaxAmount, TaxedLine, line_amount, receipt_totals

NAMESPACE = UUID("7c1f8f0e-51a1-4d57-8d7e-0d8ea4c0c1aa")
MORNING = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
DAY = date(2026, 11, 24)
VAT = (Tax("VAT-S", 200_000),)

_line = re.compile(
    r"(?P<quantity>\d+(\.\d{1,3})?) x (?P<name>[A-Z][A-Z0-9-]*) @ (?P<price>\d+\.\d\d)( -(?P<discount>\d+\.\d\d))?"
)


def id_of(text: str) -> UUID:
    """The id that a test's text stands for: the same text, the same id."""
    return uuid5(NAMESPACE, text)


def minor(text: str) -> int:
    """ "9.99" in minor units of a currency with two digits."""
    return int(Decimal(text) * 100)


@dataclass(frozen=True)
class CartLine:
    """What is on the counter. A name that starts with VOUCHER is a voucher with its code as the name's rest."""

    name: str
    quantity_milli: int
    unit_price_minor: int
    discount_minor: int = 0
    taxes: tuple[Tax, ...] = VAT

    @property
    def is_voucher(self) -> bool:
        return self.name.startswith("VOUCHER")


def cart(*lines: str, taxes: Mapping[str, tuple[Tax, ...]] | None = None) -> tuple[CartLine, ...]:
    """Lines such as "3 x WINE @ 9.99 -1.00"; `taxes` by name, 20 % VAT where it names none, vouchers without any."""
    kept = []
    for text in lines:
        match = _line.fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r} is not as '3 x WINE @ 9.99 -1.00'")
        name = match["name"]
        kept.append(
            CartLine(
                name,
                int(Decimal(match["quantity"]) * 1000),
                minor(match["price"]),
                minor(match["discount"] or "0"),
                () if name.startswith("VOUCHER") else (taxes or {}).get(name, VAT),
            )
        )
    return tuple(kept)


def cash(amount_minor: int, tendered_minor: int | None = None) -> Tender:
    """A CASH tender, with what was handed over where it was more."""
    if tendered_minor is None:
        return Tender(method="CASH", amount_minor=amount_minor)
    return Tender(
        method="CASH",
        amount_minor=amount_minor,
        tendered_minor=tendered_minor,
        change_minor=tendered_minor - amount_minor,
    )


def card(amount_minor: int, tender_type: str | None = None) -> Tender:
    return Tender(method="CARD", amount_minor=amount_minor, tender_type=tender_type)


def voucher(amount_minor: int, code: str | None) -> Tender:
    return Tender(method="VOUCHER", amount_minor=amount_minor, voucher_code=code)


def exchange(amount_minor: int) -> Tender:
    return Tender(method="EXCHANGE", amount_minor=amount_minor)


def sale(
    lines: Sequence[CartLine],
    *,
    number: str = "K1-1",
    sale_id: UUID | None = None,
    tenders: Sequence[Tender] | None = None,
    price_mode: PriceMode = "tax_inclusive",
    tax_rounding: TaxRounding = "receipt",
    currency: str = "EUR",
    cash_rounding_minor: int = 1,
    shift: str | None = None,
    cashier: str | None = "ADA",
    exchange_id: UUID | None = None,
    product_ids: Mapping[str, UUID] | None = None,
    category: str | None = "goods",
) -> Sale:
    """A SALE of a cart, exact by the contract's arithmetic; paid in cash to the cent where `tenders` is left out."""
    totals = receipt_totals(_taxed(lines), price_mode, tax_rounding)
    rounding, paid = _tendered(totals.gross_minor, tenders, cash_rounding_minor)
    return Sale(
        sale_id=sale_id or id_of(f"sale {number}"),
        receipt_number=number,
        cashier_id=id_of(cashier) if cashier else None,
        shift_id=id_of(shift) if shift else None,
        currency=currency,
        price_mode=price_mode,
        tax_rounding=tax_rounding,
        lines=tuple(
            Line(
                line=of.line,
                kind="voucher" if item.is_voucher else "product",
                product_id=None if item.is_voucher else (product_ids or {}).get(item.name),
                sku=item.name,
                name=item.name.title(),
                category=None if item.is_voucher else category,
                barcode=item.name if item.is_voucher else None,
                quantity_milli=item.quantity_milli,
                list_price_minor=item.unit_price_minor,
                unit_price_minor=item.unit_price_minor,
                discount_minor=item.discount_minor,
                gross_minor=of.gross_minor,
                net_minor=of.net_minor,
                taxes=_line_taxes(of.taxes),
            )
            for item, of in zip(lines, totals.lines, strict=True)
        ),
        taxes=_rows(totals),
        net_minor=totals.net_minor,
        tax_minor=totals.tax_minor,
        gross_minor=totals.gross_minor,
        rounding_minor=rounding,
        tenders=tuple(paid),
        exchange_id=UNSET if exchange_id is None else exchange_id,
    )


def refund(
    of: Sale,
    quantities: Mapping[int, int],
    *,
    number: str = "K1-2",
    refund_id: UUID | None = None,
    earlier: Iterable[Refund] = (),
    tenders: Sequence[Tender] | None = None,
    cash_rounding_minor: int = 1,
    shift: str | None = None,
    cashier: str | None = "ADA",
    exchange_id: UUID | None = None,
) -> Refund:
    """A REFUND of so many thousandths by line of a sale, its shares after those that `earlier` refunds gave."""
    sold = {line.line: line for line in of.lines}
    before = tuple(earlier)
    parts = [
        refund_line(
            sold_line(sold[number_], of.price_mode), quantity, given_by(before, number_, of.price_mode), of.price_mode
        )
        for number_, quantity in quantities.items()
    ]
    totals = refund_totals(parts)
    rounding, paid = _tendered(totals.gross_minor, tenders, cash_rounding_minor)
    return Refund(
        refund_id=refund_id or id_of(f"refund {number}"),
        receipt_number=number,
        original=Original(of.sale_id, of.receipt_number),
        reason="DAMAGED",
        cashier_id=id_of(cashier) if cashier else None,
        shift_id=id_of(shift) if shift else None,
        currency=of.currency,
        price_mode=of.price_mode,
        tax_rounding=of.tax_rounding,
        lines=tuple(
            RefundLine(
                line=part.line,
                original_line=part.original_line,
                kind=sold[part.original_line].kind,
                product_id=sold[part.original_line].product_id,
                sku=sold[part.original_line].sku,
                name=sold[part.original_line].name,
                category=sold[part.original_line].category,
                barcode=sold[part.original_line].barcode,
                quantity_milli=part.quantity_milli,
                unit_price_minor=sold[part.original_line].unit_price_minor,
                discount_minor=part.discount_minor,
                gross_minor=part.gross_minor,
                net_minor=part.net_minor,
                taxes=_line_taxes(part.taxes),
            )
            for part in parts
        ),
        taxes=_rows(totals),
        net_minor=totals.net_minor,
        tax_minor=totals.tax_minor,
        gross_minor=totals.gross_minor,
        rounding_minor=rounding,
        tenders=tuple(paid),
        exchange_id=UNSET if exchange_id is None else exchange_id,
    )


def refund_without_receipt(lines: Sequence[CartLine], *, number: str = "K1-2", shift: str | None = None) -> Refund:
    """A REFUND that names no sale, computed as a sale is."""
    sold = sale(lines, number=number, shift=shift)
    return Refund(
        refund_id=id_of(f"refund {number}"),
        receipt_number=number,
        reason="NO-RECEIPT",
        cashier_id=sold.cashier_id,
        shift_id=sold.shift_id,
        currency=sold.currency,
        price_mode=sold.price_mode,
        tax_rounding=sold.tax_rounding,
        lines=tuple(
            RefundLine(
                line=line.line,
                kind=line.kind,
                product_id=line.product_id,
                sku=line.sku,
                name=line.name,
                category=line.category,
                barcode=line.barcode,
                quantity_milli=line.quantity_milli,
                unit_price_minor=line.unit_price_minor,
                discount_minor=line.discount_minor,
                gross_minor=line.gross_minor,
                net_minor=line.net_minor,
                taxes=line.taxes,
            )
            for line in sold.lines
        ),
        taxes=sold.taxes,
        net_minor=sold.net_minor,
        tax_minor=sold.tax_minor,
        gross_minor=sold.gross_minor,
        tenders=sold.tenders,
    )


def void(of: Sale | Refund, *, shift: str | None = None) -> Void:
    """A VOID of a finished receipt."""
    return Void(
        sale_id=of.sale_id if isinstance(of, Sale) else None,
        refund_id=of.refund_id if isinstance(of, Refund) else None,
        reason="MISTAKE",
        cashier_id=of.cashier_id,
        shift_id=id_of(shift) if shift else of.shift_id,
    )


def shift_open(shift: str = "EARLY", float_minor: int = 10_000) -> ShiftOpen:
    return ShiftOpen(shift_id=id_of(shift), cashier_id=id_of("ADA"), float_minor=float_minor)


def cash_in(amount_minor: int, shift: str | None = "EARLY") -> CashMovement:
    return CashMovement(shift_id=id_of(shift) if shift else None, direction="IN", amount_minor=amount_minor)


def cash_out(amount_minor: int, shift: str | None = "EARLY") -> CashMovement:
    return CashMovement(shift_id=id_of(shift) if shift else None, direction="OUT", amount_minor=amount_minor)


def shift_close(counted_minor: int, expected_minor: int | None = None, shift: str = "EARLY") -> ShiftClose:
    """The drawer counted; as expected where `expected_minor` is left out."""
    return ShiftClose(
        shift_id=id_of(shift),
        cashier_id=id_of("ADA"),
        counted_minor=counted_minor,
        expected_minor=counted_minor if expected_minor is None else expected_minor,
        z_number=1,
    )


def no_sale(shift: str | None = "EARLY") -> NoSale:
    return NoSale(shift_id=id_of(shift) if shift else None, cashier_id=id_of("ADA"), reason="CHANGE")


def till_log(kind: str = "sign_in") -> TillLog:
    return TillLog(kind=kind, cashier_id=id_of("ADA"), data={})


def sold_line(line: Line, price_mode: PriceMode) -> SoldLine:
    """A sale's line as the arithmetic of refunds takes it."""
    return SoldLine(
        line.line,
        line.quantity_milli,
        amount_of(line.gross_minor, line.net_minor, price_mode),
        tuple(TaxAmount(tax.code, tax.rate_ppm, tax.compound, tax.amount_minor) for tax in line.taxes),
        line.discount_minor,
    )


def given_by(refunds: Iterable[Refund], original_line: int, price_mode: PriceMode) -> GivenBack:
    """What refunds gave back of a line together."""
    quantity = amount = discount = 0
    taxes: dict[tuple[str, int], int] = {}
    for line in (line for of in refunds for line in of.lines if line.original_line == original_line):
        quantity += line.quantity_milli
        amount += amount_of(line.gross_minor, line.net_minor, price_mode)
        discount += line.discount_minor
        for tax in line.taxes:
            taxes[tax.code, tax.rate_ppm] = taxes.get((tax.code, tax.rate_ppm), 0) + tax.amount_minor
    return GivenBack(quantity, amount, discount, taxes)


@dataclass
class Journal:
    """A terminal's chained and signed lines. Each event is a second after the one before."""

    terminal: str = "K1"
    epoch: int = 1
    terminal_id: UUID | None = None
    private_key: Ed25519PrivateKey | None = None
    at: datetime = MORNING
    business_date: date = DAY
    lines: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.terminal_id = self.terminal_id or id_of(f"terminal {self.terminal}")
        self.private_key = self.private_key or Ed25519PrivateKey.from_private_bytes(
            sha256(f"{self.terminal} {self.epoch}".encode()).digest()
        )
        self.public_key = chain.public_key_text(self.private_key)
        self.first_prev = chain.first_prev(str(self.terminal_id), self.epoch, self.public_key)

    @property
    def last_hash(self) -> str:
        return chain.line_hash(self.lines[-1]) if self.lines else self.first_prev

    def append(self, payload: Payload, *, at: datetime | None = None, business_date: date | None = None) -> bytes:
        """Commit one more event; its line without the newline."""
        self.at = at or self.at + timedelta(seconds=1)
        line = write_line(
            sequence=len(self.lines) + 1,
            prev=self.last_hash,
            payload=payload,
            created_at=self.at,
            business_date=business_date or self.business_date,
        )
        self.lines.append(line)
        return line

    def body(self, first: int = 1, last: int | None = None) -> tuple[bytes, str]:
        """A request's body of the lines from `first` to `last`, and its `Chain-Signature`."""
        lines = self.lines[first - 1 : last]
        return b"\n".join(lines) + b"\n", self.signature(lines[-1])

    def signature(self, last_line: bytes) -> str:
        """The signature of a body that ends in this line."""
        assert self.private_key is not None
        return chain.sign_batch(self.private_key, chain.line_hash(last_line))


def _taxed(lines: Sequence[CartLine]) -> list[TaxedLine]:
    return [
        TaxedLine(
            number, line_amount(item.unit_price_minor, item.quantity_milli, 1000, item.discount_minor), item.taxes
        )
        for number, item in enumerate(lines, start=1)
    ]


def _tendered(gross_minor: int, tenders: Sequence[Tender] | None, unit_minor: int) -> tuple[int, Sequence[Tender]]:
    if tenders is not None:
        if not any(tender.method == "CASH" for tender in tenders):
            return 0, tenders
        others = sum(tender.amount_minor for tender in tenders if tender.method != "CASH")
        return cash_rounding(gross_minor - others, unit_minor), tenders
    if not gross_minor:
        return 0, ()
    rounding = cash_rounding(gross_minor, unit_minor)
    return rounding, (cash(gross_minor + rounding),)


def _line_taxes(taxes: Iterable[TaxAmount]) -> tuple[LineTax, ...]:
    return tuple(
        LineTax(code=tax.code, rate_ppm=tax.rate_ppm, amount_minor=tax.amount_minor, compound=tax.compound)
        for tax in taxes
    )


def _rows(totals: ReceiptTotals) -> tuple[TaxRow, ...]:
    return tuple(TaxRow(row.code, row.rate_ppm, row.base_minor, row.amount_minor) for row in totals.taxes)
