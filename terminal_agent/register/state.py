"""What a register knows at a moment: who is signed in, the open shift, the cart, the parked sales, the totals."""

import hashlib
from datetime import date, datetime
from typing import Final, Literal
from uuid import UUID

import msgspec
from msgspec import Struct

from protocol.events import LineKind, Method
from protocol.tax import Tax
from protocol.totals import ReceiptTotals, undiscounted_amount

cart_lines_max: Final = 500
cart_tenders_max: Final = 20
parked_max: Final = 50


class Person(Struct, frozen=True):
    """A cashier or supervisor, without anything secret."""

    cashier_id: UUID
    number: str
    name: str
    role: Literal["cashier", "supervisor"]


class Money(Struct, frozen=True):
    """What went in and out of a method of payment during a shift, in minor units."""

    in_minor: int = 0
    out_minor: int = 0


class Shift(Struct, frozen=True):
    """An open shift. `cash_minor` is what the drawer should hold: contract, section 7, all `cash` entries."""

    shift_id: UUID
    cashier_id: UUID | None
    business_date: date
    opened_at: datetime
    float_minor: int
    cash_minor: int
    methods: dict[str, Money] = {}
    sales_count: int = 0
    sales_minor: int = 0
    refunds_count: int = 0
    refunds_minor: int = 0
    voids_count: int = 0
    no_sales_count: int = 0


class CartLine(Struct, frozen=True, kw_only=True):
    """A line of the open sale: what it is, what was said of it by hand, and (below) what it costs now.

    `own_price_minor` and `own_discount_minor` are a cashier's, `price_inside` came with the barcode; each of them
    takes the line out of all price rules.
    """

    line: int
    kind: LineKind = "product"
    product_id: UUID | None
    sku: str | None
    name: str
    category: str | None = None
    barcode: str | None = None
    unit: str = "C62"
    quantity_milli: int
    list_price_minor: int
    price_quantity_milli: int
    rule_quantity_milli: int
    taxes: tuple[Tax, ...] = ()
    age_min: int | None = None
    age_confirmed: bool = False
    price_inside: bool = False
    own_price_minor: int | None = None
    own_price_quantity_milli: int | None = None
    own_discount_minor: int | None = None
    own_discount_ppm: int | None = None
    approved_by: UUID | None = None
    lot: str | None = None
    expires: date | None = None
    serial: str | None = None
    unit_price_minor: int = 0
    unit_price_quantity_milli: int = 1000
    discount_minor: int = 0
    price_rule_id: str | None = None

    @property
    def undiscounted_minor(self) -> int:
        return undiscounted_amount(self.unit_price_minor, self.quantity_milli, self.unit_price_quantity_milli)

    @property
    def amount_minor(self) -> int:
        """The line amount (contract, section 6)."""
        return self.undiscounted_minor - self.discount_minor

    @property
    def list_amount_minor(self) -> int:
        return undiscounted_amount(self.list_price_minor, self.quantity_milli, self.price_quantity_milli)


class TenderEntry(Struct, frozen=True):
    """A part of what is due that was handed over already."""

    method: Method
    amount_minor: int
    tendered_minor: int
    change_minor: int = 0
    tender_type: str | None = None
    voucher_code: str | None = None
    reference: str | None = None


class ReceiptDiscount(Struct, frozen=True):
    """A discount of the whole receipt: minor units, or parts per million of the line amounts."""

    discount_minor: int | None
    percent_ppm: int | None
    approved_by: UUID | None


class Cart(Struct, frozen=True):
    """The open sale as the customer sees it; `totals` belong to `lines` as they stand."""

    cart_id: UUID
    opened_at: datetime
    lines: tuple[CartLine, ...]
    totals: ReceiptTotals
    next_line: int
    tenders: tuple[TenderEntry, ...] = ()
    discount: ReceiptDiscount | None = None

    @property
    def tendered_minor(self) -> int:
        return sum(tender.amount_minor for tender in self.tenders)

    @property
    def due_minor(self) -> int:
        """What is left to pay, before cash rounding."""
        return self.totals.gross_minor - self.tendered_minor

    @property
    def revision(self) -> str:
        """Sixteen hex digits that stand for what a person sees of this cart: same sale, lines, prices and tenders."""
        seen = msgspec.json.encode((self.cart_id, self.lines, self.tenders, self.totals.gross_minor))
        return hashlib.sha256(seen).hexdigest()[:16]


class ParkedSale(Struct, frozen=True):
    parked_id: UUID
    label: str | None
    parked_at: datetime
    cart: Cart


class Perpetual(Struct, frozen=True):
    """Totals of the epoch, never reset (contract, `SHIFT_CLOSE`)."""

    total_sales_minor: int = 0
    total_refunds_minor: int = 0
    total_receipts: int = 0
    z_number: int = 0


class RegisterState(Struct, frozen=True):
    """All that a decision looks at, beside its command and what was looked up for it."""

    cashier: Person | None = None
    shift: Shift | None = None
    cart: Cart | None = None
    parked: tuple[ParkedSale, ...] = ()
    last_business_date: date | None = None
    last_receipt_number: str | None = None
    perpetual: Perpetual = Perpetual()
