"""The databases of a test run: copied from one migrated template, emptied after a test and lent to the next.

Copying and dropping a database takes PostgreSQL a third of a second of a core; deleting the few rows of a test takes a
tenth of that (truncating takes a half: each table and index becomes a new file). What deleting rows does not bring
back is looked for each time: a database whose catalogue, privileges or first rows a test changed is dropped.
"""

from dataclasses import dataclass, field
from typing import Any, Final
from uuid import uuid4

import asyncpg

from central.database.embedded import EmbeddedPostgres, superuser

template_name: Final = "template_central"
lock_wait_ms_max: Final = 30_000
_HANG_UP: Final = """
    select bool_and(pg_terminate_backend(pid, 30000)) from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'
"""
_FILLED: Final = """
    select oid::regclass::text from pg_class
    where relnamespace = 'till'::regnamespace and relkind = 'r' and pg_relation_size(oid) > 0
"""
_CATALOGUE: Final = """
    select concat_ws(
        ' ',
        (select md5(string_agg(concat_ws(' ', oid, relname, relnamespace, relowner, relkind, relacl, relchecks,
                                         relrowsecurity, relforcerowsecurity, reloptions), ',' order by oid))
         from pg_class where oid >= 16384),
        (select concat(count(*), ':', max(xmin::text::bigint)) from pg_attribute where attrelid >= 16384),
        (select concat(count(*), ':', max(xmin::text::bigint)) from pg_attrdef),
        (select concat(count(*), ':', max(xmin::text::bigint)) from pg_constraint),
        (select concat(count(*), ':', max(xmin::text::bigint)) from pg_trigger),
        (select concat(count(*), ':', max(xmin::text::bigint)) from pg_policy),
        (select concat(count(*), ':', max(xmin::text::bigint)) from pg_proc),
        (select concat(count(*), ':', max(xmin::text::bigint)) from pg_namespace),
        (select concat(count(*), ':', max(xmin::text::bigint)) from pg_type),
        (select concat(count(*), ':', max(xmin::text::bigint)) from pg_db_role_setting)
    )
"""


@dataclass(frozen=True)
class _Untouched:
    """What a database is like before a test: its catalogue, and the rows that the migrations wrote."""

    catalogue: str
    rows: dict[str, list[str]]

    async def is_found_again(self, connection: Any) -> bool:
        if await connection.fetchval(_CATALOGUE) != self.catalogue:
            return False
        return all([await _rows(connection, table) == rows for table, rows in self.rows.items()])


async def _look_at(connection: Any) -> _Untouched:
    tables = [row[0] for row in await connection.fetch(_FILLED)]
    return _Untouched(
        await connection.fetchval(_CATALOGUE), {table: await _rows(connection, table) for table in tables}
    )


async def _rows(connection: Any, table: str) -> list[str]:
    return [row[0] for row in await connection.fetch(f"select t::text from {table} t order by 1")]


@dataclass
class TestServer:
    """The PostgreSQL of this run, with a migrated database to copy from and emptied ones to lend."""

    __test__ = False
    server: EmbeddedPostgres
    _free: list[str] = field(default_factory=list)
    _untouched: _Untouched | None = None

    def address(self, role: str, database: str) -> str:
        return self.server.address(role, database)

    async def make(self, *, template: str = template_name) -> str:
        """A fresh database; answers its name."""
        name = f"test_{uuid4().hex}"
        admin = await asyncpg.connect(self.address(superuser, "postgres"))
        try:
            await admin.execute(f"create database {name} template {template} strategy file_copy owner till_owner")
        finally:
            await admin.close()
        return name

    async def drop(self, name: str) -> None:
        admin = await asyncpg.connect(self.address(superuser, "postgres"))
        try:
            await admin.execute(f"drop database {name} with (force)")
        finally:
            await admin.close()

    async def lend(self) -> str:
        """A migrated database with nothing in it; answers its name."""
        if self._free:
            return self._free.pop()
        name = await self.make()
        if self._untouched is None:
            admin = await asyncpg.connect(self.address(superuser, name))
            try:
                self._untouched = await _look_at(admin)
            finally:
                await admin.close()
        return name

    async def take_back(self, name: str) -> None:
        """Hang up on whoever still uses a lent database, and empty it for the next test (or drop it)."""
        admin = await asyncpg.connect(
            self.address(superuser, name), server_settings={"lock_timeout": str(lock_wait_ms_max)}
        )
        try:
            as_new = await admin.fetchval(_HANG_UP) is not False and await self._empty(admin)
        finally:
            await admin.close()
        if as_new:
            self._free.append(name)
        else:
            await self.drop(name)

    async def _empty(self, admin: Any) -> bool:
        """Whether the database is as new now."""
        assert self._untouched is not None
        if not await self._untouched.is_found_again(admin):
            return False
        filled = [row[0] for row in await admin.fetch(_FILLED) if row[0] not in self._untouched.rows]
        if filled:
            await admin.execute(
                "set session_replication_role = replica;"  # no foreign key and no trigger of ours has a say here
                + ";".join(f"delete from {table}" for table in filled)
            )
            await admin.execute(f"vacuum (truncate, index_cleanup on) {', '.join(filled)}")
        return True
