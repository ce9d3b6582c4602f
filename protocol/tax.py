"""Tax groups by place and date, and the exact factor by which each of a line's taxes follows from its amount."""

from datetime import date
from fractions import Fraction
from functools import lru_cache
from math import lcm
from typing import Final, Literal, NamedTuple

import msgspec

from protocol.money import PPM

PriceMode = Literal["tax_inclusive", "tax_exclusive"]
TaxRounding = Literal["receipt", "line"]

TAXES_PER_LINE_MAX: Final = 16
"""More taxes on one line are taken for a mistake: exact compound factors grow by six digits with each."""

FACTORS_KEPT_MAX: Final = 4_096
"""Combinations of taxes whose factors are remembered in a process."""


class TaxFactorError(ValueError):
    """The taxes of a line have no factor: a rate below 0, or more than `TAXES_PER_LINE_MAX` of them."""


class Tax(NamedTuple):
    """A tax as a line bears it. The order in which a line's taxes stand is the order of application."""

    code: str
    rate_ppm: int
    compound: bool = False


class TaxComponent(msgspec.Struct, frozen=True):
    """A tax of a group, with the dates (both inclusive, null = open) and the places (null = all) where it counts."""

    code: str
    rate_ppm: int
    compound: bool = False
    valid_from: date | None = None
    valid_to: date | None = None
    location_ids: tuple[str, ...] | None = None

    def counts_at(self, location_id: str, business_date: date) -> bool:
        """Whether dates and places admit it (contract, section 2, `POST /v1/tax-groups`)."""
        return (
            (self.valid_from is None or self.valid_from <= business_date)
            and (self.valid_to is None or business_date <= self.valid_to)
            and (self.location_ids is None or location_id in self.location_ids)
        )


class TaxGroup(msgspec.Struct, frozen=True):
    """What a product's `tax_group_id` names: components in order of application."""

    tax_group_id: str
    components: tuple[TaxComponent, ...]


def components_at(group: TaxGroup, location_id: str, business_date: date) -> tuple[Tax, ...]:
    """The taxes that a line of this group bears at a location on a business date, in order of application."""
    return tuple(
        Tax(component.code, component.rate_ppm, component.compound)
        for component in group.components
        if component.counts_at(location_id, business_date)
    )


def exact_factors(price_mode: PriceMode, taxes: tuple[Tax, ...]) -> tuple[Fraction, ...]:
    """Each tax's share of the line amount: f = r, or r × (1 + the f before it) where compound (contract, section 6).

    In `tax_inclusive` mode the amount holds the taxes, so each is divided by 1 + the sum of all f.
    Raises `TaxFactorError`.
    """
    if len(taxes) > TAXES_PER_LINE_MAX:
        raise TaxFactorError(f"a line bears {len(taxes)} taxes; {TAXES_PER_LINE_MAX} is the most")
    factors: list[Fraction] = []
    before = Fraction(0)
    for _, rate_ppm, compound in taxes:
        if rate_ppm < 0:
            raise TaxFactorError(f"a tax rate of {rate_ppm} ppm is below 0")
        rate = Fraction(rate_ppm, PPM)
        factor = rate * (1 + before) if compound else rate
        factors.append(factor)
        before += factor
    if price_mode == "tax_inclusive":
        return tuple(factor / (1 + before) for factor in factors)
    return tuple(factors)


RowKey = tuple[str, int]
"""What a receipt's tax row is known by: code and rate_ppm."""


@lru_cache(maxsize=FACTORS_KEPT_MAX)
def common_factors(price_mode: PriceMode, taxes: tuple[Tax, ...]) -> tuple[int, tuple[tuple[RowKey, int], ...]]:
    """The factors of `exact_factors` over one denominator: (denominator, ((code and rate, numerator), …)).

    An exact tax is then amount × numerator / denominator, in integers, which is what makes recounting a sale cheap.
    Raises `TaxFactorError`.
    """
    factors = exact_factors(price_mode, taxes)
    denominator = lcm(*[factor.denominator for factor in factors])
    return denominator, tuple(
        ((code, rate_ppm), factor.numerator * (denominator // factor.denominator))
        for (code, rate_ppm, _), factor in zip(taxes, factors, strict=True)
    )
