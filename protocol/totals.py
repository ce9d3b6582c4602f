"""A receipt's totals: line amounts, each line's taxes, the rows of taxes, net, tax and gross, and its cash rounding.

Everything is in integers; a tax is a numerator over a denominator until the one place where it is rounded. The rules
are the contract's, section 6; `docs/arithmetic.md` shows them with sums.

A row of `taxes` is known by code and rate alone: the same code and rate, simple on one line and compound on another,
makes one row, whose exact taxes are added before they are rounded, and whose base counts the amounts before it only
on the lines where it is compound. A line that bears one code and rate twice has two shares of the row, and its net
stands once in the row's base.
"""

from collections.abc import Iterable, Sequence
from math import lcm
from typing import NamedTuple

import msgspec

from protocol.events import LineTax
from protocol.money import cash_rounding, round_half_up, share_out, share_out_whole
from protocol.tax import PriceMode, RowKey, Tax, TaxRounding, common_factors


class TaxedLine(NamedTuple):
    """A line as far as taxes are concerned. `amount_minor` is after discounts; a voucher line bears no taxes."""

    line: int
    amount_minor: int
    taxes: tuple[Tax, ...] = ()


class TaxAmount(msgspec.Struct, frozen=True, gc=False):
    """One of a line's `taxes`."""

    code: str
    rate_ppm: int
    compound: bool
    amount_minor: int


class LineTotals(msgspec.Struct, frozen=True):
    """What a line comes to; gross = net + the taxes' amounts."""

    line: int
    gross_minor: int
    net_minor: int
    taxes: tuple[TaxAmount, ...]


class TaxRow(msgspec.Struct, frozen=True, gc=False):
    """One of a receipt's `taxes`: a code and rate, the net that bears it, its amount."""

    code: str
    rate_ppm: int
    base_minor: int
    amount_minor: int


class ReceiptTotals(msgspec.Struct, frozen=True):
    """A receipt's figures, its lines in the order in which they were given, its rows in order of appearance."""

    lines: tuple[LineTotals, ...]
    taxes: tuple[TaxRow, ...]
    net_minor: int
    tax_minor: int
    gross_minor: int


def undiscounted_amount(unit_price_minor: int, quantity_milli: int, price_quantity_milli: int) -> int:
    """Price × quantity, rounded half up once: fuel at 2.599 a litre is 2599 per 10000."""
    return round_half_up(unit_price_minor * quantity_milli, price_quantity_milli)


def line_amount(unit_price_minor: int, quantity_milli: int, price_quantity_milli: int, discount_minor: int = 0) -> int:
    """What a line costs after its discount: gross where prices include tax, net where they don't."""
    return undiscounted_amount(unit_price_minor, quantity_milli, price_quantity_milli) - discount_minor


def receipt_totals(lines: Sequence[TaxedLine], price_mode: PriceMode, tax_rounding: TaxRounding) -> ReceiptTotals:
    """Totals of a sale, or of a refund without a receipt, from its line amounts and taxes.

    Raises `protocol.tax.TaxFactorError` where a line's taxes cannot be reckoned with (a rate below 0).
    """
    amounts = tax_amounts(lines, price_mode, tax_rounding)
    return sum_up([_line_totals(line, of, price_mode) for line, of in zip(lines, amounts, strict=True)])


def tax_amounts(lines: Sequence[TaxedLine], price_mode: PriceMode, tax_rounding: TaxRounding) -> list[list[int]]:
    """The rounded amount of each tax of each line, in the order given: all that a recount of a sale must compare.

    Raises `protocol.tax.TaxFactorError`.
    """
    if tax_rounding == "receipt":
        return _rounded_by_receipt(lines, price_mode)
    return [_rounded_by_line(line, price_mode) for line in lines]


def sum_up(lines: Iterable[LineTotals]) -> ReceiptTotals:
    """A receipt whose lines are known: rows and totals are their sums, nothing is rounded again."""
    kept = tuple(lines)
    rows: dict[RowKey, list[int]] = {}
    net_minor = tax_minor = 0
    for line in kept:
        net_minor += line.net_minor
        tax_minor += add_to_rows(line.net_minor, line.taxes, rows)
    taxes = tuple(TaxRow(code, rate, base, amount) for (code, rate), (base, amount) in rows.items())
    return ReceiptTotals(kept, taxes, net_minor, tax_minor, net_minor + tax_minor)


def receipt_discount_shares(discount_minor: int, amounts_minor: Sequence[int]) -> list[int]:
    """A receipt-wide discount shared out to lines, by their amounts after rules and line discounts.

    The lines stand in order of their number, voucher lines left out; a discount above their sum gives all of it.
    """
    return share_out(min(discount_minor, sum(amounts_minor)), amounts_minor)


def receipt_cash_rounding(gross_minor: int, other_tenders_minor: int, unit_minor: int) -> int:
    """`rounding_minor` of a receipt: the cash part is gross less all other tenders; 0 where there is none."""
    cash_part_minor = gross_minor - other_tenders_minor
    return cash_rounding(cash_part_minor, unit_minor) if cash_part_minor > 0 else 0


def _rounded_by_line(line: TaxedLine, price_mode: PriceMode) -> list[int]:
    if not line.taxes:
        return []
    denominator, factors = common_factors(price_mode, line.taxes)
    return [round_half_up(line.amount_minor * numerator, denominator) for _, numerator in factors]


def _rounded_by_receipt(lines: Sequence[TaxedLine], price_mode: PriceMode) -> list[list[int]]:
    """Each row's exact taxes added, rounded once, shared out to the lines that bear it, ties to the lower line."""
    amounts = [[0] * len(line.taxes) for line in lines]
    rows: dict[RowKey, _Bearers] = {}
    numbers = [line[0] for line in lines]
    in_order = range(len(lines))
    for index in in_order if numbers == sorted(numbers) else sorted(in_order, key=numbers.__getitem__):
        _, amount_minor, taxes = lines[index]
        if taxes:
            of_line = amounts[index]
            denominator, factors = common_factors(price_mode, taxes)
            for position, (key, numerator) in enumerate(factors):
                row = rows.get(key)
                if row is None:
                    row = rows[key] = ([], [], [])
                row[0].append((of_line, position))
                row[1].append(amount_minor * numerator)
                row[2].append(denominator)
    for places, weights, denominators in rows.values():
        denominator = denominators[0]
        if len(places) == 1:
            of_line, position = places[0]
            of_line[position] = round_half_up(weights[0], denominator)
            continue
        if denominators.count(denominator) != len(denominators):
            denominator = lcm(*denominators)
            weights = [w * (denominator // of) for w, of in zip(weights, denominators, strict=True)]
        shares = share_out_whole(round_half_up(sum(weights), denominator), weights)
        for (of_line, position), share in zip(places, shares, strict=True):
            of_line[position] = share
    return amounts


_Bearers = tuple[list[tuple[list[int], int]], list[int], list[int]]
"""The places where a row's shares go, its exact taxes' numerators and their denominators, in order of line."""


def _line_totals(line: TaxedLine, amounts: list[int], price_mode: PriceMode) -> LineTotals:
    number, amount_minor, taxes = line
    tax_minor = sum(amounts)
    kept = tuple(
        TaxAmount(code, rate, compound, amount) for (code, rate, compound), amount in zip(taxes, amounts, strict=True)
    )
    if price_mode == "tax_inclusive":
        return LineTotals(number, amount_minor, amount_minor - tax_minor, kept)
    return LineTotals(number, amount_minor + tax_minor, amount_minor, kept)


def add_to_rows(net_minor: int, taxes: Sequence[TaxAmount | LineTax], rows: dict[RowKey, list[int]]) -> int:
    """Add a line to the rows of its taxes, each `[base_minor, amount_minor]`; answers the line's tax."""
    before = 0
    seen: list[RowKey] = []
    for tax in taxes:
        amount_minor = tax.amount_minor
        key = (tax.code, tax.rate_ppm)
        row = rows.get(key)
        if row is None:
            row = rows[key] = [0, 0]
        if key not in seen:
            seen.append(key)
            row[0] += net_minor
        if tax.compound:
            row[0] += before
        row[1] += amount_minor
        before += amount_minor
    return before
