"""The endpoint that a newcomer would write: SQLAlchemy ORM, one transaction an event; event, sale and lines, no ledger.

It does what such an endpoint cannot do without: it knows the till by its token and a repeat by its key. It has no
chain, no signature, no order, no double entries, no reports and no wall between tenants.

`python -m benchmarks.newcomer ADDRESS` serves on a free port and prints it.
"""

import asyncio
import json
import sys
from datetime import datetime
from uuid import UUID

from aiohttp import web
from sqlalchemy import BigInteger, ForeignKey, LargeBinary, MetaData, String, select
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Base(DeclarativeBase):
    metadata = MetaData(schema="newcomer")


class TerminalRow(Base):
    __tablename__ = "terminals"
    terminal_id: Mapped[UUID] = mapped_column(primary_key=True)
    token: Mapped[str] = mapped_column(String(200), unique=True)


class EventRow(Base):
    __tablename__ = "events"
    terminal_id: Mapped[UUID] = mapped_column(primary_key=True)
    sequence: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    line: Mapped[bytes] = mapped_column(LargeBinary)


class SaleRow(Base):
    __tablename__ = "sales"
    sale_id: Mapped[UUID] = mapped_column(primary_key=True)
    terminal_id: Mapped[UUID]
    receipt_number: Mapped[str] = mapped_column(String(100))
    created_at: Mapped[datetime]
    gross_minor: Mapped[int] = mapped_column(BigInteger)
    lines: Mapped[list["LineRow"]] = relationship(back_populates="sale")


class LineRow(Base):
    __tablename__ = "lines"
    sale_id: Mapped[UUID] = mapped_column(ForeignKey("newcomer.sales.sale_id"), primary_key=True)
    line: Mapped[int] = mapped_column(primary_key=True)
    product_id: Mapped[UUID | None]
    name: Mapped[str | None]
    quantity_milli: Mapped[int] = mapped_column(BigInteger)
    gross_minor: Mapped[int] = mapped_column(BigInteger)
    sale: Mapped[SaleRow] = relationship(back_populates="lines")


async def serve(address: str) -> None:
    engine = create_async_engine(address.replace("postgresql://", "postgresql+asyncpg://", 1), pool_size=8)
    sessions = async_sessionmaker(engine)

    async def take(http: web.Request) -> web.Response:
        token = http.headers.get("Authorization", "").removeprefix("Bearer ")
        async with sessions() as session:
            found = await session.execute(select(TerminalRow).where(TerminalRow.token == token))
            terminal = found.scalar_one_or_none()
        if terminal is None:
            raise web.HTTPUnauthorized
        for raw in (await http.read()).splitlines():
            event = json.loads(raw)
            payload = event["payload"]
            async with sessions() as session:
                if await session.get(EventRow, (terminal.terminal_id, event["sequence"])) is not None:
                    continue
                session.add(EventRow(terminal_id=terminal.terminal_id, sequence=event["sequence"], line=raw))
                sale = SaleRow(
                    sale_id=UUID(payload["sale_id"]),
                    terminal_id=terminal.terminal_id,
                    receipt_number=payload["receipt_number"],
                    created_at=datetime.fromisoformat(event["created_at"]).replace(tzinfo=None),
                    gross_minor=payload["gross_minor"],
                )
                sale.lines = [
                    LineRow(
                        line=line["line"],
                        product_id=UUID(line["product_id"]),
                        name=line["name"],
                        quantity_milli=line["quantity_milli"],
                        gross_minor=line["gross_minor"],
                    )
                    for line in payload["lines"]
                ]
                session.add(sale)
                await session.commit()
        return web.json_response({"ok": True})

    app = web.Application(client_max_size=8 * 1024 * 1024)
    app.router.add_post("/sales", take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1]))
