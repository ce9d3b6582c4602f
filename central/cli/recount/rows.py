"""Rows of a snapshot in the order of their events, a cursor at a time; and rows given out event by event."""

from collections.abc import AsyncIterator
from typing import Any, Final

from central.ledger.posting import EventKey
from central.tenant_session import TenantSession

rows_at_a_time: Final = 2_000
statement_seconds_max: Final = 3_600.0

# Each is a statement of its own text, so that nothing is ever put together from pieces.
CURSORS: Final[dict[str, tuple[str, str]]] = {
    "events": (
        "declare events no scroll cursor for select terminal_id, epoch, branch, sequence, state, type, location_id,"
        " business_date, received_at, line_hash, signature, line from till.events where tenant_id = $1"
        " order by terminal_id, epoch, branch, sequence",
        "fetch 2000 from events",
    ),
    "entries": (
        "declare entries no scroll cursor for select terminal_id, epoch, branch, sequence, location_id, business_date,"
        " account, amount_minor, entry_number from till.entries where tenant_id = $1"
        " order by terminal_id, epoch, branch, sequence, entry_number",
        "fetch 2000 from entries",
    ),
    "lines": (
        "declare lines no scroll cursor for select maker_id as terminal_id, epoch, branch, sequence, business_date,"
        " location_id, terminal_id as seller_id, cashier_id, product_id, price_rule_id, approved_by, quantity_milli,"
        " gross_minor, net_minor, tax_minor, discount_minor, line, hour, sign, is_refund, category,"
        " taxes::text as taxes from till.report_lines where tenant_id = $1"
        " order by maker_id, epoch, branch, sequence, line",
        "fetch 2000 from lines",
    ),
    "receipts": (
        "declare receipts no scroll cursor for select terminal_id, epoch, branch, sequence, receipt_id, is_refund,"
        " copy, receipt_number, location_id, business_date, original_id, void_count from till.receipts"
        " where tenant_id = $1 and not awaited order by terminal_id, epoch, branch, sequence",
        "fetch 2000 from receipts",
    ),
}


async def rows_of(session: TenantSession, name: str) -> AsyncIterator[Any]:
    """All rows of one of `CURSORS`, in its order."""
    declare, fetch = CURSORS[name]
    await session.driver.execute(declare, session.tenant_id, timeout=statement_seconds_max)
    while True:
        rows = await session.driver.fetch(fetch, timeout=statement_seconds_max)
        for row in rows:
            yield row
        if len(rows) < rows_at_a_time:
            return


def key_of(row: Any) -> EventKey:
    return (row["terminal_id"], row["epoch"], row["branch"], row["sequence"])


class Alongside:
    """Rows in the order of events, given out with the event that they belong to."""

    def __init__(self, rows: AsyncIterator[Any]) -> None:
        self._rows = rows
        self._next: Any = None
        self._ended = False
        self.strays: list[Any] = []
        """Rows whose event is not there; whoever takes them empties it."""

    async def take(self, key: EventKey) -> list[Any]:
        """The rows of an event; those before it that nobody took are strays."""
        taken: list[Any] = []
        while (row := await self._peek()) is not None:
            at = key_of(row)
            if at > key:
                break
            (taken if at == key else self.strays).append(row)
            self._next = None
        return taken

    async def end(self) -> None:
        """What is left belongs to no event."""
        while (row := await self._peek()) is not None:
            self.strays.append(row)
            self._next = None

    async def _peek(self) -> Any:
        if self._next is None and not self._ended:
            self._next = await anext(self._rows, None)
            self._ended = self._next is None
        return self._next
