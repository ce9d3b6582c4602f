"""`till-central tenant`: the operator makes tenants here, and only here."""

import click

from central.cli.target import Target, opened_database, opened_services, run, show, target_options
from central.identity import api_keys
from central.tenancy import tenants
from central.tenant_session import operator, tenant_session


@click.group()
def tenant() -> None:
    """Make and list tenants."""


@tenant.command("create")
@click.argument("name")
@click.option("--code", help="What its people type when they log in; made from the name if left out.")
@click.option("--currency", required=True, help="ISO 4217, such as EUR.")
@click.option("--json", "as_json", is_flag=True, help="One document on stdout.")
@target_options
def create(target: Target, name: str, code: str | None, currency: str, as_json: bool) -> None:
    """Make a tenant and its owner's API key, which is shown once."""
    made, api_key = run(_create(target, name, code or tenants.code_of(name), currency))
    document = {"tenant_id": made.tenant_id, "tenant_code": made.code, "name": made.name, "api_key": api_key}
    text = f"Tenant {made.name} ({made.code}) is {made.tenant_id}.\nIts owner's API key, shown once: {api_key}"
    show(document, as_json=as_json, text=text)


@tenant.command("list")
@click.option("--json", "as_json", is_flag=True, help="One document on stdout.")
@target_options
def list_tenants(target: Target, as_json: bool) -> None:
    """The tenants there are."""
    rows = run(_list(target))
    document = {"tenants": [{"tenant_code": code, "tenant_id": tenant_id} for code, tenant_id in rows]}
    text = "\n".join(f"{code}  {tenant_id}" for code, tenant_id in rows) or "There is no tenant yet."
    show(document, as_json=as_json, text=text)


async def _create(target: Target, name: str, code: str, currency: str) -> tuple[tenants.Tenant, str | None]:
    async with opened_services(target) as services:
        now = services.clock()
        caller = operator(services.ids())
        async with tenant_session(services.database, caller) as session:
            made = await tenants.create(session, name=name, code=code, currency=currency, now=now)
            new = api_keys.NewApiKey(label="owner", role="owner")
            key = await api_keys.create(session, new, api_key_id=services.ids(), now=now)
        return made, key.api_key


async def _list(target: Target) -> list[tuple[str, object]]:
    async with opened_database(target) as database:
        return list(await tenants.every_tenant(database))
