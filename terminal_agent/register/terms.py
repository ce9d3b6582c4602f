"""What a register sells by at a moment: the place, its settings, its rules; and what was looked up for a command."""

from collections.abc import Callable
from datetime import date, datetime
from typing import Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from msgspec import Struct

from protocol.barcodes import InStoreBarcode
from protocol.events import LineKind, Method, Refund, Sale
from protocol.pricing import PriceRule
from protocol.refund import GivenBack
from protocol.tax import PriceMode, Tax, TaxRounding
from terminal_agent.register.state import Person

SupervisorNeed = Literal["never", "offline", "other_till", "always"]


class TenderType(Struct, frozen=True):
    """One of the shop's ways to pay, of the setting `tender_types`."""

    code: str
    method: Method
    name: str | None = None
    opens_drawer: bool = False
    change_allowed: bool = False
    refundable: bool = True


class Settings(Struct, frozen=True, kw_only=True):
    """The settings of contract, section 2, that a register goes by; unknown ones are passed over."""

    price_mode: PriceMode | None = None
    tax_rounding: TaxRounding | None = None
    cash_rounding_minor: int | None = None
    refund_window_days: int | None = None
    receipt_days_on_till: int | None = None
    refund_needs_supervisor: SupervisorNeed = "never"
    offline_refund_limit_minor: int | None = None
    discount_max_ppm: int | None = None
    voucher_offline_max_minor: int | None = None
    refund_to_original_tender: bool | None = None
    tender_types: tuple[TenderType, ...] | None = None
    in_store_barcodes: tuple[InStoreBarcode, ...] | None = None


class Terms(Struct, frozen=True, kw_only=True):
    """By what a sale is reckoned, here and now."""

    location_id: str
    currency: str
    price_mode: PriceMode
    tax_rounding: TaxRounding
    cash_rounding_minor: int
    zone: ZoneInfo
    settings: Settings = Settings()
    rules: tuple[PriceRule, ...] = ()
    catalogue_through: str | None = None


class Sellable(Struct, frozen=True, kw_only=True):
    """A product as it is sold here today; `quantity_milli` is what its barcode stands for, or holds."""

    kind: LineKind = "product"
    product_id: UUID | None
    sku: str | None
    name: str
    category: str | None = None
    unit: str = "C62"
    barcode: str | None = None
    quantity_milli: int = 1000
    list_price_minor: int
    price_quantity_milli: int = 1000
    rule_quantity_milli: int = 1000
    price_inside: bool = False
    open_price: bool = False
    age_min: int | None = None
    taxes: tuple[Tax, ...] = ()
    lot: str | None = None
    expires: date | None = None
    serial: str | None = None


class KnownReceipt(Struct, frozen=True, kw_only=True):
    """A sale or refund that a register was asked about: its own journal's, or the replica's.

    `given` is what refunds of each line gave so far, by line: central's word and the terminal's own.
    """

    document: Sale | Refund
    business_date: date
    own: bool
    voided: bool = False
    refunded: bool = False
    given: dict[int, GivenBack] = {}


class Given(Struct, frozen=True, kw_only=True):
    """The moment of a command, and all that had to be looked up for it. `ids` makes a new id at each call."""

    at: datetime
    ids: Callable[[], UUID]
    terms: Terms
    today: date
    server_date: date | None = None
    online: bool = False
    disk_short: bool = False
    person: Person | None = None
    supervisor: Person | None = None
    sellable: Sellable | None = None
    receipt: KnownReceipt | None = None
    voucher_balance_minor: int | None = None
