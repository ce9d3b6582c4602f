"""Rounding, currencies and sharing out: nothing is lost and −x is the mirror of x."""

from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from math import floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.money import (
    AMOUNT_MAX,
    CURRENCY_EXPONENTS,
    UnknownCurrencyError,
    cash_rounding,
    currency_exponent,
    percent_of,
    round_half_up,
    scaled,
    share_out,
)

amounts = st.integers(-AMOUNT_MAX, AMOUNT_MAX)
weights = st.lists(st.integers(0, AMOUNT_MAX) | st.fractions(0, 1000, max_denominator=997), max_size=12)


@pytest.mark.parametrize(
    ("code", "exponent"), [("EUR", 2), ("USD", 2), ("JPY", 0), ("KWD", 3), ("CLF", 4), ("ISK", 0), ("XCG", 2)]
)
def test_a_currency_has_the_exponent_of_iso_4217(code: str, exponent: int) -> None:
    assert exponent == currency_exponent(code)


@pytest.mark.parametrize("code", ["", "eur", "XXX", "ZZZ", "XAU"])
def test_a_code_without_a_minor_unit_is_no_currency(code: str) -> None:
    with pytest.raises(UnknownCurrencyError, match="ISO 4217"):
        currency_exponent(code)


def test_every_currency_code_is_three_capitals() -> None:
    assert all(len(code) == 3 and code.isalpha() and code.isupper() for code in CURRENCY_EXPONENTS)
    assert len(CURRENCY_EXPONENTS) > 165


@pytest.mark.parametrize(
    ("numerator", "denominator", "rounded"),
    [(5, 2, 3), (-5, 2, -3), (1, 2, 1), (-1, 2, -1), (49, 100, 0), (-49, 100, 0), (0, 7, 0), (7, 1, 7)],
)
def test_halves_go_away_from_zero(numerator: int, denominator: int, rounded: int) -> None:
    assert rounded == round_half_up(numerator, denominator)
    assert rounded == round_half_up(Fraction(numerator, denominator))


@given(amounts, st.integers(1, 10**9))
def test_rounding_a_negative_number_mirrors_the_positive_one(numerator: int, denominator: int) -> None:
    assert round_half_up(-numerator, denominator) == -round_half_up(numerator, denominator)


@given(amounts, st.integers(0, 6))
def test_rounding_agrees_with_decimal_arithmetic(numerator: int, places: int) -> None:
    by_decimal = Decimal(numerator).scaleb(-places).to_integral_value(ROUND_HALF_UP)

    assert int(by_decimal) == round_half_up(numerator, 10**places)


@pytest.mark.parametrize(
    ("cash_part", "unit", "rounding"),
    [(1002, 5, -2), (1003, 5, 2), (1005, 5, 0), (1005, 10, 5), (2, 5, -2), (1999, 1, 0), (-1003, 5, -2)],
)
def test_a_cash_part_is_brought_to_the_coin(cash_part: int, unit: int, rounding: int) -> None:
    assert rounding == cash_rounding(cash_part, unit)


@given(amounts, st.integers(1, 1000))
def test_cash_rounding_moves_by_half_a_coin_at_most(cash_part: int, unit: int) -> None:
    rounding = cash_rounding(cash_part, unit)

    assert (cash_part + rounding) % unit == 0
    assert 2 * abs(rounding) <= unit


@given(amounts, weights)
def test_shares_add_up_to_what_is_shared(amount: int, by: list[int | Fraction]) -> None:
    shares = share_out(amount, by)

    assert len(by) == len(shares)
    assert sum(shares) == (amount if sum(by) else 0)


@given(amounts, weights)
def test_each_share_is_within_one_unit_of_its_quota(amount: int, by: list[int | Fraction]) -> None:
    total = sum(by)
    for share, weight in zip(share_out(amount, by), by, strict=True):
        quota = Fraction(amount * weight, total) if total else Fraction(0)
        assert abs(share - quota) < 1


@given(amounts, weights)
def test_sharing_a_negative_amount_mirrors_the_positive_one(amount: int, by: list[int | Fraction]) -> None:
    assert share_out(-amount, by) == [-share for share in share_out(amount, by)]


@given(st.integers(0, AMOUNT_MAX), weights.filter(lambda by: sum(by) > 0))
def test_the_units_left_go_to_the_largest_fractions_and_then_the_earlier_line(
    amount: int, by: list[int | Fraction]
) -> None:
    """Read from the contract's words, one unit at a time, with fractions."""
    quotas = [Fraction(amount) * Fraction(weight) / sum(by) for weight in by]
    expected = [floor(quota) for quota in quotas]
    waiting = list(range(len(by)))
    while sum(expected) < amount:
        best = max(waiting, key=lambda index: (quotas[index] - floor(quotas[index]), -index))
        waiting.remove(best)
        expected[best] += 1

    assert expected == share_out(amount, by)


def test_ties_go_to_the_earlier_line() -> None:
    assert share_out(10, [1, 1, 1]) == [4, 3, 3]
    assert share_out(5, [7, 7, 7]) == [2, 2, 1]
    assert share_out(5, [0, 0]) == [0, 0]
    assert share_out(5, []) == []


def test_a_percentage_is_rounded_half_up() -> None:
    assert percent_of(125, 100_000) == 13
    assert percent_of(-125, 100_000) == -13


@pytest.mark.parametrize(
    ("digits", "decimals", "exponent", "units"), [(1234, 3, 3, 1234), (1234, 2, 2, 1234), (125, 1, 0, 13)]
)
def test_printed_digits_become_units(digits: int, decimals: int, exponent: int, units: int) -> None:
    assert units == scaled(digits, decimals, exponent)
