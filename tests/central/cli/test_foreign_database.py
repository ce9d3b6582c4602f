"""A PostgreSQL of the operator's own, named by `--database-url`: one URL is enough, and nobody serves as superuser."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import asyncpg
import pytest

from central.database.embedded import EmbeddedPostgres, superuser
from tests.central.cli.conftest import LOOPBACK, CommandLine


@dataclass
class ForeignServer:
    """A server that asks for passwords."""

    server: EmbeddedPostgres

    def url(self, role: str = "admin", password: str = "secret") -> str:
        host = quote(str(self.server.folder / "socket"), safe="")
        return f"postgresql://{role}:{password}@/postgres?host={host}&port=5432"

    def fetch(self, sql: str) -> set[object]:
        async def run() -> set[object]:
            connection = await asyncpg.connect(self.server.address(superuser, "postgres"))
            try:
                return {tuple(row) for row in await connection.fetch(sql)}
            finally:
                await connection.close()

        return asyncio.run(run())


@pytest.fixture
def foreign(tmp_path: Path) -> Iterator[ForeignServer]:
    """An administrator `admin`, and `guest`, who may do nothing."""
    server = EmbeddedPostgres(tmp_path / "foreign")
    server.enter()
    found = ForeignServer(server)
    found.fetch("create role admin superuser login password 'secret'")
    found.fetch("create role guest login password 'secret'")
    hba = f"local all {superuser} peer map=central\nlocal all all scram-sha-256\n"
    (server.folder / "pg_hba.conf").write_text(hba)
    found.fetch("select pg_reload_conf()")
    yield found
    server.leave()
    server.destroy()


def test_an_administrators_url_is_enough_and_central_serves_as_the_role_that_owns_nothing(
    foreign: ForeignServer, till_central: CommandLine
) -> None:
    url = ["--database-url", foreign.url()]
    made = till_central.run("tenant", "create", "Corner Shop", "--currency", "EUR", "--json", *url)
    serving = till_central.serve(*url)
    try:
        roles = foreign.fetch("select usename::text from pg_stat_activity where application_name = 'till-central'")
    finally:
        serving.stop()

    assert (made.status, roles) == (0, {("till_app",)})
    assert not (till_central.data_dir / "postgresql-cluster").exists()


def test_migrate_says_whom_to_serve_as(foreign: ForeignServer, till_central: CommandLine) -> None:
    migrated = till_central.run("migrate", "--json", "--database-url", foreign.url())
    listed = till_central.run("tenant", "list", "--json", "--database-url", migrated.json["database_url"])
    may_not = till_central.run("migrate", "--database-url", migrated.json["database_url"])

    assert "//till_app:" in migrated.json["database_url"]
    assert listed.json == {"tenants": []}
    assert (may_not.status, may_not.err.count("\n"), "administrator" in may_not.err) == (1, 1, True)


def test_who_may_not_is_told_the_next_step_in_one_line(foreign: ForeignServer, till_central: CommandLine) -> None:
    for arguments, said in (
        (["tenant", "list", "--database-url", foreign.url("guest")], "till-central migrate"),
        (["migrate", "--database-url", foreign.url("guest")], "may create roles and schemas"),
        (["tenant", "list", "--database-url", foreign.url("admin", "wrong")], "does not let us in"),
        (["serve", *LOOPBACK, "--database-url", "postgresql://x@127.0.0.1:1/x"], "does not let us in"),
        (["serve", *LOOPBACK, "--database-url", "mysql://x@127.0.0.1/x"], "not PostgreSQL's"),
        (["serve", *LOOPBACK, "--database-url", "nonsense"], "cannot be read"),
    ):
        refused = till_central.run(*arguments)

        assert (refused.status, refused.out, refused.err.count("\n")) == (1, "", 1), refused.err
        assert said in refused.err
