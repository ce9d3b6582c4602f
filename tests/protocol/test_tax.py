"""Tax groups: which taxes count where and when, and their exact factors."""

from datetime import date
from fractions import Fraction

import pytest

from protocol.tax import PriceMode, Tax, TaxComponent, TaxGroup, common_factors, components_at, exact_factors

BERLIN, VIENNA = "location-berlin", "location-vienna"
GROUP = TaxGroup(
    "standard",
    (
        TaxComponent("EXCISE", 40_000, location_ids=(VIENNA,)),
        TaxComponent("VAT", 160_000, valid_from=date(2020, 7, 1), valid_to=date(2020, 12, 31)),
        TaxComponent("VAT", 190_000, valid_to=date(2020, 6, 30)),
        TaxComponent("VAT", 190_000, compound=True, valid_from=date(2021, 1, 1)),
    ),
)


@pytest.mark.parametrize(
    ("location", "on", "taxes"),
    [
        (BERLIN, date(2020, 6, 30), (Tax("VAT", 190_000),)),
        (BERLIN, date(2020, 7, 1), (Tax("VAT", 160_000),)),
        (BERLIN, date(2020, 12, 31), (Tax("VAT", 160_000),)),
        (VIENNA, date(2021, 1, 1), (Tax("EXCISE", 40_000), Tax("VAT", 190_000, compound=True))),
    ],
)
def test_a_component_counts_where_its_dates_and_places_admit_it(
    location: str, on: date, taxes: tuple[Tax, ...]
) -> None:
    assert taxes == components_at(GROUP, location, on)


@pytest.mark.parametrize(
    ("mode", "taxes", "factors"),
    [
        ("tax_exclusive", (Tax("A", 190_000),), [Fraction(19, 100)]),
        ("tax_inclusive", (Tax("A", 190_000),), [Fraction(19, 119)]),
        ("tax_exclusive", (Tax("A", 62_500), Tax("B", 22_500)), [Fraction(1, 16), Fraction(9, 400)]),
        ("tax_exclusive", (Tax("A", 40_000), Tax("B", 62_500, True)), [Fraction(1, 25), Fraction(13, 200)]),
        ("tax_inclusive", (Tax("A", 100_000), Tax("B", 100_000, True)), [Fraction(10, 121), Fraction(11, 121)]),
        ("tax_inclusive", (Tax("A", 100_000, True),), [Fraction(1, 11)]),
        ("tax_inclusive", (), []),
    ],
)
def test_factors_are_exact(mode: PriceMode, taxes: tuple[Tax, ...], factors: list[Fraction]) -> None:
    denominator, keyed = common_factors(mode, taxes)

    assert tuple(factors) == exact_factors(mode, taxes)
    assert factors == [Fraction(numerator, denominator) for _, numerator in keyed]
