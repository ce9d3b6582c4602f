"""A receipt's totals: what is rounded once stays one figure, and every line's shares add up to it."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.money import AMOUNT_MAX
from protocol.tax import PriceMode, Tax, TaxFactorError, TaxRounding
from protocol.totals import (
    ReceiptTotals,
    TaxedLine,
    TaxRow,
    line_amount,
    receipt_cash_rounding,
    receipt_discount_shares,
    receipt_totals,
    sum_up,
)
from tests.protocol import reference_totals

VAT = Tax("VAT-S", 190_000)
REDUCED = Tax("VAT-R", 70_000)
EXCISE = Tax("EXCISE", 40_000)
STATE = Tax("STATE", 62_500)
STATE_ON_TOP = Tax("STATE", 62_500, compound=True)

taxes = st.lists(
    st.builds(
        Tax,
        st.sampled_from(["VAT", "STATE", "CITY"]),
        st.sampled_from([0, 1, 10_000, 62_500, 190_000, 1_000_000]),
        st.booleans(),
    ),
    max_size=3,
).map(tuple)
modes = st.sampled_from(["tax_inclusive", "tax_exclusive"])
roundings = st.sampled_from(["receipt", "line"])
receipts = st.lists(
    st.builds(TaxedLine, st.integers(1, 99), st.integers(0, 5_000) | st.integers(0, AMOUNT_MAX), taxes),
    max_size=8,
    unique_by=lambda line: line.line,
)


def checked(lines: list[TaxedLine], mode: PriceMode, rounding: TaxRounding) -> ReceiptTotals:
    """The totals, after what must hold of every receipt."""
    totals = receipt_totals(lines, mode, rounding)
    assert [line.line for line in lines] == [line.line for line in totals.lines]
    assert totals.net_minor + totals.tax_minor == totals.gross_minor
    assert sum(row.amount_minor for row in totals.taxes) == totals.tax_minor
    assert sum(line.net_minor for line in totals.lines) == totals.net_minor
    assert sum(line.gross_minor for line in totals.lines) == totals.gross_minor
    for sold, line in zip(lines, totals.lines, strict=True):
        assert line.gross_minor == line.net_minor + sum(tax.amount_minor for tax in line.taxes)
        assert sold.amount_minor == (line.gross_minor if mode == "tax_inclusive" else line.net_minor)
    return totals


@given(receipts, modes, roundings)
def test_the_fast_arithmetic_agrees_with_the_contract_read_word_by_word(
    lines: list[TaxedLine], mode: PriceMode, rounding: TaxRounding
) -> None:
    totals = checked(lines, mode, rounding)

    assert reference_totals.tax_amounts(lines, mode, rounding) == {
        line.line: [tax.amount_minor for tax in line.taxes] for line in totals.lines
    }
    assert reference_totals.rows(lines, mode, rounding) == {
        (row.code, row.rate_ppm): (row.base_minor, row.amount_minor) for row in totals.taxes
    }


@given(receipts, modes, roundings)
def test_no_tax_of_a_sale_comes_out_below_zero(lines: list[TaxedLine], mode: PriceMode, rounding: TaxRounding) -> None:
    totals = receipt_totals(lines, mode, rounding)

    assert all(tax.amount_minor >= 0 for line in totals.lines for tax in line.taxes)


@given(receipts, modes, roundings, st.randoms())
def test_the_order_in_which_lines_stand_does_not_matter(
    lines: list[TaxedLine], mode: PriceMode, rounding: TaxRounding, random: Random
) -> None:
    mixed = list(lines)
    random.shuffle(mixed)

    def by_line(totals: ReceiptTotals) -> object:
        return sorted(totals.lines, key=lambda line: line.line)

    assert by_line(receipt_totals(lines, mode, rounding)) == by_line(receipt_totals(mixed, mode, rounding))


@given(receipts, modes, roundings)
def test_a_broken_sale_of_negative_lines_mirrors_the_positive_one(
    lines: list[TaxedLine], mode: PriceMode, rounding: TaxRounding
) -> None:
    mirrored = [line._replace(amount_minor=-line.amount_minor) for line in lines]

    assert receipt_totals(mirrored, mode, rounding).tax_minor == -receipt_totals(lines, mode, rounding).tax_minor


def test_rounding_by_receipt_rounds_each_rate_once() -> None:
    """Three lines of 0.99 gross at 19 %: 0.4742 exactly, so 0.47, of which the first line bears a cent less."""
    totals = checked([TaxedLine(n, 99, (VAT,)) for n in (1, 2, 3)], "tax_inclusive", "receipt")

    assert [line.taxes[0].amount_minor for line in totals.lines] == [16, 16, 15]
    assert (TaxRow("VAT-S", 190_000, 250, 47),) == totals.taxes


def test_rounding_by_line_rounds_each_line() -> None:
    totals = checked([TaxedLine(n, 99, (VAT,)) for n in (1, 2, 3)], "tax_inclusive", "line")

    assert (TaxRow("VAT-S", 190_000, 249, 48),) == totals.taxes


def test_a_code_simple_on_one_line_and_compound_on_another_makes_one_row() -> None:
    lines = [TaxedLine(1, 1_000, (STATE,)), TaxedLine(2, 1_000, (EXCISE, STATE_ON_TOP))]

    totals = checked(lines, "tax_exclusive", "receipt")

    assert (TaxRow("STATE", 62_500, 2_040, 128), TaxRow("EXCISE", 40_000, 1_000, 40)) == totals.taxes
    assert [(line.gross_minor, line.taxes[-1].amount_minor) for line in totals.lines] == [(1_063, 63), (1_105, 65)]


def test_one_code_and_rate_twice_on_a_line_counts_its_net_once() -> None:
    totals = checked([TaxedLine(1, 1_000, (STATE, STATE))], "tax_exclusive", "receipt")

    assert (TaxRow("STATE", 62_500, 1_000, 125),) == totals.taxes


def test_a_line_without_taxes_is_its_own_net() -> None:
    totals = checked([TaxedLine(1, 2_500), TaxedLine(2, 119, (VAT,))], "tax_inclusive", "receipt")

    assert (totals.lines[0].gross_minor, totals.lines[0].net_minor) == (2_500, 2_500)
    assert (totals.net_minor, totals.tax_minor, totals.gross_minor) == (2_600, 19, 2_619)


def test_summing_up_known_lines_rounds_nothing_again() -> None:
    totals = receipt_totals([TaxedLine(n, 99, (VAT,)) for n in (1, 2, 3)], "tax_inclusive", "line")

    assert totals == sum_up(totals.lines)


@pytest.mark.parametrize("mode", ["tax_inclusive", "tax_exclusive"])
def test_a_rate_below_zero_or_too_many_taxes_are_refused(mode: PriceMode) -> None:
    for bad in ((Tax("ODD", -1_000_000),), (VAT,) * 17):
        with pytest.raises(TaxFactorError):
            receipt_totals([TaxedLine(1, 100, bad)], mode, "receipt")


@pytest.mark.parametrize(
    ("unit_price", "quantity", "per", "discount", "amount"),
    [
        (2_599, 40_000, 10_000, 0, 10_396),
        (2_599, 1_000, 10_000, 0, 260),
        (1_000, 3_000, 3_000, 0, 1_000),
        (1_000, 1_000, 3_000, 0, 333),
        (1_000, 2_000, 3_000, 0, 667),
        (350, 2_000, 1_000, 100, 600),
        (1, 500, 1_000, 0, 1),
    ],
)
def test_a_line_is_price_times_quantity_rounded_once_less_its_discount(
    unit_price: int, quantity: int, per: int, discount: int, amount: int
) -> None:
    assert amount == line_amount(unit_price, quantity, per, discount)


@given(st.lists(st.integers(0, AMOUNT_MAX), max_size=10), st.integers(0, 2 * AMOUNT_MAX))
def test_a_receipt_discount_is_given_whole_and_never_more_than_a_line(amounts: list[int], discount: int) -> None:
    shares = receipt_discount_shares(discount, amounts)

    assert sum(shares) == min(discount, sum(amounts))
    assert all(0 <= share <= amount for share, amount in zip(shares, amounts, strict=True))


@pytest.mark.parametrize(
    ("gross", "others", "unit", "rounding"),
    [(1_003, 0, 5, 2), (1_003, 1_000, 5, 2), (1_003, 1_003, 5, 0), (1_002, 1_000, 5, -2), (1_003, 2_000, 5, 0)],
)
def test_only_the_cash_part_is_rounded(gross: int, others: int, unit: int, rounding: int) -> None:
    assert rounding == receipt_cash_rounding(gross, others, unit)
