"""The books of one tenant in tests: tills whose events are booked as the uplink books them, and what the tables say."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from central import ledger, reporting, sales
from central.database import Database
from central.sales.exception_records import ExceptionRecord
from central.tenancy import tenants
from central.tenant_session import TenantSession, operator, tenant_session
from protocol import chain
from protocol.events import Payload
from protocol.lines import read_line, read_payload
from tests.trade import MORNING, Journal, id_of

ARRIVAL = MORNING + timedelta(hours=8)
DAWN = datetime(2026, 11, 1, tzinfo=UTC)


@dataclass
class Till:
    """A terminal of the test's tenant: it rings events up, which then wait to be booked."""

    name: str
    location: str = "LISBON"
    journal: Journal = field(init=False)
    pending: list[sales.AppliedEvent] = field(default_factory=list)
    counter: int = 0

    def __post_init__(self) -> None:
        self.journal = Journal(terminal=self.name)

    @property
    def location_id(self) -> UUID:
        return id_of(f"location {self.location}")

    def rings(self, *payloads: Payload, **how: Any) -> "Till":
        """Commit events to the journal; they wait to be booked."""
        for payload in payloads:
            self.pending.append(self.applied(self.journal.append(payload, **how)))
        return self

    def applied(self, line: bytes) -> sales.AppliedEvent:
        """A line as the uplink hands it to the books."""
        event = read_payload(read_line(line))
        before = self.journal.lines[event.sequence - 2] if event.sequence > 1 else None
        assert self.journal.terminal_id is not None
        return sales.AppliedEvent(
            terminal_id=self.journal.terminal_id,
            epoch=self.journal.epoch,
            location_id=self.location_id,
            received_at=ARRIVAL,
            receipt_prefix=f"{self.name}-",
            enrolled_at=DAWN,
            previous_created_at=None if before is None else read_payload(read_line(before)).created_at,
            line=line,
            event=event,
        )


class Books:
    """A tenant and its books."""

    def __init__(self, database: Database, tenant_id: UUID) -> None:
        self.database = database
        self.tenant_id = tenant_id
        self.counters: dict[tuple[UUID, int], int] = {}
        self.ids = 0

    async def create(self, currency: str = "EUR") -> "Books":
        async with tenant_session(self.database, operator(self.tenant_id)) as session:
            await tenants.create(
                session, name="Lisbon Grocers", code=f"t-{self.tenant_id}"[:30].strip("-"), currency=currency, now=DAWN
            )
        return self

    async def take(self, *tills: Till, now: datetime = ARRIVAL) -> list[ExceptionRecord]:
        """Book all that is pending of some tills in one batch."""
        events = [event for till in tills for event in till.pending]
        for till in tills:
            till.pending.clear()
        return await self.book(events, now=now)

    async def book(self, events: Sequence[sales.AppliedEvent], now: datetime = ARRIVAL) -> list[ExceptionRecord]:
        """Book events in one transaction, in this order; answers the exceptions that were raised."""
        counted = [self._counted(event) for event in events]
        async with tenant_session(self.database, operator(self.tenant_id)) as session:
            await self._store(session, counted)
            booked = await sales.book(session, counted, now)
            await reporting.roll_up(session, booked.movements)
            raised = await sales.raise_exceptions(session, booked.exceptions, now, self.next_id)
            await ledger.post(session, booked.postings, now)
        self.counters |= booked.receipt_counters
        return raised

    def next_id(self) -> UUID:
        self.ids += 1
        return id_of(f"{self.tenant_id} {self.ids}")

    async def rows(self, statement: str, *arguments: Any) -> list[dict[str, Any]]:
        """Rows of the tenant; `$1` is the tenant."""
        async with tenant_session(self.database, operator(self.tenant_id)) as session:
            return [dict(row) for row in await session.driver.fetch(statement, self.tenant_id, *arguments)]

    async def balances(self) -> dict[str, int]:
        """What each account comes to, over all days and places; from the entries, after a look at the balances."""
        entries = await self.rows(
            "select account, sum(amount_minor) as amount from till.entries where tenant_id = $1 group by account"
        )
        kept = await self.rows(
            "select account, sum(amount_minor) as amount from till.daily_balances where tenant_id = $1 group by account"
        )
        assert _nonzero(entries) == _nonzero(kept)
        assert sum(_nonzero(entries).values()) == 0
        return _nonzero(entries)

    async def everything(self) -> dict[str, list[tuple[Any, ...]]]:
        """Balances and reports to the last row: what must not depend on the order of arrival."""
        tables = {
            "balances": "select business_date, location_id, account, amount_minor from till.daily_balances"
            " where tenant_id = $1 and amount_minor <> 0",
            "daily": "select * from till.sales_daily where tenant_id = $1",
            "hourly": "select * from till.sales_hourly where tenant_id = $1",
            "lines": "select * from till.report_lines where tenant_id = $1",
            "given": "select * from till.refunded_lines where tenant_id = $1 and quantity_milli <> 0",
            "vouchers": "select * from till.vouchers where tenant_id = $1",
            "shifts": "select shift_id, cash_minor, opens, closes from till.shifts where tenant_id = $1",
            "entries": "select terminal_id, sequence, location_id, business_date, account, amount_minor"
            " from till.entries where tenant_id = $1",
        }
        found = {}
        for name, statement in tables.items():
            found[name] = sorted((tuple(row.values()) for row in await self.rows(statement)), key=repr)
        return found

    async def exceptions(self, status: str = "open") -> list[tuple[str, str]]:
        """Codes and details of the exceptions with a status."""
        rows = await self.rows(
            "select code, detail from till.exceptions where tenant_id = $1 and status = $2 order by code, detail",
            status,
        )
        return [(row["code"], row["detail"]) for row in rows]

    async def codes(self, status: str = "open") -> list[str]:
        return [code for code, _ in await self.exceptions(status)]

    def _counted(self, event: sales.AppliedEvent) -> sales.AppliedEvent:
        values = {name: getattr(event, name) for name in event.__struct_fields__}
        values["receipt_counter"] = self.counters.get((event.terminal_id, event.epoch), 0)
        return sales.AppliedEvent(**values)

    async def _store(self, session: TenantSession, events: Iterable[sales.AppliedEvent]) -> None:
        """Keep the lines as the uplink does."""
        for applied in events:
            await session.driver.execute(
                "insert into till.events (tenant_id, terminal_id, epoch, branch, sequence, state, type, location_id,"
                " business_date, received_at, line_hash, line) values ($1, $2, $3, $4, $5, 'applied', $6, $7, $8, $9,"
                " $10, $11)",
                session.tenant_id,
                *applied.key,
                applied.event.type,
                applied.location_id,
                applied.event.business_date,
                applied.received_at,
                bytes.fromhex(chain.line_hash(applied.line)),
                applied.line,
            )


def day(text: str) -> date:
    return date.fromisoformat(text)


def _nonzero(rows: Iterable[dict[str, Any]]) -> dict[str, int]:
    return {row["account"]: int(row["amount"]) for row in rows if row["amount"]}
