"""Refunds: a line given back in any number of parts gives back exactly what it cost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.refund import (
    GivenBack,
    RefundExceedsSaleError,
    SoldLine,
    add_given,
    amount_of,
    given_by,
    given_of_refundable,
    refund_line,
    refund_totals,
    refundable,
)
from protocol.tax import PriceMode, Tax
from protocol.totals import LineTotals, TaxAmount, TaxedLine, receipt_totals

NOTHING = GivenBack()
VAT = Tax("VAT-S", 190_000)


def sold(line: LineTotals, quantity_milli: int, mode: PriceMode, discount_minor: int = 0) -> SoldLine:
    amount = amount_of(line.gross_minor, line.net_minor, mode)
    return SoldLine(line.line, quantity_milli, amount, line.taxes, discount_minor)


taxes = st.lists(
    st.builds(
        TaxAmount,
        st.sampled_from(["VAT", "CITY"]),
        st.sampled_from([70_000, 190_000]),
        st.booleans(),
        st.integers(0, 3_000),
    ),
    max_size=3,
).map(tuple)
sold_lines = st.builds(
    SoldLine, st.just(1), st.integers(1, 20_000), st.integers(9_000, 90_000), taxes, st.integers(0, 999)
)
modes = st.sampled_from(["tax_inclusive", "tax_exclusive"])


@given(sold_lines, modes, st.data())
def test_refunding_a_line_in_any_number_of_parts_gives_back_its_gross_net_and_taxes(
    line: SoldLine, mode: PriceMode, data: st.DataObject
) -> None:
    given_back = NOTHING
    gross = net = 0
    while given_back.quantity_milli < line.quantity_milli:
        left = line.quantity_milli - given_back.quantity_milli
        part = refund_line(line, data.draw(st.integers(max(1, left // 4), left)), given_back, mode)
        assert part.gross_minor == part.net_minor + sum(tax.amount_minor for tax in part.taxes)
        assert min(part.amount_minor, part.discount_minor, *[tax.amount_minor for tax in part.taxes], 0) == 0
        gross, net = gross + part.gross_minor, net + part.net_minor
        given_back = add_given(given_back, given_by(part))

    tax = sum(of.amount_minor for of in line.taxes)
    assert line.amount_minor == given_back.amount_minor
    assert line.discount_minor == given_back.discount_minor
    assert line.amount_minor == (gross if mode == "tax_inclusive" else net)
    assert tax == gross - net
    left_over = refundable(line, given_back)
    assert (left_over.quantity_milli, left_over.amount_minor, left_over.discount_minor) == (0, 0, 0)
    assert not any(left_over.taxes.values())


def test_refunding_a_line_in_three_parts_gives_back_its_total() -> None:
    """3 x WINE for 9.99 with 19 % inside: 3.33 thrice; the tax of 1.60 comes back as 0.53, 0.54, 0.53."""
    wine = receipt_totals([TaxedLine(1, 999, (VAT,))], "tax_inclusive", "receipt").lines[0]
    of = sold(wine, 3_000, "tax_inclusive")
    parts = []
    given_back = NOTHING
    for _ in range(3):
        parts.append(refund_line(of, 1_000, given_back, "tax_inclusive"))
        given_back = add_given(given_back, given_by(parts[-1]))

    assert [part.gross_minor for part in parts] == [333, 333, 333]
    assert [part.taxes[0].amount_minor for part in parts] == [53, 54, 53]
    assert [part.net_minor for part in parts] == [280, 279, 280]


def test_a_part_takes_into_account_what_earlier_refunds_really_gave() -> None:
    """Two terminals each refunded a first third of 10.00 without knowing of each other; the last third is 3.34."""
    of = SoldLine(1, 3_000, 1_000)
    first = refund_line(of, 1_000, NOTHING, "tax_inclusive")

    last = refund_line(of, 1_000, add_given(given_by(first), given_by(first)), "tax_inclusive")

    assert [first.amount_minor, last.amount_minor] == [333, 334]


def test_a_part_is_never_below_zero_where_others_gave_too_much() -> None:
    of = SoldLine(1, 3_000, 1_000, (TaxAmount("VAT", 190_000, False, 160),), 50)
    given_back = GivenBack(1_000, 1_000, 50, {("VAT", 190_000): 160})

    part = refund_line(of, 1_000, given_back, "tax_inclusive")

    assert (part.amount_minor, part.discount_minor, part.taxes[0].amount_minor) == (0, 0, 0)


def test_the_derived_figure_alone_may_come_out_at_minus_one() -> None:
    taxes = (TaxAmount("A", 1, False, 1), TaxAmount("B", 1, False, 1))

    part = refund_line(SoldLine(1, 2_000, 2, taxes), 1_000, NOTHING, "tax_inclusive")

    assert (part.gross_minor, part.net_minor) == (1, -1)


def test_more_than_is_left_is_refused() -> None:
    of = SoldLine(1, 3_000, 1_000)
    for quantity in (3_001, 0, -1):
        with pytest.raises(RefundExceedsSaleError):
            refund_line(of, quantity, NOTHING, "tax_inclusive")
    with pytest.raises(RefundExceedsSaleError, match="1000 left"):
        refund_line(of, 2_000, GivenBack(2_000, 667), "tax_inclusive")


def test_what_is_left_says_what_was_given() -> None:
    of = SoldLine(1, 3_000, 1_000, (TaxAmount("VAT", 190_000, False, 160),), 50)
    given_back = given_by(refund_line(of, 1_000, NOTHING, "tax_inclusive"))

    assert given_back == given_of_refundable(of, refundable(of, given_back))


def test_a_tax_that_stands_twice_on_a_line_is_shared_between_its_places() -> None:
    taxes = (TaxAmount("A", 50_000, False, 50), TaxAmount("A", 50_000, True, 53))

    part = refund_line(SoldLine(1, 2_000, 1_000, taxes), 1_000, NOTHING, "tax_exclusive")

    assert [tax.amount_minor for tax in part.taxes] == [25, 27]


def test_a_refund_adds_up_its_lines_and_rounds_nothing_again() -> None:
    lines = receipt_totals([TaxedLine(n, 99, (VAT,)) for n in (1, 2, 3)], "tax_inclusive", "receipt").lines

    totals = refund_totals(
        refund_line(sold(of, 1_000, "tax_inclusive"), 1_000, NOTHING, "tax_inclusive") for of in lines
    )

    assert (totals.net_minor, totals.tax_minor, totals.gross_minor) == (250, 47, 297)
    assert (totals.taxes[0].base_minor, totals.taxes[0].amount_minor) == (250, 47)
