"""A receipt's taxes recounted from its own rates, mode and rounding (contract, sections 6 and 9)."""

from protocol.events import Line, Refund, Sale
from protocol.money import PPM, round_half_up, share_out_whole
from protocol.tax import RowKey, Tax, TaxFactorError
from protocol.totals import TaxedLine, add_to_rows, tax_amounts


def wrong_taxes(receipt: Sale | Refund) -> str | None:
    """Where the taxes of lines and rows are not what comes out again, in a sentence; None where all are."""
    if receipt.tax_rounding == "receipt" and fits_with_one_tax_a_line(receipt):
        return None
    return recount(receipt)


def recount(receipt: Sale | Refund) -> str | None:
    """`wrong_taxes` of any receipt, line by line."""
    inclusive = receipt.price_mode == "tax_inclusive"
    lines = receipt.lines
    try:
        amounts = tax_amounts([_taxed(line, inclusive) for line in lines], receipt.price_mode, receipt.tax_rounding)
    except TaxFactorError as error:
        return str(error)
    rows: dict[RowKey, list[int]] = {}
    for line, of in zip(lines, amounts, strict=True):
        for tax, amount in zip(line.taxes, of, strict=True):
            if tax.amount_minor != amount:
                return f"line {line.line}: {tax.code[:40]} comes to {amount}, the receipt says {tax.amount_minor}"
        add_to_rows(line.net_minor, line.taxes, rows)
    for stated in receipt.taxes:
        row = rows.pop((stated.code, stated.rate_ppm), None)
        if row is None:
            return f"no line bears {stated.code[:40]} at {stated.rate_ppm} ppm, or it stands twice"
        if row[0] != stated.base_minor or row[1] != stated.amount_minor:
            return (
                f"{stated.code[:40]} comes to {row[1]} on {row[0]}, "
                f"the receipt says {stated.amount_minor} on {stated.base_minor}"
            )
    return f"the receipt lacks a row for {next(iter(rows))[0][:40]}" if rows else None


def fits_with_one_tax_a_line(receipt: Sale | Refund) -> bool:
    """Whether a receipt whose taxes are rounded as a whole has lines in order, one tax each, and all as it comes out.

    Nearly every sale is such a one, and `recount` takes more than twice the time. False says nothing yet.
    """
    inclusive = receipt.price_mode == "tax_inclusive"
    rows: dict[RowKey, tuple[list[int], list[int], list[int]]] = {}
    before = 0
    for line in receipt.lines:
        number, taxes = line.line, line.taxes
        if number < before:
            return False
        before = number
        if not taxes:
            continue
        if len(taxes) != 1:
            return False
        tax = taxes[0]
        key = (tax.code, tax.rate_ppm)
        row = rows.get(key)
        if row is None:
            row = rows[key] = ([], [], [])
        row[0].append(line.gross_minor if inclusive else line.net_minor)
        row[1].append(tax.amount_minor)
        row[2].append(line.net_minor)
    for stated in receipt.taxes:
        rate = stated.rate_ppm
        row = rows.pop((stated.code, rate), None)
        if row is None or rate < 0:
            return False
        amounts, shares, nets = row
        # All lines of a row have one rate: shares by exact taxes are shares by amounts.
        whole = round_half_up(sum(amounts) * rate, PPM + rate if inclusive else PPM)
        if whole != stated.amount_minor or sum(nets) != stated.base_minor or share_out_whole(whole, amounts) != shares:
            return False
    return not rows


def _taxed(line: Line, inclusive: bool) -> TaxedLine:
    """A line as the arithmetic of taxes takes it; made without keywords, since every line of every sale is."""
    amount_minor = line.gross_minor if inclusive else line.net_minor
    taxes = line.taxes
    if len(taxes) == 1:
        of = taxes[0]
        return _new_line(TaxedLine, (line.line, amount_minor, (_new_tax(Tax, (of.code, of.rate_ppm, of.compound)),)))
    kept = tuple([Tax(of.code, of.rate_ppm, of.compound) for of in taxes])
    return _new_line(TaxedLine, (line.line, amount_minor, kept))


_new_line = tuple.__new__
_new_tax = tuple.__new__
