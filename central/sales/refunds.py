"""Refunds against the sale that they name: what the lines gave back together, and what is more than there was."""

from collections.abc import Iterable, Mapping
from uuid import UUID

import msgspec

from central.sales.receipts import SQL
from central.tenant_session import TenantSession
from protocol.events import Line, LineTax, Refund, RefundLine, Sale
from protocol.refund import GivenBack, SoldLine, add_given, amount_of, refundable
from protocol.tax import RowKey
from protocol.totals import TaxAmount

Given = Mapping[int, GivenBack]
"""What refunds gave back of each line of a sale; a line that gave nothing is not in it."""

NOTHING = GivenBack()


def refund_exceeds_sale(sale: Sale, voided: bool, given: Given, refund: Refund) -> str | None:
    """Quantity or line amount above what the sale has, no such line, or a sale that was voided."""
    if voided:
        return "the sale was voided"
    sold = {line.line: line for line in sale.lines}
    together = add_refund(given, refund)
    for line in refund.lines:
        number = line.original_line
        if number is None or (of := sold.get(number)) is None:
            return f"line {line.line}: the sale has no such line"
        total = together[number]
        if total.quantity_milli > of.quantity_milli:
            return f"line {number}: {total.quantity_milli} refunded of {of.quantity_milli} sold"
        amount = amount_of(of.gross_minor, of.net_minor, sale.price_mode)
        if total.amount_minor > amount:
            return f"line {number}: {total.amount_minor} given back of {amount} paid"
    return None


def add_refund(given: Given, refund: Refund, sign: int = 1) -> dict[int, GivenBack]:
    """What a refund gave added to what others did; taken away again where `sign` is -1."""
    together = dict(given)
    for line in refund.lines:
        if line.original_line is not None:
            before = together.get(line.original_line, NOTHING)
            together[line.original_line] = add_given(before, _given_by(line, refund, sign))
    return together


def refundable_lines(sale: Sale, voided: bool, given: Given) -> Iterable[tuple[Line, GivenBack]]:
    """Each line of a sale with what is left of it to give back, never below 0; nothing of a voided sale."""
    for line in sale.lines:
        sold = sold_line(line, sale)
        if voided:
            sold = SoldLine(
                line.line, 0, 0, tuple(TaxAmount(of.code, of.rate_ppm, of.compound, 0) for of in sold.taxes), 0
            )
        yield line, refundable(sold, given.get(line.line, NOTHING))


def sold_line(line: Line, sale: Sale) -> SoldLine:
    """A sale's line as the arithmetic of refunds takes it."""
    return SoldLine(
        line.line,
        line.quantity_milli,
        amount_of(line.gross_minor, line.net_minor, sale.price_mode),
        tuple(TaxAmount(tax.code, tax.rate_ppm, tax.compound, tax.amount_minor) for tax in line.taxes),
        line.discount_minor,
    )


async def load_given(session: TenantSession, sale_id: UUID) -> dict[int, GivenBack]:
    """What the refunds of a sale gave by now, locked."""
    rows = await session.driver.fetch(SQL.lock_refunded_lines, session.tenant_id, sale_id)
    return {
        row["line"]: GivenBack(
            int(row["quantity_milli"]),
            int(row["amount_minor"]),
            int(row["discount_minor"]),
            read_taxes(row["taxes"]),
        )
        for row in rows
    }


async def save_given(session: TenantSession, sale_id: UUID, given: Given, lines: Iterable[int]) -> None:
    """Keep what the refunds of some lines of a sale gave together."""
    numbers = sorted(set(lines))
    if not numbers:
        return
    of = [given[number] for number in numbers]
    await session.driver.execute(
        SQL.put_refunded_lines,
        session.tenant_id,
        sale_id,
        numbers,
        [part.quantity_milli for part in of],
        [part.amount_minor for part in of],
        [part.discount_minor for part in of],
        [write_taxes(part.taxes) for part in of],
    )


def lines_named(refund: Refund) -> list[int]:
    """The lines of the sale that a refund names."""
    return [line.original_line for line in refund.lines if line.original_line is not None]


def write_taxes(taxes: Mapping[RowKey, int]) -> str:
    """Taxes as they are kept: `[[code, rate_ppm, amount_minor], …]`."""
    return msgspec.json.encode([(code, rate, amount) for (code, rate), amount in taxes.items()]).decode()


def read_taxes(text: str) -> dict[RowKey, int]:
    """Taxes by code and rate, from how they are kept."""
    return {(code, rate): amount for code, rate, amount in msgspec.json.decode(text)}


def _given_by(line: RefundLine, refund: Refund, sign: int) -> GivenBack:
    return GivenBack(
        sign * line.quantity_milli,
        sign * amount_of(line.gross_minor, line.net_minor, refund.price_mode),
        sign * line.discount_minor,
        _by_row(line.taxes, sign),
    )


def _by_row(taxes: Iterable[LineTax], sign: int) -> dict[RowKey, int]:
    rows: dict[RowKey, int] = {}
    for tax in taxes:
        key = (tax.code, tax.rate_ppm)
        rows[key] = rows.get(key, 0) + sign * tax.amount_minor
    return rows
