"""What an event moves in the reports: figures by line, under the dimensions that reports group by."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import TypeAlias
from uuid import UUID
from zoneinfo import ZoneInfo

from msgspec import Struct

from central.ledger.accounts import shortened
from central.ledger.posting import EventKey
from protocol.events import LineTax, Refund, Sale

Figures: TypeAlias = tuple[int, int, int, int, int]
"""quantity_milli, gross_minor, net_minor, tax_minor, discount_minor."""


class MovedLine(Struct, frozen=True, gc=False):
    """A product line's dimensions and figures, the figures signed as they count."""

    line: int
    product_id: UUID | None
    category: str | None
    price_rule_id: UUID | None
    approved_by: UUID | None
    figures: Figures
    taxes: tuple[LineTax, ...]


class Movement(Struct, frozen=True, gc=False):
    """A SALE, a REFUND, or a VOID of either, as it counts: `sign` is -1 for a VOID.

    A VOID counts on its own business date and hour, under the sale's location, terminal and cashier.
    """

    key: EventKey
    is_refund: bool
    sign: int
    location_id: UUID
    business_date: date
    hour: int
    terminal_id: UUID
    cashier_id: UUID | None
    lines: Sequence[MovedLine]
    figures: Figures
    """Of all its lines together."""


def movement_of(
    payload: Sale | Refund,
    *,
    key: EventKey,
    at: datetime,
    business_date: date,
    zone: ZoneInfo,
    location_id: UUID,
    terminal_id: UUID,
    sign: int = 1,
) -> Movement | None:
    """How a receipt counts, or how its VOID counts it out; None where it counts in no row.

    Voucher lines are in no figure, and a receipt of nothing else counts nowhere; one without lines counts (contract,
    section 8). `key`, `at` and `business_date` are the VOID's own where `sign` is -1.
    """
    lines: list[MovedLine] = []
    quantity = gross = net = taxed = discount = 0
    for line in payload.lines:
        if line.kind != "product":
            continue
        tax_minor = 0
        for tax in line.taxes:
            tax_minor += tax.amount_minor
        figures = (
            sign * line.quantity_milli,
            sign * line.gross_minor,
            sign * line.net_minor,
            sign * tax_minor,
            sign * line.discount_minor,
        )
        quantity += figures[0]
        gross += figures[1]
        net += figures[2]
        taxed += figures[3]
        discount += figures[4]
        category = None if line.category is None else shortened(line.category)
        lines.append(
            MovedLine(line.line, line.product_id, category, line.price_rule_id, line.approved_by, figures, line.taxes)
        )
    if not lines and payload.lines:
        return None
    return Movement(
        key,
        isinstance(payload, Refund),
        sign,
        location_id,
        business_date,
        at.astimezone(zone).hour,
        terminal_id,
        payload.cashier_id,
        lines,
        (quantity, gross, net, taxed, discount),
    )
