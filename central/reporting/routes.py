"""Reports over HTTP (contract, section 8)."""

import asyncio
from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
from aiohttp import web
from msgspec import Struct

from central.http import VIEWER, Invalid, Request, Route
from central.ledger.currency import currency_of
from central.ledger.routes import check_span
from central.reporting.exports import WRITERS, accepted
from central.reporting.roll_ups import FIGURES
from central.reporting.sales_report import COLUMNS, Span, columns_of, rows_max, sales_report
from central.tenant_session import TenantSession

days_max: Final = 400


class SalesReportQuery(Struct, frozen=True, kw_only=True):
    """`from` and `to` are business dates, both included; `group_by` a list with commas."""

    first: date | None = msgspec.field(name="from", default=None)
    last: date | None = msgspec.field(name="to", default=None)
    group_by: str = ""
    location_id: UUID | None = None


class SalesReport(Struct, frozen=True):
    currency: str
    rows: list[dict[str, Any]]


async def get_sales_report(request: Request, session: TenantSession) -> web.Response:
    query: SalesReportQuery = request.query
    media_type = accepted(request.http.headers.get("Accept"))
    group_by = _dimensions(query.group_by)
    await check_span(session, query.first, query.last, query.location_id)
    first, last = span_of(query.first, query.last, request.services.clock().date())
    rows = await sales_report(session, Span(first, last, query.location_id), group_by)
    if len(rows) > rows_max:
        raise Invalid(f"more than {rows_max:,} rows: ask for a shorter span or fewer dimensions", field="group_by")
    columns = (*columns_of(group_by), *FIGURES)
    currency = await currency_of(session)
    body = await asyncio.to_thread(WRITERS[media_type], rows, columns, currency)
    charset = "utf-8" if media_type == "text/csv" else None
    return web.Response(body=body, content_type=media_type, charset=charset)


def span_of(first: date | None, last: date | None, today: date) -> tuple[date, date]:
    """The business dates of a report: through tomorrow where `to` is left out, since somewhere it is tomorrow already.

    Raises `Invalid` for more than 400 days.
    """
    if last is None:
        last = max(today + timedelta(days=1), first or today)
    if first is None:
        first = last - timedelta(days=min(days_max - 1, (last - date.min).days))
    if (last - first).days >= days_max:
        raise Invalid(f"a report spans {days_max} days at most", field="from")
    return first, last


def _dimensions(group_by: str) -> frozenset[str]:
    names = [name.strip() for name in group_by.split(",")] if group_by.strip() else []
    unknown = [name for name in names if name not in COLUMNS]
    if unknown or len(set(names)) != len(names):
        raise Invalid(f"a list of {', '.join(COLUMNS)}, each once", field="group_by")
    return frozenset(names)


ROUTES: Final = [
    Route(
        method="GET",
        path="/v1/reports/sales",
        handler=get_sales_report,
        roles=VIEWER,
        summary="Sales and refunds by any of ten dimensions, as JSON, CSV or Parquet by Accept",
        query=SalesReportQuery,
        answer=SalesReport,
        answer_media_types=tuple(WRITERS),
        raw=True,
        reports=True,
    ),
]
