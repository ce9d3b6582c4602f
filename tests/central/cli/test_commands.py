"""Commands on keys, users and tenants, and what is said when they cannot."""

import asyncio
import errno
import subprocess
import sys

import asyncpg
import click
import pytest
from click.testing import CliRunner

from central.cli import commands, main
from central.cli.target import Target, target_options
from central.database.embedded import EmbeddedPostgres, superuser
from tests.central.cli.conftest import CommandLine


def ask(server: EmbeddedPostgres, query: str) -> object:
    """One value, past all walls."""

    async def fetch() -> object:
        connection = await asyncpg.connect(server.address(superuser))
        try:
            return await connection.fetchval(query)
        finally:
            await connection.close()

    return asyncio.run(fetch())


def test_an_operator_makes_tenants_keys_and_users_and_takes_keys_back(till_central: CommandLine) -> None:
    server = EmbeddedPostgres(till_central.data_dir)
    server.enter()  # held through, so that each command finds it up
    try:
        made = till_central.run("tenant", "create", "Corner Shop", "--currency", "EUR", "--json").json
        again = till_central.run("tenant", "create", "Corner Shop", "--currency", "EUR")
        strange = till_central.run("tenant", "create", "Other", "--currency", "XXX")
        assert (again.status, again.err.count("\n"), "--code" in again.err) == (1, 1, True)
        assert (strange.status, "ISO 4217" in strange.err) == (1, True)
        assert till_central.run("tenant", "list", "--json").json == {
            "tenants": [{"tenant_code": "corner-shop", "tenant_id": made["tenant_id"]}]
        }

        named = ["--tenant", "corner-shop", "--json"]
        key = till_central.run("api-key", "create", "ERP", "--role", "viewer", *named).json
        listed = till_central.run("api-key", "list", *named).json["api_keys"]
        revoked = till_central.run("api-key", "revoke", key["api_key_id"], *named)
        gone = till_central.run("api-key", "revoke", key["api_key_id"], *named)
        assert key["api_key"].startswith("tsk_")
        assert [row["label"] for row in listed] == ["owner", "ERP"]
        assert (revoked.status, gone.status, gone.err.count("\n")) == (0, 1, 1)

        password = ["--password", "correct horse battery"]
        user = till_central.run("user", "create", "eve@example.org", "--role", "owner", *password, *named)
        nobody = till_central.run("user", "create", "eve", "--role", "owner", "--tenant", "nobody", *password)
        assert (user.json["email"], nobody.status, "tenant list" in nobody.err) == ("eve@example.org", 1, True)

        before = ask(server, "select incarnation from till.deployment_state")
        restored = till_central.run("after-restore", "--json").json
        assert restored == {
            "incarnation": str(ask(server, "select incarnation from till.deployment_state")),
            "tenants": 1,
        }
        assert restored["incarnation"] != str(before)
        assert ask(server, "select entry_number from till.tenant_counters") == 1_000_000
    finally:
        server.leave()


def test_wrong_usage_exits_2(till_central: CommandLine) -> None:
    assert till_central.run("tenant", "create", data_dir=False).status == 2
    assert till_central.run("serve", "--workers", "0").status == 2
    assert till_central.run("serve", "--tls-cert", __file__).status == 2


def test_a_certificate_that_is_none_is_said_in_one_line(till_central: CommandLine) -> None:
    loopback = ["--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"]
    refused = till_central.run("serve", *loopback, "--tls-cert", __file__, "--tls-key", __file__)

    assert (refused.status, refused.err.count("\n")) == (1, 1)
    assert "PEM" in refused.err


def test_the_list_of_commands_imports_none_of_them() -> None:
    asked = (
        "import sys; from central.cli import main; main(['--help'], standalone_mode=False);"
        " print(sorted({'sqlalchemy', 'aiohttp', 'structlog'} & set(sys.modules)))"
    )
    shown = subprocess.run(
        [sys.executable, "-c", asked], check=True, capture_output=True, text=True
    ).stdout.splitlines()

    assert shown[-1] == "[]"
    assert {line.split()[0] for line in shown[shown.index("Commands:") + 1 : -1]} == set(commands) - {"worker"}
    with click.Context(main) as context:
        assert all(main.get_command(context, name) is not None for name in commands)


@pytest.mark.parametrize("command", ["serve", "verify"])
def test_a_data_directory_that_cannot_be_is_said_in_one_line(till_central: CommandLine, command: str) -> None:
    refused = till_central.run(command, "--data-dir", "/dev/null/central", data_dir=False)

    assert (refused.status, refused.err.count("\n")) == (1, 1)
    assert "name another --data-dir" in refused.err


def test_a_full_disk_is_said_in_words(till_central: CommandLine) -> None:
    @click.command()
    @target_options
    def writes(target: Target) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(target.data_dir / "serve.lock"))

    refused = CliRunner().invoke(writes, ["--data-dir", str(till_central.data_dir)])

    assert (refused.exit_code, refused.output.count("\n")) == (1, 1)
    assert "no room is left" in refused.output
