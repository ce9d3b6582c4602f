"""The quick recount of taxes never passes what the whole one finds wrong."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from central.sales.tax_recount import fits_with_one_tax_a_line, recount, wrong_taxes
from protocol.events import Line, LineTax, Sale, TaxRow
from protocol.tax import PriceMode, Tax
from protocol.totals import TaxedLine, receipt_totals
from tests.trade import cart, sale

TAXES = (Tax("A", 190_000), Tax("B", 70_000), Tax("A", 70_000), Tax("Z", 0))
SOLD = sale(cart("1 x WINE @ 9.99"), number="K1-1")


def sold(amounts: list[tuple[int, int]], mode: PriceMode) -> Sale:
    """A sale of these line amounts, each with one of the taxes, or none."""
    given = [(TAXES[of],) if of < len(TAXES) else () for _, of in amounts]
    taxed = [
        TaxedLine(number, amount, tax) for number, ((amount, _), tax) in enumerate(zip(amounts, given, strict=True), 1)
    ]
    totals = receipt_totals(taxed, mode, "receipt")
    lines = [
        Line(
            line=of.line,
            quantity_milli=1_000,
            unit_price_minor=amount,
            gross_minor=of.gross_minor,
            net_minor=of.net_minor,
            taxes=tuple(LineTax(tax.code, tax.rate_ppm, tax.amount_minor) for tax in of.taxes),
        )
        for of, (amount, _) in zip(totals.lines, amounts, strict=True)
    ]
    rows = tuple(TaxRow(row.code, row.rate_ppm, row.base_minor, row.amount_minor) for row in totals.taxes)
    return structs.replace(SOLD, price_mode=mode, tax_rounding="receipt", lines=tuple(lines), taxes=rows)


sales = st.builds(
    sold,
    st.lists(st.tuples(st.integers(0, 5_000), st.integers(0, len(TAXES))), max_size=7),
    st.sampled_from(("tax_inclusive", "tax_exclusive")),
)


@given(sales)
def test_a_sale_as_a_till_makes_it_fits_at_once(receipt: Sale) -> None:
    assert fits_with_one_tax_a_line(receipt)
    assert recount(receipt) is None


@pytest.mark.parametrize("at", [0, 1])
def test_lines_out_of_order_are_left_to_the_whole_recount(at: int) -> None:
    receipt = sold([(333, 0), (333, 0), (334, 0)], "tax_exclusive")
    lines = list(receipt.lines)
    lines[at], lines[at + 1] = lines[at + 1], lines[at]
    mixed = structs.replace(receipt, lines=tuple(lines))

    assert not fits_with_one_tax_a_line(mixed)
    assert wrong_taxes(mixed) is None


def test_two_taxes_on_a_line_are_left_to_the_whole_recount() -> None:
    receipt = sold([(333, 0)], "tax_exclusive")
    (line,) = receipt.lines
    doubled = structs.replace(receipt, lines=(structs.replace(line, taxes=line.taxes * 2),))

    assert not fits_with_one_tax_a_line(doubled)
    assert wrong_taxes(doubled) is not None


@st.composite
def changed(draw: st.DrawFn) -> Sale:
    """A sale with one figure of a line or of a row off, a row gone or twice, or its lines in another order."""
    receipt = draw(sales.filter(lambda of: of.taxes))
    lines, rows = list(receipt.lines), list(receipt.taxes)
    at = draw(st.integers(0, len(lines) - 1))
    row = draw(st.integers(0, len(rows) - 1))
    by = draw(st.sampled_from((-2, -1, 1, 2, 1_000)))
    match draw(st.sampled_from(("net", "gross", "tax", "base", "amount", "rate", "gone", "twice", "order"))):
        case "net":
            lines[at] = structs.replace(lines[at], net_minor=lines[at].net_minor + by)
        case "gross":
            lines[at] = structs.replace(lines[at], gross_minor=lines[at].gross_minor + by)
        case "tax":
            taxes = tuple(structs.replace(tax, amount_minor=tax.amount_minor + by) for tax in lines[at].taxes)
            lines[at] = structs.replace(lines[at], taxes=taxes)
        case "base":
            rows[row] = structs.replace(rows[row], base_minor=rows[row].base_minor + by)
        case "amount":
            rows[row] = structs.replace(rows[row], amount_minor=rows[row].amount_minor + by)
        case "rate":
            rows[row] = structs.replace(rows[row], rate_ppm=rows[row].rate_ppm + by)
        case "gone":
            del rows[row]
        case "twice":
            rows.append(rows[row])
        case _:
            lines = draw(st.permutations(lines))
    return structs.replace(receipt, lines=tuple(lines), taxes=tuple(rows))


@settings(max_examples=300)
@given(changed())
def test_what_the_whole_recount_finds_is_never_passed(receipt: Sale) -> None:
    if fits_with_one_tax_a_line(receipt):
        assert recount(receipt) is None
