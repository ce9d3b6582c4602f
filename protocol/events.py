"""The events of a till: what each type of version 1 says happened, and the bounds of its figures."""

from datetime import date, datetime
from typing import Annotated, Any, Final, Literal, TypeAlias
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

amount_max: Final = 10**12
integer_max: Final = 2**53 - 1

Integer: TypeAlias = Annotated[int, Meta(ge=-integer_max, le=integer_max)]
Counter: TypeAlias = Annotated[int, Meta(ge=1, le=integer_max)]
Amount: TypeAlias = Annotated[int, Meta(ge=-amount_max, le=amount_max)]
Quantity: TypeAlias = Annotated[int, Meta(ge=-amount_max, le=amount_max)]
Rate: TypeAlias = Annotated[int, Meta(ge=-amount_max, le=amount_max)]
LineNumber: TypeAlias = Annotated[int, Meta(ge=1, le=2**31 - 1)]
Reference: TypeAlias = Annotated[str, Meta(max_length=200)]

PriceMode: TypeAlias = Literal["tax_inclusive", "tax_exclusive"]
TaxRounding: TypeAlias = Literal["receipt", "line"]
LineKind: TypeAlias = Literal["product", "voucher"]
Method: TypeAlias = Literal["CASH", "CARD", "VOUCHER", "EXCHANGE", "OTHER"]
Direction: TypeAlias = Literal["IN", "OUT"]


class LineTax(Struct, frozen=True):
    code: str
    rate_ppm: Rate
    amount_minor: Amount
    compound: bool = False


class TaxRow(Struct, frozen=True):
    """What a receipt says of one code and rate: the net it applies to and the tax."""

    code: str
    rate_ppm: Rate
    base_minor: Amount
    amount_minor: Amount


class Line(Struct, frozen=True, kw_only=True):
    """A line of a receipt; amounts in minor units, quantities in thousandths."""

    line: LineNumber
    kind: LineKind = "product"
    product_id: UUID | None = None
    sku: str | None = None
    name: str | None = None
    category: str | None = None
    barcode: str | None = None
    quantity_milli: Quantity
    list_price_minor: Amount | None = None
    unit_price_minor: Amount
    price_quantity_milli: Quantity = 1000
    discount_minor: Amount = 0
    price_rule_id: UUID | None = None
    approved_by: UUID | None = None
    gross_minor: Amount
    net_minor: Amount
    taxes: tuple[LineTax, ...] = ()
    parent_line: LineNumber | UnsetType | None = UNSET
    serial: str | UnsetType | None = UNSET
    lot: str | UnsetType | None = UNSET
    expires: str | UnsetType | None = UNSET
    age_confirmed: bool | UnsetType | None = UNSET
    reason: str | UnsetType | None = UNSET


class RefundLine(Line, frozen=True, kw_only=True):
    """A line handed back: positive figures, and the line of the sale that it is a part of."""

    original_line: LineNumber | None = None


class Tender(Struct, frozen=True, kw_only=True):
    method: Method
    tender_type: str | None = None
    amount_minor: Amount
    tendered_minor: Amount | None = None
    change_minor: Amount | None = None
    voucher_code: str | None = None
    reference: Reference | None = None

    @property
    def tendered(self) -> int:
        """What was handed over: `tendered_minor`, or the amount where it is null."""
        return self.amount_minor if self.tendered_minor is None else self.tendered_minor

    @property
    def change(self) -> int:
        """What was given back: `change_minor`, or 0 where it is null."""
        return self.change_minor or 0


class Sale(Struct, frozen=True, kw_only=True):
    """SALE, version 1."""

    sale_id: UUID
    receipt_number: Annotated[str, Meta(min_length=1, max_length=100)]
    cashier_id: UUID | None = None
    shift_id: UUID | None = None
    currency: str
    price_mode: PriceMode
    tax_rounding: TaxRounding = "receipt"
    lines: tuple[Line, ...]
    taxes: tuple[TaxRow, ...]
    net_minor: Amount
    tax_minor: Amount
    gross_minor: Amount
    rounding_minor: Amount = 0
    tenders: tuple[Tender, ...]
    customer_id: UUID | UnsetType | None = UNSET
    exchange_id: UUID | UnsetType | None = UNSET
    catalogue_through: str | UnsetType | None = UNSET


class Original(Struct, frozen=True):
    """The sale that a refund names."""

    sale_id: UUID
    receipt_number: str | None = None


class Refund(Struct, frozen=True, kw_only=True):
    """REFUND, version 1: positive quantities and amounts of what comes back."""

    refund_id: UUID
    receipt_number: Annotated[str, Meta(min_length=1, max_length=100)]
    original: Original | None = None
    reason: str | None = None
    approved_by: UUID | None = None
    cashier_id: UUID | None = None
    shift_id: UUID | None = None
    currency: str
    price_mode: PriceMode
    tax_rounding: TaxRounding = "receipt"
    lines: tuple[RefundLine, ...]
    taxes: tuple[TaxRow, ...]
    net_minor: Amount
    tax_minor: Amount
    gross_minor: Amount
    rounding_minor: Amount = 0
    tenders: tuple[Tender, ...]
    exchange_id: UUID | UnsetType | None = UNSET


class Void(Struct, frozen=True, kw_only=True):
    """VOID, version 1: of a finished sale or refund, by the id of the one that it names."""

    sale_id: UUID | None = None
    refund_id: UUID | None = None
    reason: str | None = None
    approved_by: UUID | None = None
    cashier_id: UUID | None = None
    shift_id: UUID | None = None


class ShiftOpen(Struct, frozen=True, kw_only=True):
    shift_id: UUID
    cashier_id: UUID | None = None
    float_minor: Amount


class CashMovement(Struct, frozen=True, kw_only=True):
    shift_id: UUID | None = None
    direction: Direction
    amount_minor: Amount
    reason: str | None = None
    cashier_id: UUID | None = None


class CountedTender(Struct, frozen=True, kw_only=True):
    method: Method
    counted_minor: Amount | None = None
    expected_minor: Amount | None = None


class ShiftClose(Struct, frozen=True, kw_only=True):
    shift_id: UUID
    cashier_id: UUID | None = None
    counted_minor: Amount
    expected_minor: Amount
    tenders: tuple[CountedTender, ...] = ()
    z_number: Integer | None = None
    total_sales_minor: Integer | None = None
    total_refunds_minor: Integer | None = None
    total_receipts: Integer | None = None


class NoSale(Struct, frozen=True, kw_only=True):
    shift_id: UUID | None = None
    cashier_id: UUID | None = None
    reason: str | None = None


class TillLog(Struct, frozen=True, kw_only=True):
    """What leaves no money but a trace; any `kind` is accepted."""

    kind: Annotated[str, Meta(min_length=1, max_length=100)]
    cashier_id: UUID | None = None
    shift_id: UUID | None = None
    data: Any = None


Payload: TypeAlias = Sale | Refund | Void | ShiftOpen | CashMovement | ShiftClose | NoSale | TillLog

PAYLOADS: Final[dict[tuple[str, int], type[Payload]]] = {
    ("SALE", 1): Sale,
    ("REFUND", 1): Refund,
    ("VOID", 1): Void,
    ("SHIFT_OPEN", 1): ShiftOpen,
    ("CASH_MOVEMENT", 1): CashMovement,
    ("SHIFT_CLOSE", 1): ShiftClose,
    ("NO_SALE", 1): NoSale,
    ("TILL_LOG", 1): TillLog,
}
TYPES: Final[dict[type[Payload], tuple[str, int]]] = {payload: key for key, payload in PAYLOADS.items()}


class Event(Struct, frozen=True):
    """An event whose payload was read: who says what happened when; times are aware, in UTC."""

    sequence: int
    type: str
    version: int
    created_at: datetime
    business_date: date
    payload: Payload
