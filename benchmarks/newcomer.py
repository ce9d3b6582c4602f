"""The endpoint that a newcomer would write: SQLAlchemy ORM, one transaction an event; event, sale and lines, no ledger.

`python -m benchmarks.newcomer ADDRESS` serves on a free port and prints it.
"""

import asyncio
import sys
from datetime import datetime
from uuid import UUID

from aiohttp import web
from sqlalchemy import BigInteger, ForeignKey, LargeBinary, MetaData, String
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from protocol.events import Sale, read_line, read_payload


class Base(DeclarativeBase):
    metadata = MetaData(schema="newcomer")


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
        terminal_id = UUID(http.headers["Terminal"])
        for raw in (await http.read()).splitlines():
            event = read_payload(read_line(raw))
            assert isinstance(event.payload, Sale)
            async with sessions() as session:
                session.add(EventRow(terminal_id=terminal_id, sequence=event.sequence, line=raw))
                sale = SaleRow(
                    sale_id=event.payload.sale_id,
                    terminal_id=terminal_id,
                    receipt_number=event.payload.receipt_number,
                    created_at=event.created_at.replace(tzinfo=None),
                    gross_minor=event.payload.gross_minor,
                )
                sale.lines = [
                    LineRow(
                        line=line.line,
                        product_id=line.product_id,
                        name=line.name,
                        quantity_milli=line.quantity_milli,
                        gross_minor=line.gross_minor,
                    )
                    for line in event.payload.lines
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
