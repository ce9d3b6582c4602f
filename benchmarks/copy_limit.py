"""The limit: a bare COPY of the very rows that central made of some sales, with no check and no question asked.

The finished rows of a run are exported once, as COPY's own binary chunks, and copied into tables with the same columns,
keys and indexes, with one, two and four connections at once; the best of the three is the limit of that round.
"""

import asyncio
import time
from collections.abc import Sequence
from io import BytesIO
from typing import Any, Final
from uuid import UUID

import asyncpg

connections: Final = (1, 2, 4)
sales_per_chunk: Final = 400

# What a sale adds rows to, with what tells one sale's rows from another's, and the change that tells its shop's other
# tills of it; roll-ups and balances are finished rows too,
# but few: they go with the first chunk.
per_sale: Final = ("events", "receipts", "report_lines", "entries")
summed: Final = ("daily_balances", "sales_daily", "sales_hourly")
_changes: Final = """
    select c.* from till.changes c
    join till.receipts r on r.location_id = c.scope and c.entity = 'receipt' and c.entity_id = r.receipt_id::text
    join unnest($2::uuid[], $3::bigint[]) k (terminal_id, sequence)
        on r.terminal_id = k.terminal_id and r.sequence = k.sequence
    where c.tenant_id = $1 and r.tenant_id = $1
"""
tables: Final = (*per_sale, "changes", *summed)


class FinishedRows:
    """The rows of some sales of one tenant, as chunks of COPY's binary form."""

    def __init__(self, chunks: list[list[tuple[str, bytes]]], sales: int) -> None:
        self.chunks = chunks
        self.sales = sales


async def export(connection: Any, tenant_id: UUID, sales: int) -> FinishedRows:
    """The finished rows of the tenant's first so many sales."""
    wanted = await connection.fetch(
        "select terminal_id, sequence from till.events where tenant_id = $1 and type = 'SALE'"
        " order by terminal_id, sequence limit $2",
        tenant_id,
        sales,
    )
    chunks: list[list[tuple[str, bytes]]] = []
    for start in range(0, len(wanted), sales_per_chunk):
        keys = wanted[start : start + sales_per_chunk]
        chunk = []
        for table in per_sale:
            query = (
                f"select t.* from till.{table} t join unnest($2::uuid[], $3::bigint[]) k (terminal_id, sequence)"  # noqa: S608
                " on t.terminal_id = k.terminal_id and t.sequence = k.sequence where t.tenant_id = $1"
            )
            chunk.append((table, await _copied(connection, query, tenant_id, *zip(*keys, strict=True))))
        chunk.append(("changes", await _copied(connection, _changes, tenant_id, *zip(*keys, strict=True))))
        if not chunks:
            for table in summed:
                query = f"select * from till.{table} where tenant_id = $1"  # noqa: S608
                chunk.append((table, await _copied(connection, query, tenant_id)))
        chunks.append(chunk)
    return FinishedRows(chunks, len(wanted))


async def _copied(connection: Any, query: str, *arguments: Any) -> bytes:
    out = BytesIO()
    await connection.copy_from_query(query, *arguments, output=out, format="binary")
    return out.getvalue()


async def prepare(connection: Any) -> None:
    """Tables with the same columns, keys, indexes and storage, and no row-level security."""
    await connection.execute("drop schema if exists copied cascade; create schema copied")
    for table in tables:
        await connection.execute(f"create table copied.{table} (like till.{table} including all)")


async def measure(address: str, rows: FinishedRows) -> dict[int, float]:
    """Sales a second by the number of connections."""
    found = {}
    for count in connections:
        pool: Sequence[Any] = [await asyncpg.connect(address) for _ in range(count)]
        await pool[0].execute(f"truncate {', '.join(f'copied.{table}' for table in tables)}")
        started = time.perf_counter()
        await asyncio.gather(*(_copy(connection, rows.chunks[n::count]) for n, connection in enumerate(pool)))
        found[count] = rows.sales / (time.perf_counter() - started)
        for connection in pool:
            await connection.close()
    return found


async def _copy(connection: Any, chunks: list[list[tuple[str, bytes]]]) -> None:
    for chunk in chunks:
        async with connection.transaction():
            for table, data in chunk:
                await connection.copy_to_table(table, schema_name="copied", source=BytesIO(data), format="binary")
