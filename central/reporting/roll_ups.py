"""Roll-ups: added up in the transaction that books a sale; a report costs what it answers, not what was sold."""

from collections.abc import Iterable, Sequence
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, TypeAlias
from uuid import UUID

import msgspec

from central.database import load_queries, packed, sparse
from central.ledger.accounts import shortened
from central.sales.movement import MovedLine, Movement
from central.tenant_session import TenantSession
from protocol.events import LineTax

SQL: Final = load_queries(Path(__file__).with_name("queries.sql"))

codes_remembered_max: Final = 4_096

nobody: Final = UUID(int=0)
"""Stands for a cashier who is not named, in a key."""

FIGURES: Final = (
    "sales_count",
    "quantity_milli",
    "gross_minor",
    "net_minor",
    "tax_minor",
    "discount_minor",
    "refund_count",
    "refunds_quantity_milli",
    "refunds_gross_minor",
    "refunds_net_minor",
    "refunds_tax_minor",
    "refunds_discount_minor",
)
"""The figures of a report, in the order of the contract, section 8."""

DailyKey: TypeAlias = tuple[date, UUID]
HourlyKey: TypeAlias = tuple[date, UUID, int, UUID, UUID]


class UnwrittenRollUpError(RuntimeError):
    """The database wrote fewer rows than were rolled up: the session's tenant is not the one it says."""


async def roll_up(session: TenantSession, movements: Sequence[Movement]) -> None:
    """Add movements to the reports' figures, rows in the order of their keys so that writers never deadlock.

    What other transactions add to as well comes last: its rows stay locked until the end.
    """
    if not movements:
        return
    heads: list[tuple[Any, ...]] = []
    lines: list[tuple[Any, ...]] = []
    for movement in movements:
        if movement.lines:
            heads.append(_head(movement))
            position = len(heads)
            lines += [_line(position, line, movement.sign) for line in movement.lines]
    daily, hourly = summed(movements)
    days = sorted(daily.items(), key=lambda row: (row[0][0], row[0][1].int))
    hours = sorted(hourly.items(), key=_hour_in_order)
    written = await session.driver.execute(
        SQL.roll_up,
        session.tenant_id,
        *map(packed, _columns(heads, 11)),
        *_line_columns(lines),
        *map(packed, zip(*[(*key, *figures) for key, figures in days], strict=True)),
        *map(packed, zip(*[(*key, *figures) for key, figures in hours], strict=True)),
    )
    if written != f"INSERT 0 {len(lines)}":
        raise UnwrittenRollUpError(f"{written} for {len(lines)} lines")


def _hour_in_order(row: tuple[HourlyKey, list[int]]) -> tuple[date, int, int, int, int]:
    day, location_id, hour, terminal_id, cashier_id = row[0]
    return day, location_id.int, hour, terminal_id.int, cashier_id.int


def summed(movements: Iterable[Movement]) -> tuple[dict[DailyKey, list[int]], dict[HourlyKey, list[int]]]:
    """Figures by day and location, and by hour, terminal and cashier besides."""
    daily: dict[DailyKey, list[int]] = {}
    hourly: dict[HourlyKey, list[int]] = {}
    for movement in movements:
        day, location_id = movement.business_date, movement.location_id
        quantity, gross, net, tax, discount = movement.figures
        at = 6 if movement.is_refund else 0
        hour = (day, location_id, movement.hour, movement.terminal_id, movement.cashier_id or nobody)
        for row in (daily.setdefault((day, location_id), [0] * 12), hourly.setdefault(hour, [0] * 12)):
            row[at] += movement.sign
            row[at + 1] += quantity
            row[at + 2] += gross
            row[at + 3] += net
            row[at + 4] += tax
            row[at + 5] += discount
    return daily, hourly


def _head(movement: Movement) -> tuple[Any, ...]:
    return (
        movement.business_date,
        movement.location_id,
        movement.terminal_id,
        *movement.key,
        movement.cashier_id,
        movement.hour,
        movement.sign,
        movement.is_refund,
    )


def _line(position: int, line: MovedLine, sign: int) -> tuple[Any, ...]:
    return (
        position,
        line.line,
        line.product_id,
        line.category,
        line.price_rule_id,
        line.approved_by,
        *line.figures,
        taxes_text(line.taxes, sign),
    )


def _line_columns(lines: Sequence[tuple[Any, ...]]) -> tuple[object, ...]:
    positions, line, products, categories, rules, approvals, *figures, taxes = _columns(lines, 12)
    of_lines = (positions, line, products, sparse(categories), sparse(rules), sparse(approvals), *figures)
    return (*map(packed, of_lines), packed(sparse(taxes)))


def taxes_text(taxes: Sequence[LineTax], sign: int) -> str | None:
    """A line's taxes as a report reads them: `[[code, rate_ppm, amount_minor], …]`, one for each code and rate."""
    if not taxes:
        return None
    if len(taxes) == 1:
        of = taxes[0]
        return f"[[{_quoted(of.code)}, {of.rate_ppm}, {sign * of.amount_minor}]]"
    rows: dict[tuple[str, int], int] = {}
    for of in taxes:
        key = (of.code, of.rate_ppm)
        rows[key] = rows.get(key, 0) + sign * of.amount_minor
    return "[" + ", ".join([f"[{_quoted(code)}, {rate}, {amount}]" for (code, rate), amount in rows.items()]) + "]"


@lru_cache(maxsize=codes_remembered_max)
def _quoted(code: str) -> str:
    """A tax code as a JSON text."""
    return msgspec.json.encode(shortened(code)).decode()


def _columns(rows: Sequence[tuple[Any, ...]], width: int) -> Sequence[tuple[Any, ...]]:
    return list(zip(*rows, strict=True)) if rows else [()] * width
