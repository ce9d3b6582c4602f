"""`till-central after-restore`: say that the database came back from a backup, so that no number is given twice."""

import click

from central import terminals
from central.cli.target import Target, opened_services, run, show, target_options
from central.database.deployment import renew_incarnation
from central.tenancy import audit, counters, tenants
from central.tenant_session import operator, tenant_session


@click.command("after-restore")
@click.option("--json", "as_json", is_flag=True, help="One document on stdout.")
@target_options
def after_restore(target: Target, as_json: bool) -> None:
    """Run it once after a backup was brought back, before anything else.

    Terminals send again what this database does not have; cursors of before are no good; each terminal's next epoch
    and each tenant's entry number jump ahead.
    """
    incarnation, count = run(_after_restore(target))
    document = {"incarnation": incarnation, "tenants": count}
    show(document, as_json=as_json, text=f"{count} tenants go on as incarnation {incarnation}.")


async def _after_restore(target: Target) -> tuple[str, int]:
    async with opened_services(target) as services:
        everybody = await tenants.every_tenant(services.database)
        for _, tenant_id in everybody:
            async with tenant_session(services.database, operator(tenant_id, "after-restore")) as session:
                await terminals.after_restore(session)
                await audit.record(session, "after_restore", "tenant", str(tenant_id))
                await counters.skip_entries(session)
        # Last: where it is interrupted before, it is run again, and jumping twice does no harm.
        incarnation = services.ids()
        await renew_incarnation(services.database, incarnation)
        return str(incarnation), len(everybody)
