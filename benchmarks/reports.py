"""Sales by store over 90 days of 100 stores and a million sales: the roll-up beside the recount from the lines.

The lines are made by PostgreSQL in the real tables and the roll-ups from them, so that both give the same figures,
which is checked. Both are asked through one connection as `till_app`, inside the tenant, turn by turn. The recount is
the cheapest that there is: one pass that takes a receipt's first line for the receipt.
"""

import time
from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final, TypeAlias
from uuid import UUID

import asyncpg

from benchmarks.figures import Figure, Goal, Scale, at_least, median_duration, ratios
from benchmarks.stage import Stage, stage
from central.database import Database, load_queries
from central.reporting.roll_ups import FIGURES
from central.reporting.sales_report import Span, sales_report
from central.tenant_session import TenantSession, operator, tenant_session

SQL: Final = load_queries(Path(__file__).with_name("reports.sql"))

stores: Final = 100
days: Final = 90
sales_full: Final = 1_000_000
sales_quick: Final = 60_000
first_day: Final = date(2026, 8, 1)
wanted: Final = 30.0

Answer: TypeAlias = dict[UUID, tuple[int, ...]]


async def measure(scale: Scale) -> list[Figure]:
    sales = sales_quick if scale.quick else sales_full
    async with stage() as there:
        begin = time.monotonic()
        await _load(there, sales)
        scale.say(f"{sales:,} sales of 2 lines in {stores} stores over {days} days, made in {_since(begin)}")
        database = Database(there.served_address, connections=1)
        try:
            return await _rounds(scale, there, database)
        finally:
            await database.close()


async def _load(there: Stage, sales: int) -> None:
    owner = await asyncpg.connect(there.owner_address)
    try:
        a_day = sales // days
        for number in range(days):
            day = first_day + timedelta(days=number)
            more = sales - a_day * days if number == days - 1 else 0
            await owner.execute(SQL.make_lines, there.tenant_id, day, a_day + more, stores)
        await owner.execute(SQL.make_hourly, there.tenant_id)
        await owner.execute(SQL.make_daily, there.tenant_id)
        await owner.execute("vacuum analyze till.report_lines, till.sales_hourly, till.sales_daily")
    finally:
        await owner.close()


async def _rounds(scale: Scale, there: Stage, database: Database) -> list[Figure]:
    span = Span(first_day, first_day + timedelta(days=days - 1))
    rolled: list[float] = []
    hourly: list[float] = []
    recounted: list[float] = []
    over_http: list[float] = []
    for turn in range(scale.rounds + 1):  # the first warms caches and plans
        async with tenant_session(database, operator(there.tenant_id)) as session:
            quick, answer = await _timed(lambda s=session: _roll_up(s, span))  # type: ignore[misc]
            cashiers, _ = await _timed(lambda s=session: sales_report(s, span, {"cashier"}))  # type: ignore[misc]
            slow, recount = await _timed(lambda s=session: _recount(s, span))  # type: ignore[misc]
        if answer != recount or len(answer) != stores:
            raise RuntimeError("the roll-up and the recount do not agree")
        asked, _ = await _timed(lambda: _ask(there, span))
        if turn:
            rolled.append(quick)
            hourly.append(cashiers)
            recounted.append(slow)
            over_http.append(asked)
            scale.say(f"round {turn}: roll-up {quick * 1e3:.1f} ms, recount {slow * 1e3:.0f} ms")
    found = ratios(recounted, rolled)
    goal = Goal(f"≥ {wanted:g}", None) if scale.quick else at_least(wanted, found)
    return [
        Figure(
            "sales by store: how many times faster than a recount",
            median_duration(rolled),
            f"recount from report_lines {median_duration(recounted)}",
            found,
            goal,
            "the roll-up by day",
        ),
        Figure(
            "sales by cashier: the same",
            median_duration(hourly),
            f"recount from report_lines {median_duration(recounted)}",
            ratios(recounted, hourly),
            note="the roll-up by hour, terminal and cashier",
        ),
        Figure(
            "sales by store over HTTP, end to end",
            median_duration(over_http),
            f"the roll-up's statement {median_duration(rolled)}",
            ratios(over_http, rolled),
            note="key checked, rows encoded as JSON",
        ),
    ]


async def _timed(work: Callable[[], Awaitable[Any]]) -> tuple[float, Any]:
    begin = time.perf_counter()
    answer = await work()
    return time.perf_counter() - begin, answer


async def _roll_up(session: TenantSession, span: Span) -> Answer:
    rows = await sales_report(session, span, {"location"})
    return {row["location_id"]: tuple(row[figure] for figure in FIGURES) for row in rows}


async def _recount(session: TenantSession, span: Span) -> Answer:
    rows = await session.driver.fetch(SQL.recount, session.tenant_id, span.first, span.last)
    return {row["location_id"]: tuple(int(row[figure]) for figure in FIGURES) for row in rows}


async def _ask(there: Stage, span: Span) -> None:
    query = {"from": str(span.first), "to": str(span.last), "group_by": "location"}
    async with there.http.get(f"{there.url}/v1/reports/sales", params=query, headers=there.headers) as answer:
        rows = (await answer.json())["rows"]
        if answer.status != 200 or len(rows) != stores:
            raise RuntimeError(f"the report answers {answer.status} with {len(rows)} rows")


def _since(begin: float) -> str:
    return median_duration([time.monotonic() - begin])
