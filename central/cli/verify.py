"""`till-central verify`: recounts everything from the stored bytes of events, and shows what is off."""

import sys
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.table import Table
from sqlalchemy import make_url

from central.cli.recount.finding import Findings
from central.cli.recount.tenant import known_tenants, recount_tenant
from central.cli.target import Failure, Target, run, serving_address, target_options
from central.database import Database
from central.tenancy import tenants
from central.tenant_session import operator, tenant_session

rows_shown_max = 50


@click.command()
@click.option("--tenant", "named", help="One tenant alone, by its code or id.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout, and nothing else.")
@target_options
def verify(target: Target, named: str | None, as_json: bool) -> None:
    """Recount every chain, every journal's sum, every roll-up and every balance; exit 1 where one is off."""
    results = run(_verify_target(target, named))
    off = sum(findings.count for findings in results.values())
    if as_json:
        click.echo(msgspec.json.encode(_document(results)).decode())
    else:
        _show(results)
    if off:
        sys.exit(1)


async def _verify_target(target: Target, named: str | None) -> dict[str, Findings]:
    async with serving_address(target) as address:
        return await verify_database(address, named)


async def verify_database(address: str, named: str | None = None) -> dict[str, Findings]:
    """The findings of each tenant by its code, each recounted in one snapshot; safe while others write.

    Raises `Failure` where the named tenant is none.
    """
    database = Database(snapshot_address(address), connections=1, reports_connections=1)
    try:
        found = known_tenants(list(await tenants.every_tenant(database)), named)
        if named is not None and not found:
            raise Failure(f"there is no tenant {named}: `till-central tenant list` shows them")
        results = {}
        for code, tenant_id in found:
            results[code] = findings = Findings()
            async with tenant_session(database, operator(tenant_id, "verify")) as session:
                await recount_tenant(session, findings)
        return results
    finally:
        await database.close()


def snapshot_address(address: str) -> str:
    """The address of a database whose every transaction sees one moment."""
    url = make_url(address).update_query_dict({"default_transaction_isolation": "repeatable read"})
    return url.render_as_string(hide_password=False)


def _document(results: dict[str, Findings]) -> dict[str, Any]:
    return {
        "tenants": [
            {"tenant": code, "off": findings.count, "looked_at": findings.looked_at, "findings": findings.kept}
            for code, findings in results.items()
        ]
    }


def _show(results: dict[str, Findings]) -> None:
    console = Console()
    for code, findings in results.items():
        looked = ", ".join(f"{count:,} {check}" for check, count in findings.looked_at.items())
        if not findings.count:
            console.print(f"[green]{code}: as it should be[/] ({looked or 'nothing yet'})", highlight=False)
            continue
        table = Table(title=f"{code}: {findings.count:,} off", title_style="bold red", title_justify="left")
        for column in ("what", "where", "should be", "is"):
            table.add_column(column, overflow="fold")
        for finding in findings.kept[:rows_shown_max]:
            table.add_row(finding.check, finding.where, finding.expected, finding.found)
        console.print(table)
