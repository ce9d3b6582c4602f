"""`till-central verify` as a person runs it: silent books, and exit 1 with a table where one is off."""

import asyncio

import asyncpg

from central.database.embedded import EmbeddedPostgres, superuser
from tests.central.cli.conftest import CommandLine


def test_verify_is_clean_until_a_balance_is_planted(till_central: CommandLine) -> None:
    made = till_central.run("tenant", "create", "Corner Shop", "--code", "corner", "--currency", "EUR", "--json")
    assert made.status == 0, made.err
    clean = till_central.run("verify", "--json")
    assert clean.status == 0, clean.err
    (found,) = clean.json["tenants"]
    assert (found["tenant"], found["off"], found["findings"]) == ("corner", 0, [])

    asyncio.run(_plant(till_central, made.json["tenant_id"]))

    off = till_central.run("verify")
    assert off.status == 1, off.err
    assert "corner: 1 off" in off.out
    assert "balance" in off.out
    assert till_central.run("verify", "--tenant", "nobody").status == 1


async def _plant(till_central: CommandLine, tenant_id: str) -> None:
    """A balance without an entry, behind central's back."""
    server = EmbeddedPostgres(till_central.data_dir)
    await asyncio.to_thread(server.enter)
    connection = await asyncpg.connect(server.address(superuser))
    await connection.execute(
        "insert into till.daily_balances values ($1, '2026-11-24', gen_random_uuid(), 'cash', 1)", tenant_id
    )
    await connection.close()
    await asyncio.to_thread(server.leave)
