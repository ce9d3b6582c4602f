"""Sales by any of ten dimensions (contract, section 8): from a roll-up where one answers, else from the lines.

A sale stands in one row of a roll-up, so its counts add up there. A sale has several lines, so by product, category,
tax, price rule or approval its lines are first put together receipt by receipt, and then counted.
"""

from collections.abc import Collection, Sequence
from datetime import date
from typing import Any, Final, TypeAlias
from uuid import UUID

from msgspec import Struct
from sqlalchemy import BigInteger, ColumnElement, FromClause, Select, cast, func, literal, or_, select, true

from central.reporting.roll_ups import FIGURES, nobody
from central.reporting.schema import report_lines, sales_daily, sales_hourly
from central.tenant_session import TenantSession

rows_max: Final = 200_000
"""A report of more rows is refused: ask for a shorter span or fewer dimensions."""

COLUMNS: Final[dict[str, tuple[str, ...]]] = {
    "location": ("location_id",),
    "business_date": ("business_date",),
    "hour": ("hour",),
    "product": ("product_id",),
    "category": ("category",),
    "cashier": ("cashier_id",),
    "terminal": ("terminal_id",),
    "price_rule": ("price_rule_id",),
    "approved_by": ("approved_by",),
    "tax": ("tax_code", "rate_ppm"),
}
"""The dimensions, and the columns of each, in the order in which a report has them."""

_of_a_day: Final = frozenset({"location", "business_date"})
_of_an_hour: Final = _of_a_day | {"hour", "cashier", "terminal"}

ReportRow: TypeAlias = dict[str, Any]


class Span(Struct, frozen=True):
    """Business dates, both included, and a location or all."""

    first: date
    last: date
    location_id: UUID | None = None


def columns_of(group_by: Collection[str]) -> tuple[str, ...]:
    """The columns of a report but for its figures."""
    return tuple(column for name, columns in COLUMNS.items() if name in group_by for column in columns)


async def sales_report(session: TenantSession, span: Span, group_by: Collection[str]) -> list[ReportRow]:
    """The rows of a report, at most one more than `rows_max`; without `group_by` one row."""
    statement = _statement(session.tenant_id, span, frozenset(group_by)).limit(rows_max + 1)
    names = columns_of(group_by)
    rows = []
    for row in await session.execute(statement):
        values = tuple(row)
        figures = [int(value or 0) for value in values[len(names) :]]
        rows.append({**dict(zip(names, values, strict=False)), **dict(zip(FIGURES, figures, strict=True))})
    return rows


def _statement(tenant_id: UUID, span: Span, group_by: frozenset[str]) -> Select[Any]:
    if group_by <= _of_a_day:
        return _of_roll_up(sales_daily, tenant_id, span, group_by)
    if group_by <= _of_an_hour:
        return _of_roll_up(sales_hourly, tenant_id, span, group_by)
    return _of_lines(tenant_id, span, group_by)


def _of_roll_up(table: FromClause, tenant_id: UUID, span: Span, group_by: frozenset[str]) -> Select[Any]:
    keys: list[ColumnElement[Any]] = [
        func.nullif(table.c[name], nobody).label(name) if name == "cashier_id" else table.c[name]
        for name in columns_of(group_by)
    ]
    figures = [func.sum(table.c[figure]).label(figure) for figure in FIGURES]
    statement = select(*keys, *figures).where(*_within(table, tenant_id, span)).group_by(*keys)
    if keys:
        statement = statement.having(or_(*[func.sum(table.c[figure]) != 0 for figure in FIGURES]))
    return statement.order_by(*[key.asc().nulls_first() for key in keys])


def _of_lines(tenant_id: UUID, span: Span, group_by: frozenset[str]) -> Select[Any]:
    """Lines put together by receipt (or the VOID that counts it out) under the dimensions asked, then by these."""
    receipts = _by_receipt(tenant_id, span, group_by).subquery()
    keys = [receipts.c[name] for name in columns_of(group_by)]
    is_sale, is_refund = ~receipts.c.is_refund, receipts.c.is_refund
    names = ("quantity_milli", "gross_minor", "net_minor", "tax_minor", "discount_minor")
    figures = [
        func.sum(receipts.c[name]).filter(counts) for counts in (is_sale, is_refund) for name in ("sign", *names)
    ]
    statement = select(*keys, *[of.label(name) for of, name in zip(figures, FIGURES, strict=True)]).group_by(*keys)
    statement = statement.having(or_(*[func.coalesce(of, 0) != 0 for of in figures]))
    return statement.order_by(*[_by_code_point(key).asc().nulls_first() for key in keys])


def _by_receipt(tenant_id: UUID, span: Span, group_by: frozenset[str]) -> Select[Any]:
    lines = report_lines.c
    source: FromClause = report_lines
    tax: ColumnElement[Any] = lines.tax_minor
    gross: ColumnElement[Any] = lines.gross_minor
    made: dict[str, ColumnElement[Any]] = {}
    if "tax" in group_by:
        taxes = func.jsonb_array_elements(lines.taxes).table_valued("value").lateral("taxes")
        source = report_lines.outerjoin(taxes, true())
        of = taxes.c.value
        made = {"tax_code": of.op("->>")(0), "rate_ppm": cast(of.op("->>")(1), BigInteger)}
        tax = func.coalesce(cast(of.op("->>")(2), BigInteger), literal(0))
        gross = lines.net_minor + tax
    keys = [made[name].label(name) if name in made else lines[name] for name in columns_of(group_by)]
    receipt = [lines.maker_id, lines.epoch, lines.branch, lines.sequence, lines.sign, lines.is_refund]
    figures = [
        func.sum(lines.quantity_milli).label("quantity_milli"),
        func.sum(gross).label("gross_minor"),
        func.sum(lines.net_minor).label("net_minor"),
        func.sum(tax).label("tax_minor"),
        func.sum(lines.discount_minor).label("discount_minor"),
    ]
    return (
        select(*keys, lines.sign, lines.is_refund, *figures)
        .select_from(source)
        .where(*_within(report_lines, tenant_id, span))
        .group_by(*keys, *receipt)
    )


def _within(table: FromClause, tenant_id: UUID, span: Span) -> Sequence[ColumnElement[bool]]:
    within = [table.c.tenant_id == tenant_id, table.c.business_date.between(span.first, span.last)]
    if span.location_id is not None:
        within.append(table.c.location_id == span.location_id)
    return within


def _by_code_point(key: ColumnElement[Any]) -> ColumnElement[Any]:
    return key.collate("C") if key.key in {"category", "tax_code"} else key
