"""What set-up calls of this domain are told and answer: tax groups, products, prices and price rules.

Fields are the contract's, section 2; bounds are of facts that a client may run into (names of 200 characters, 32
barcodes a product). A thing answers every field that it was created with, its id and its `revision` (section 12).
"""

from datetime import date, datetime
from typing import Annotated, Any, Final, Literal, TypeAlias
from uuid import UUID

from msgspec import Meta, Struct

from protocol.events import amount_max

name_characters_max: Final = 200
code_characters_max: Final = 64
barcode_characters_max: Final = 64
barcodes_per_product_max: Final = 32
components_per_group_max: Final = 200
locations_per_thing_max: Final = 1_000
products_per_rule_max: Final = 5_000
rate_ppm_max: Final = 10_000_000
age_max: Final = 150
priority_max: Final = 2**31 - 1

Name: TypeAlias = Annotated[str, Meta(min_length=1, max_length=name_characters_max)]
Code: TypeAlias = Annotated[str, Meta(min_length=1, max_length=code_characters_max)]
BarcodeText: TypeAlias = Annotated[str, Meta(min_length=1, max_length=barcode_characters_max)]
Price: TypeAlias = Annotated[int, Meta(ge=0, le=amount_max)]
PieceQuantity: TypeAlias = Annotated[int, Meta(ge=1, le=amount_max)]
Rate: TypeAlias = Annotated[int, Meta(ge=0, le=rate_ppm_max)]
Locations: TypeAlias = Annotated[tuple[UUID, ...], Meta(min_length=1, max_length=locations_per_thing_max)]
Weekday: TypeAlias = Annotated[int, Meta(ge=1, le=7)]
TimeOfDay: TypeAlias = Annotated[str, Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?\Z")]
RuleKind: TypeAlias = Literal["fixed_price", "percent_off", "amount_off", "multibuy"]


class TaxComponentBody(Struct, frozen=True, kw_only=True):
    """A tax of a group, where and when it counts; dates are inclusive, null = open, null = all locations."""

    code: Code
    rate_ppm: Rate
    compound: bool = False
    valid_from: date | None = None
    valid_to: date | None = None
    location_ids: Locations | None = None


class TaxGroupBody(Struct, frozen=True, kw_only=True):
    """`POST /v1/tax-groups`; components stand in order of application."""

    code: Code
    name: Name
    components: Annotated[tuple[TaxComponentBody, ...], Meta(max_length=components_per_group_max)] = ()


class TaxGroupAnswer(TaxGroupBody, frozen=True, kw_only=True):
    tax_group_id: UUID
    revision: int


class BarcodeBody(Struct, frozen=True, kw_only=True):
    """A barcode of a product: what quantity it stands for, and its own price for that quantity, if any."""

    barcode: BarcodeText
    quantity_milli: PieceQuantity = 1_000
    price_minor: Price | None = None


class ProductBody(Struct, frozen=True, kw_only=True):
    """`POST /v1/products`; a plain string is short for a barcode of one piece."""

    sku: Code
    name: Name
    unit: Annotated[str, Meta(min_length=1, max_length=3)] = "C62"
    price_minor: Price
    price_quantity_milli: PieceQuantity = 1_000
    open_price: bool = False
    age_min: Annotated[int, Meta(ge=0, le=age_max)] | None = None
    tax_group_id: UUID
    barcodes: Annotated[tuple[BarcodeBody | BarcodeText, ...], Meta(max_length=barcodes_per_product_max)] = ()
    category: Name | None = None
    attributes: dict[str, Any] = {}


class PriceBody(Struct, frozen=True, kw_only=True):
    """`POST /v1/prices`: a price by place and date of a product, named by `product_id` or `sku`."""

    product_id: UUID | None = None
    sku: Code | None = None
    barcode: BarcodeText | None = None
    location_ids: Locations | None = None
    price_minor: Price
    valid_from: date | None = None
    valid_to: date | None = None


class PriceAnswer(Struct, frozen=True, kw_only=True):
    price_id: UUID
    product_id: UUID
    sku: str
    barcode: str | None
    location_ids: tuple[UUID, ...] | None
    price_minor: int
    valid_from: date | None
    valid_to: date | None
    revision: int


class ProductAnswer(Struct, frozen=True, kw_only=True):
    """A product with its prices by place and date (for a terminal: those of its location alone)."""

    product_id: UUID
    sku: str
    name: str
    unit: str
    price_minor: int
    price_quantity_milli: int
    open_price: bool
    age_min: int | None
    tax_group_id: UUID
    barcodes: tuple[BarcodeBody, ...]
    category: str | None
    attributes: dict[str, Any]
    revision: int
    prices: tuple[PriceAnswer, ...] = ()


class MultibuyBody(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`{"take": 3, "pay_for": 2}` or `{"take": 3, "price_minor": 500}`."""

    take: Annotated[int, Meta(ge=2, le=1_000_000)]
    pay_for: Annotated[int, Meta(ge=0, le=1_000_000)] | None = None
    price_minor: Price | None = None


class PriceRuleBody(Struct, frozen=True, kw_only=True):
    """`POST /v1/price-rules`; what a rule does is in the contract, section 6."""

    name: Name
    kind: RuleKind
    value: Price | MultibuyBody
    product_ids: Annotated[tuple[UUID, ...], Meta(min_length=1, max_length=products_per_rule_max)] | None = None
    category: Name | None = None
    location_ids: Locations | None = None
    starts_at: Annotated[datetime, Meta(tz=True)] | None = None
    ends_at: Annotated[datetime, Meta(tz=True)] | None = None
    days_of_week: Annotated[tuple[Weekday, ...], Meta(min_length=1, max_length=7)] | None = None
    time_from: TimeOfDay | None = None
    time_to: TimeOfDay | None = None
    min_quantity_milli: Annotated[int, Meta(ge=0, le=amount_max)] = 0
    priority: Annotated[int, Meta(ge=-priority_max, le=priority_max)] = 0


class PriceRuleAnswer(PriceRuleBody, frozen=True, kw_only=True):
    price_rule_id: UUID
    revision: int


class LookupTax(Struct, frozen=True):
    code: str
    rate_ppm: int
    compound: bool


class LookupAnswer(Struct, frozen=True, kw_only=True):
    """A product as a location sells `quantity_milli` of it now (contract, sections 2 and 6)."""

    product_id: UUID
    sku: str
    name: str
    unit: str
    category: str | None
    quantity_milli: int
    list_price_minor: int
    unit_price_minor: int
    discount_minor: int
    price_quantity_milli: int
    price_rule_id: UUID | None
    open_price: bool
    age_min: int | None
    taxes: tuple[LookupTax, ...]


class RefusedRow(Struct, frozen=True):
    """A row of an import that was not taken; `line` counts from 1, in CSV the header is line 1."""

    line: int
    field: str | None
    reason: str


class ImportAnswer(Struct, frozen=True):
    created: int
    changed: int
    unchanged: int
    refused: tuple[RefusedRow, ...]
    refused_count: int


class RevisionBody(Struct, frozen=True):
    """The body that a DELETE may have."""

    revision: int | None = None


class LookupQuery(Struct, frozen=True, kw_only=True):
    barcode: Annotated[str, Meta(min_length=1, max_length=512)]
    location_id: str | None = None


class TaxGroupsPage(Struct, frozen=True):
    tax_groups: tuple[TaxGroupAnswer, ...]
    next_cursor: str | None


class ProductsPage(Struct, frozen=True):
    products: tuple[ProductAnswer, ...]
    next_cursor: str | None


class PricesPage(Struct, frozen=True):
    prices: tuple[PriceAnswer, ...]
    next_cursor: str | None


class PriceRulesPage(Struct, frozen=True):
    price_rules: tuple[PriceRuleAnswer, ...]
    next_cursor: str | None
