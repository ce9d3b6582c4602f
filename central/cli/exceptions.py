"""`till-central exceptions`: lines that could not be read are tried again after a fix."""

import click

from central.cli.target import Target, find_tenant, opened_services, run, show, target_options
from central.tenancy import tenants
from central.uplink.second_reading import SecondReading, read_again


@click.group("exceptions")
def exceptions() -> None:
    """What people, or a newer release, can put right."""


@exceptions.command("retry")
@click.option("--tenant", "named", help="A tenant's code or id; all of them if left out.")
@click.option("--json", "as_json", is_flag=True, help="One document on stdout.")
@target_options
def retry(target: Target, named: str | None, as_json: bool) -> None:
    """Read and book again what was unreadable or of an unknown type."""
    found = run(_retry(target, named))
    document = {"tried": found.tried, "applied": found.applied}
    show(document, as_json=as_json, text=f"{found.tried} tried again, {found.applied} of them applied.")


async def _retry(target: Target, named: str | None) -> SecondReading:
    total = SecondReading()
    async with opened_services(target) as services:
        if named is not None:
            chosen = [await find_tenant(services.database, named)]
        else:
            chosen = [tenant_id for _, tenant_id in await tenants.every_tenant(services.database)]
        for tenant_id in chosen:
            found = await read_again(services, tenant_id)
            total.tried += found.tried
            total.applied += found.applied
    return total
