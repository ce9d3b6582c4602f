"""A small domain to follow: goods that all locations have, or some, kept in a table of the test's own database."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from uuid import UUID, uuid4

import asyncpg
import msgspec

from central.database import Database
from central.downlink import Recipient, RecordedChange, Sources, record
from central.downlink.cursor import Cursor
from central.downlink.pages import Page, read_page
from central.tenant_session import TenantSession, operator, tenant_session
from protocol.downlink import SNAPSHOT_ORDER, Entity

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
TODAY = date(2026, 11, 24)
PLACES = (UUID(int=1), UUID(int=2))
Key = tuple[str, str]


async def make_table(superuser_address: str) -> None:
    """The goods' table, behind no wall: the test's own statements name the tenant."""
    connection = await asyncpg.connect(superuser_address)
    try:
        await connection.execute(
            """
            create table till.goods (
                tenant_id uuid, entity text, id text, location_ids uuid[], dated_on date, value integer,
                primary key (tenant_id, entity, id));
            grant all on till.goods to till_app;
            """
        )
    finally:
        await connection.close()


class Goods:
    """The goods of one new tenant."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.tenant_id = uuid4()
        self.sources = Sources(
            recipient=_no_recipient,
            begin_poll=_no_poll,
            loaders={entity: self._loader(entity) for entity in SNAPSHOT_ORDER},
        )

    async def open(self) -> None:
        async with tenant_session(self.database, operator(self.tenant_id)) as session:
            await session.driver.execute(
                "insert into till.tenants values ($1, $2, 'Goods', 'EUR', $3)", self.tenant_id, self.tenant_id.hex, NOW
            )
            await session.driver.execute("insert into till.tenant_counters (tenant_id) values ($1)", self.tenant_id)

    async def put(
        self,
        entity: Entity,
        one: str,
        value: int,
        location_ids: Sequence[UUID] | None = None,
        dated_on: date | None = None,
    ) -> None:
        """Make or change a good, in a transaction of its own."""
        async with tenant_session(self.database, operator(self.tenant_id)) as session:
            await self.put_in(session, entity, one, value, location_ids, dated_on)

    async def put_in(
        self,
        session: TenantSession,
        entity: Entity,
        one: str,
        value: int,
        location_ids: Sequence[UUID] | None = None,
        dated_on: date | None = None,
    ) -> None:
        before = await self._scopes(session, entity, one)
        await session.driver.execute(
            """
            insert into till.goods values ($1, $2, $3, $4, $5, $6)
            on conflict (tenant_id, entity, id) do update
            set location_ids = excluded.location_ids, dated_on = excluded.dated_on, value = excluded.value
            """,
            self.tenant_id,
            entity,
            one,
            location_ids,
            dated_on,
            value,
        )
        now = {self.tenant_id} if location_ids is None else set(location_ids)
        await record(
            session,
            [RecordedChange(scope, entity, one, scope not in now, dated_on) for scope in sorted(before | now)],
        )

    async def delete(self, entity: Entity, one: str) -> None:
        async with tenant_session(self.database, operator(self.tenant_id)) as session:
            before = await self._scopes(session, entity, one)
            await session.driver.execute(
                "delete from till.goods where tenant_id = $1 and entity = $2 and id = $3", self.tenant_id, entity, one
            )
            await record(session, [RecordedChange(scope, entity, one, True) for scope in sorted(before)])

    async def page(self, cursor: Cursor | None, place: UUID = PLACES[0], limit: int = 1000, days: int = 30) -> Page:
        async with tenant_session(self.database, operator(self.tenant_id)) as session:
            return await read_page(session, self.sources, recipient(place, days), cursor, limit, NOW)

    async def _scopes(self, session: TenantSession, entity: Entity, one: str) -> set[UUID]:
        """Where a good was until now; its row is locked, so that two writers of one good do not pass each other."""
        row = await session.driver.fetchrow(
            "select location_ids from till.goods where tenant_id = $1 and entity = $2 and id = $3 for update",
            self.tenant_id,
            entity,
            one,
        )
        if row is None:
            return set()
        return {self.tenant_id} if row["location_ids"] is None else set(row["location_ids"])

    def _loader(self, entity: Entity):  # type: ignore[no-untyped-def]
        async def load(session: TenantSession, to: Recipient, ids: Sequence[str]) -> Mapping[str, object]:
            rows = await session.driver.fetch(
                """
                select id, value from till.goods
                where tenant_id = $1 and entity = $2 and id = any($3::text[])
                    and (location_ids is null or $4 = any(location_ids))
                """,
                self.tenant_id,
                entity,
                list(ids),
                to.location_id,
            )
            return {row["id"]: {"value": row["value"]} for row in rows}

        return load


class Replica:
    """A terminal's copy: it applies pages and follows the cursor, nothing else."""

    def __init__(self, goods: Goods, place: UUID, limit: int = 1000) -> None:
        self.goods = goods
        self.place = place
        self.limit = limit
        self.cursor: Cursor | None = None
        self.more = True
        self.rows: dict[Key, int] = {}

    async def step(self) -> None:
        page = await self.goods.page(self.cursor, self.place, self.limit)
        assert len(page.changes) <= self.limit
        for raw in page.changes:
            change = msgspec.json.decode(raw)
            key = (change["entity"], change["id"])
            if change["op"] == "put":
                self.rows[key] = change["data"]["value"]
            else:
                assert change["data"] is None
                self.rows.pop(key, None)
        self.cursor, self.more = page.cursor, page.more

    async def catch_up(self) -> dict[Key, int]:
        self.more = True
        while self.more:
            await self.step()
        return self.rows


def recipient(place: UUID, days: int = 30) -> Recipient:
    return Recipient(
        terminal_id=UUID(int=9),
        epoch=1,
        location_id=place,
        pin_key=b"",
        polling=None,
        timezone="UTC",
        today=TODAY,
        receipt_days=days,
        name="Shop",
        code="S",
        address=None,
        tax_number=None,
        receipt_header=None,
        receipt_footer=None,
        locale=None,
    )


async def _no_recipient(session: TenantSession, now: datetime) -> tuple[Recipient, UUID]:
    raise NotImplementedError("goods are read page by page, without HTTP")


async def _no_poll(session: TenantSession, poll: UUID) -> None:
    raise NotImplementedError("goods are read page by page, without HTTP")
