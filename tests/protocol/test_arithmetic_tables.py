"""The worked tables of docs/arithmetic.md, each row run against the code that it explains."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from protocol.barcodes import InStoreBarcode, read_barcode
from protocol.money import round_half_up, share_out
from protocol.multibuy import Multibuy, RulePieces, multibuy_discounts
from protocol.pricing import CartLine, PriceRule, price_cart
from protocol.refund import GivenBack, SoldLine, add_given, given_by, refund_line
from protocol.tax import Tax, exact_factors
from protocol.totals import (
    TaxAmount,
    TaxedLine,
    TaxRow,
    line_amount,
    receipt_cash_rounding,
    receipt_discount_shares,
    receipt_totals,
    undiscounted_amount,
)

PAGE = Path(__file__).parents[2] / "docs" / "arithmetic.md"
Table = tuple[str, list[list[str]]]


def tables() -> list[Table]:
    """Each marked table: its mark, and its rows without the heading."""
    found: list[Table] = []
    for mark, body in re.findall(r"<!-- (.+?) -->\n\n((?:\|.*\n)+)", PAGE.read_text("utf-8")):
        rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in body.splitlines()]
        found.append((mark, rows[2:]))
    return found


def cents(text: str) -> int:
    whole = Decimal(text) * 100
    assert whole == int(whole)
    return int(whole)


def milli(text: str) -> int:
    return int(Decimal(text) * 1_000)


def listed(text: str, read: Callable[[str], int]) -> list[int]:
    return [read(part) for part in text.split(";") if part.strip()]


def shown(value: Fraction) -> str:
    """A fraction as the page shows it, with two decimals."""
    exact = Decimal(value.numerator) / Decimal(value.denominator)
    return str(exact.quantize(Decimal("0.01"), ROUND_HALF_UP))


def ppm(text: str) -> int:
    return int(Decimal(text.removesuffix("%").strip()) * 10_000)


def taxes(text: str) -> tuple[Tax, ...]:
    """`EXCISE 4 %, STATE 6.25 % compound`."""
    if text == "none":
        return ()
    found = [re.fullmatch(r"([A-Z]+) ([\d.]+ %)( compound)?", tax.strip()) for tax in text.split(",")]
    return tuple(Tax(of[1], ppm(of[2]), bool(of[3])) for of in found if of)


def check_rounding(row: list[str]) -> None:
    assert round_half_up(Fraction(row[0])) == int(row[1])


def check_sharing(row: list[str]) -> None:
    amount, weights = cents(row[0]), listed(row[1], lambda of: round(Decimal(of) * 100))
    quotas = [Fraction(amount * weight, sum(weights) or 1) for weight in weights]
    assert [shown(quota) for quota in quotas] == [of.strip() for of in row[2].split(";")]
    assert share_out(amount, weights) == listed(row[3], cents)
    if amount <= sum(weights):
        assert receipt_discount_shares(amount, weights) == listed(row[3], cents)


def check_lines(row: list[str]) -> None:
    _, price, per, quantity, exact, discount, amount = row
    assert Fraction(exact) * 100 == Fraction(cents(price) * milli(quantity), milli(per))
    assert line_amount(cents(price), milli(quantity), milli(per), cents(discount)) == cents(amount)


def check_rules(row: list[str]) -> None:
    rule_text, list_price, per, quantity, unit_price, unit_per, discount, amount = row
    kind, value = rule_text.split(" ", 1)
    rule = PriceRule("rule", kind, ppm(value) if "%" in value else cents(value), ("SOAP",))  # type: ignore[arg-type]
    line = CartLine(1, "SOAP", None, milli(quantity), cents(list_price), milli(per), 1_000)

    [of] = price_cart([line], [rule], datetime(2026, 11, 24, tzinfo=UTC), "here", ZoneInfo("UTC"))

    assert (of.unit_price_minor, of.price_quantity_milli) == (cents(unit_price), milli(unit_per))
    assert of.discount_minor == cents(discount)
    left = line_amount(of.unit_price_minor, line.quantity_milli, of.price_quantity_milli, of.discount_minor)
    assert left == cents(amount)


def check_multibuy(row: list[str]) -> None:
    lines_text, rule_text, saved, discounts = row
    take, at = rule_text.split(" for ")
    rule = Multibuy(int(take), price_minor=cents(at)) if "." in at else Multibuy(int(take), pay_for=int(at))
    lines = []
    for text in lines_text.split(";"):
        quantity, price = text.split(" x ")
        price, _, per = price.partition("/")
        of = (milli(quantity), cents(price), milli(per or "1"))
        lines.append(RulePieces(*of, undiscounted_amount(of[1], of[0], of[2])))

    assert multibuy_discounts(rule, lines) == listed(discounts, cents)
    assert sum(multibuy_discounts(rule, lines)) == cents(saved)


def check_factors(row: list[str]) -> None:
    expected = tuple(Fraction(of.strip()) for of in row[2].split(";"))
    assert exact_factors(row[0], taxes(row[1])) == expected  # type: ignore[arg-type]


def check_cash(row: list[str]) -> None:
    gross, others, unit, part, rounding, paid = map(cents, row)
    assert receipt_cash_rounding(gross, others, unit) == rounding
    assert (gross - others, part + rounding) == (part, paid)


def check_in_store(row: list[str]) -> None:
    prefix, value, items, digits, decimals, read, item, price, quantity = row
    setting = InStoreBarcode(prefix, value, int(items), int(digits), int(decimals))  # type: ignore[arg-type]

    found = read_barcode(read, in_store=[setting])

    assert found.lookup_keys[-1] == item
    assert found.price_minor == (cents(price) if price else None)
    assert found.quantity_milli == (milli(quantity) if quantity else None)


CHECKS: dict[str, Callable[[list[str]], None]] = {
    "table: rounding": check_rounding,
    "table: sharing": check_sharing,
    "table: lines": check_lines,
    "table: rules": check_rules,
    "table: multibuy": check_multibuy,
    "table: factors": check_factors,
    "table: cash": check_cash,
    "table: in-store": check_in_store,
}
SINGLE_ROWS = [(mark, row) for mark, rows in tables() if mark.startswith("table: ") for row in rows]
RECEIPTS = [
    (mark, lines, rows)
    for (mark, lines), (following, rows) in zip(tables(), tables()[1:], strict=False)
    if mark.startswith("receipt: ") and following == "rows"
]
REFUNDS = [(mark, rows) for mark, rows in tables() if mark.startswith("refund: ")]


@pytest.mark.parametrize(("mark", "row"), SINGLE_ROWS)
def test_each_row_of_the_page_is_what_the_code_does(mark: str, row: list[str]) -> None:
    CHECKS[mark](row)


@pytest.mark.parametrize(("mark", "lines", "rows"), RECEIPTS)
def test_each_receipt_of_the_page_is_what_the_code_does(
    mark: str, lines: list[list[str]], rows: list[list[str]]
) -> None:
    _, mode, rounding = mark.split()
    sold = [TaxedLine(int(line[0]), cents(line[1]), taxes(line[2])) for line in lines]

    totals = receipt_totals(sold, mode, rounding)  # type: ignore[arg-type]

    for of, line, found in zip(sold, lines, totals.lines, strict=True):
        exact = [of.amount_minor * factor for factor in exact_factors(mode, of.taxes)]  # type: ignore[arg-type]
        assert "; ".join(map(shown, exact)) == line[3]
        assert [tax.amount_minor for tax in found.taxes] == listed(line[4], cents)
        assert (found.net_minor, found.gross_minor) == (cents(line[5]), cents(line[6]))
    assert totals.taxes == tuple(TaxRow(code, ppm(rate), cents(base), cents(of)) for code, rate, base, of in rows)


@pytest.mark.parametrize(("mark", "parts"), REFUNDS)
def test_each_refund_of_the_page_is_what_the_code_does(mark: str, parts: list[list[str]]) -> None:
    named = re.fullmatch(r"refund: (\S+) quantity (\S+) amount (\S+) discount (\S+) taxes (.+)", mark)
    assert named
    mode, quantity, amount, discount, tax_text = named.groups()
    tax_minor = listed(tax_text, cents)
    borne = tuple(TaxAmount(f"TAX-{n}", 190_000, False, of) for n, of in enumerate(tax_minor))
    sold = SoldLine(1, milli(quantity), cents(amount), borne, cents(discount))
    given = GivenBack()

    for part in parts:
        refunded = refund_line(sold, milli(part[0]), given, mode)  # type: ignore[arg-type]
        given = add_given(given, given_by(refunded))
        share = Fraction(given.quantity_milli, sold.quantity_milli)
        assert given.amount_minor == cents(part[1]) == round_half_up(sold.amount_minor * share)
        assert "; ".join(shown(of * share) for of in tax_minor) == part[2]
        assert (refunded.gross_minor, refunded.net_minor) == (cents(part[3]), cents(part[5]))
        assert [tax.amount_minor for tax in refunded.taxes] == listed(part[4], cents)
        assert refunded.discount_minor == cents(part[6])
    assert given.quantity_milli == sold.quantity_milli


def test_every_marked_table_of_the_page_is_run() -> None:
    marks = [mark for mark, _ in tables()]

    assert {mark for mark in marks if mark.startswith("table: ")} == set(CHECKS)
    assert len(RECEIPTS) == marks.count("rows") == sum(mark.startswith("receipt: ") for mark in marks) == 4
    assert len(REFUNDS) == 4
    assert len(marks) == len(CHECKS) + 2 * len(RECEIPTS) + len(REFUNDS) == PAGE.read_text("utf-8").count("<!--")
