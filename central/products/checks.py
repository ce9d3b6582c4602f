"""What a set-up body must be beyond its shape: spans, units, values of rules, sizes; all without the database.

Each check raises `Invalid` with the field that is wrong (contract, section 12).
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

import msgspec

from central.http import Invalid
from central.products.shapes import (
    BarcodeBody,
    MultibuyBody,
    PriceBody,
    PriceRuleBody,
    ProductBody,
    TaxComponentBody,
    TaxGroupBody,
)
from central.products.units import UNITS
from protocol.barcodes import BarcodeError, canonical_barcode
from protocol.money import PPM
from protocol.tax import TAXES_PER_LINE_MAX

attributes_bytes_max: Final = 16 * 1024
attributes_depth_max: Final = 8
keys_remembered_max: Final = 8_192
years: Final = range(2000, 2100)


def check_tax_group(body: TaxGroupBody) -> None:
    """Spans run forwards, and no line would bear more taxes than arithmetic takes."""
    for index, component in enumerate(body.components):
        check_span(component.valid_from, component.valid_to, f"components[{index}].valid_from")
    if _taxes_at_once(body.components) > TAXES_PER_LINE_MAX:
        raise Invalid(f"at some place and date more than {TAXES_PER_LINE_MAX} taxes count", field="components")


def _taxes_at_once(components: Sequence[TaxComponentBody]) -> int:
    """The most components that count at one place on one date."""
    if len(components) <= TAXES_PER_LINE_MAX:
        return len(components)
    most = 0
    for day in {component.valid_from or date.min for component in components}:
        counting = [c for c in components if (c.valid_from or date.min) <= day <= (c.valid_to or date.max)]
        places = Counter(place for c in counting if c.location_ids is not None for place in set(c.location_ids))
        everywhere = sum(1 for c in counting if c.location_ids is None)
        most = max(most, everywhere + max(places.values(), default=0))
    return most


def check_product(body: ProductBody) -> None:
    """The unit is one of UN/ECE Recommendation 20, and `attributes` keep their bounds."""
    if body.unit not in UNITS:
        raise Invalid("the unit is not a code of UN/ECE Recommendation 20, as C62, KGM or LTR", field="unit")
    if body.attributes:
        check_attributes(body.attributes)


def check_attributes(attributes: dict[str, Any]) -> None:
    if nesting(attributes) > attributes_depth_max:
        raise Invalid(f"attributes are nested deeper than {attributes_depth_max}", field="attributes")
    if len(msgspec.json.encode(attributes)) > attributes_bytes_max:
        raise Invalid(f"attributes take more than {attributes_bytes_max:,} bytes", field="attributes")


def check_nesting(fields: dict[str, Any]) -> None:
    """Refuse what is nested deeper than any field may be, before anything walks through it."""
    if nesting(fields) > attributes_depth_max + 1:
        raise Invalid(f"attributes are nested deeper than {attributes_depth_max}", field="attributes")


def nesting(value: Any) -> int:
    """How many objects and lists stand in each other, counted level by level, and no further than is refused."""
    depth, level = 0, [value] if isinstance(value, dict | list) else []
    while level and depth <= attributes_depth_max + 1:
        depth += 1
        level = [inner for outer in level for inner in _inside(outer) if isinstance(inner, dict | list)]
    return depth


def _inside(value: dict[str, Any] | list[Any]) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value


def barcode_bodies(given: Iterable[BarcodeBody | str]) -> tuple[BarcodeBody, ...]:
    """Barcodes with a plain string written out: it is short for one piece."""
    return tuple(BarcodeBody(barcode=one) if isinstance(one, str) else one for one in given)


def barcode_keys(barcodes: Sequence[BarcodeBody]) -> tuple[str, ...]:
    """The form in which each barcode is looked up; two of one product may not be the same."""
    keys = tuple(barcode_key(one.barcode, f"barcodes[{index}]") for index, one in enumerate(barcodes))
    if len(set(keys)) != len(keys):
        raise Invalid("two of the barcodes are the same one", field="barcodes")
    return keys


@lru_cache(maxsize=keys_remembered_max)
def lookup_key(barcode: str) -> str:
    """The form in which a barcode is looked up: a UPC-A and its EAN-13 with a leading 0 have the same.

    Raises `BarcodeError`. An import asks for each of its barcodes several times within a batch.
    """
    return canonical_barcode(barcode)


def barcode_key(barcode: str, field: str) -> str:
    """The form in which a barcode of a body is looked up; raises `Invalid` with the field."""
    try:
        return lookup_key(barcode)
    except BarcodeError as error:
        raise Invalid(f"not a barcode: {error}", field=field) from error


def check_price(body: PriceBody) -> None:
    if (body.product_id is None) == (body.sku is None):
        raise Invalid("a price names its product by product_id or by sku", field="product_id")
    check_span(body.valid_from, body.valid_to, "valid_from")


def check_span(start: date | None, end: date | None, field: str) -> None:
    if start is not None and end is not None and start > end:
        raise Invalid("the span ends before it starts", field=field)


def check_price_rule(body: PriceRuleBody) -> None:
    """A rule names what it is for, its spans run forwards, and its value fits its kind (contract, section 6)."""
    if body.product_ids is None and body.category is None:
        raise Invalid("a rule names product_ids or a category", field="product_ids")
    for field in ("starts_at", "ends_at"):
        moment = getattr(body, field)
        if moment is not None and moment.year not in years:
            raise Invalid("a time lies in 2000 to 2099", field=field)
    if body.starts_at is not None and body.ends_at is not None and body.starts_at > body.ends_at:
        raise Invalid("the rule ends before it starts", field="starts_at")
    if isinstance(body.value, MultibuyBody):
        _check_multibuy(body, body.value)
    elif body.kind == "multibuy":
        raise Invalid('the value of a multibuy is {"take", "pay_for"} or {"take", "price_minor"}', field="value")
    elif body.kind == "percent_off" and body.value > PPM:
        raise Invalid("a percent_off takes 1,000,000 parts per million at most", field="value")


def _check_multibuy(body: PriceRuleBody, value: MultibuyBody) -> None:
    if body.kind != "multibuy":
        raise Invalid(f"the value of {body.kind} is an integer", field="value")
    if (value.pay_for is None) == (value.price_minor is None):
        raise Invalid("a multibuy has either pay_for or price_minor", field="value")
    if value.pay_for is not None and value.pay_for >= value.take:
        raise Invalid("a multibuy takes more than it is paid for", field="value")


def added_ids(now: Sequence[UUID] | None, before: Sequence[UUID] | None) -> set[UUID]:
    """The ids that a change names and what was there did not: those must exist, the others once did."""
    return set(now or ()) - set(before or ())
