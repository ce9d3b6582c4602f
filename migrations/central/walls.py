"""What every migration of the central server does alike: run a script, and put a table behind the tenant's wall.

A table's wall is forced row-level security for `till_app`, which owns nothing. The policy reads the tenant that
`till.enter` set for this transaction; after the first `set local` of a connection the setting is `''`, not null, hence
`nullif`.
"""

import re
from typing import Any

from alembic import op

_name = re.compile(r"[a-z][a-z0-9_]*\Z")
_all_rights = ("select", "insert", "update", "delete")


def run(sql: str) -> None:
    """Run a script of any number of statements in the migration's transaction."""
    bind = op.get_bind()
    bind.exec_driver_sql("select 1")  # SQLAlchemy opens the transaction with its first statement
    connection: Any = bind.connection.dbapi_connection
    connection.run_async(lambda driver: driver.execute(sql))


def protect(*tables: str, rights: tuple[str, ...] = _all_rights) -> None:
    """Force row-level security on tables of schema `till` and give `till_app` its rights on their tenant's rows."""
    for table in tables:
        _check(table, rights)
        run(
            f"""
            alter table till.{table} enable row level security;
            alter table till.{table} force row level security;
            create policy tenant on till.{table}
                using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
                with check (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
            """
        )
        grant(table, rights=rights)


def grant(table: str, *, rights: tuple[str, ...]) -> None:
    """Give `till_app` rights on a table of schema `till`; alone only for the few tables that have no tenant."""
    _check(table, rights)
    run(f"grant {', '.join(rights)} on till.{table} to till_app")


def _check(table: str, rights: tuple[str, ...]) -> None:
    if not _name.match(table) or not set(rights) <= set(_all_rights):
        raise ValueError(f"{table!r} is no plain table name of schema till, or {rights!r} no rights")
