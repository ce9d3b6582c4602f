"""The share of a sold line that a refund gives back, and what is left of it to give.

A part takes the cumulative share: what all refunds of the line together give back, rounded half up, less what the
earlier ones really gave. So a line refunded in any number of parts gives back exactly what it cost, also where two
terminals refunded parts of it without knowing of each other. Contract, section 6.
"""

from collections.abc import Iterable

import msgspec

from protocol.money import round_half_up, share_out
from protocol.tax import PriceMode, RowKey
from protocol.totals import LineTotals, ReceiptTotals, TaxAmount, sum_up


class RefundExceedsSaleError(ValueError):
    """More is to be given back than the line has left; refund what is refundable."""


class SoldLine(msgspec.Struct, frozen=True):
    """A line as it was sold. `amount_minor` is the line amount: gross where prices include tax, else net."""

    line: int
    quantity_milli: int
    amount_minor: int
    taxes: tuple[TaxAmount, ...] = ()
    discount_minor: int = 0


class GivenBack(msgspec.Struct, frozen=True):
    """What refunds of a line gave, or what is left to give; the taxes by code and rate."""

    quantity_milli: int = 0
    amount_minor: int = 0
    discount_minor: int = 0
    taxes: dict[RowKey, int] = {}


class RefundedLine(msgspec.Struct, frozen=True):
    """A refund's line: positive figures, of which only the derived one (net or gross) may come out at −1."""

    line: int
    original_line: int
    quantity_milli: int
    discount_minor: int
    amount_minor: int
    gross_minor: int
    net_minor: int
    taxes: tuple[TaxAmount, ...]


def amount_of(gross_minor: int, net_minor: int, price_mode: PriceMode) -> int:
    """The line amount in a line of an event: its gross where prices include tax, else its net."""
    return gross_minor if price_mode == "tax_inclusive" else net_minor


def taxes_by_row(taxes: Iterable[TaxAmount]) -> dict[RowKey, int]:
    """A line's taxes added by code and rate."""
    rows: dict[RowKey, int] = {}
    for tax in taxes:
        key = (tax.code, tax.rate_ppm)
        rows[key] = rows.get(key, 0) + tax.amount_minor
    return rows


def add_given(*parts: GivenBack) -> GivenBack:
    """Several refunds of one line, added."""
    rows: dict[RowKey, int] = {}
    for part in parts:
        for key, amount in part.taxes.items():
            rows[key] = rows.get(key, 0) + amount
    return GivenBack(
        sum(part.quantity_milli for part in parts),
        sum(part.amount_minor for part in parts),
        sum(part.discount_minor for part in parts),
        rows,
    )


def given_by(refunded: RefundedLine) -> GivenBack:
    """What one refund's line gave."""
    return GivenBack(
        refunded.quantity_milli, refunded.amount_minor, refunded.discount_minor, taxes_by_row(refunded.taxes)
    )


def refundable(sold: SoldLine, given: GivenBack) -> GivenBack:
    """What is left of a line to give back, each figure never below 0 (contract, section 8)."""
    return GivenBack(
        max(0, sold.quantity_milli - given.quantity_milli),
        max(0, sold.amount_minor - given.amount_minor),
        max(0, sold.discount_minor - given.discount_minor),
        {key: max(0, of - given.taxes.get(key, 0)) for key, of in taxes_by_row(sold.taxes).items()},
    )


def given_of_refundable(sold: SoldLine, left: GivenBack) -> GivenBack:
    """What refunds gave, seen from what a receipt says is left (the answer of `GET /v1/receipts/…`)."""
    return refundable(sold, left)


def refund_line(
    sold: SoldLine, quantity_milli: int, given: GivenBack, price_mode: PriceMode, line: int | None = None
) -> RefundedLine:
    """The part of a sold line that giving back `quantity_milli` of it gives back, `given` being what others gave.

    `line` is the number in the refund (the original's where left out). No figure but the derived one is below 0: where
    others gave too much already, this part gives 0. Raises `RefundExceedsSaleError`.
    """
    together_milli = given.quantity_milli + quantity_milli
    if quantity_milli < 1 or together_milli > sold.quantity_milli:
        raise RefundExceedsSaleError(
            f"line {sold.line}: {quantity_milli} asked, {sold.quantity_milli - given.quantity_milli} left"
        )

    def part(of: int, given_minor: int) -> int:
        return max(0, round_half_up(of * together_milli, sold.quantity_milli) - given_minor)

    amount_minor = part(sold.amount_minor, given.amount_minor)
    rows = {key: part(of, given.taxes.get(key, 0)) for key, of in taxes_by_row(sold.taxes).items()}
    tax_minor = sum(rows.values())
    inclusive = price_mode == "tax_inclusive"
    return RefundedLine(
        line=sold.line if line is None else line,
        original_line=sold.line,
        quantity_milli=quantity_milli,
        discount_minor=part(sold.discount_minor, given.discount_minor),
        amount_minor=amount_minor,
        gross_minor=amount_minor if inclusive else amount_minor + tax_minor,
        net_minor=amount_minor - tax_minor if inclusive else amount_minor,
        taxes=_as_the_line_bears_them(sold.taxes, rows),
    )


def refund_totals(lines: Iterable[RefundedLine]) -> ReceiptTotals:
    """A refund's totals: the sums of its lines; receipt rounding is not run again."""
    return sum_up(LineTotals(of.line, of.gross_minor, of.net_minor, of.taxes) for of in lines)


def _as_the_line_bears_them(sold: tuple[TaxAmount, ...], rows: dict[RowKey, int]) -> tuple[TaxAmount, ...]:
    """The rows put back into the line's taxes; one that stands there twice is shared out by what each came to."""
    taxes = list(sold)
    for (code, rate_ppm), amount_minor in rows.items():
        at = [index for index, tax in enumerate(sold) if (tax.code, tax.rate_ppm) == (code, rate_ppm)]
        shares = [amount_minor] if len(at) == 1 else share_out(amount_minor, [sold[index].amount_minor for index in at])
        for index, share in zip(at, shares, strict=True):
            taxes[index] = TaxAmount(code, rate_ppm, sold[index].compound, share)
    return tuple(taxes)
