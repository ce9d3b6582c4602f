"""`till-central api-key`: make, list and revoke a tenant's keys from the host."""

from datetime import datetime
from uuid import UUID

import click
from sqlalchemy import select

from central.cli.target import Failure, Target, find_tenant, opened_services, run, show, target_options
from central.http import NotFound
from central.identity import api_keys
from central.identity.api_keys import KeyRole
from central.identity.schema import api_keys as table
from central.tenant_session import operator, tenant_session

_tenant = click.option("--tenant", "named", required=True, help="The tenant's code or id.")
_json = click.option("--json", "as_json", is_flag=True, help="One document on stdout.")


@click.group("api-key")
def api_key() -> None:
    """Make, list and revoke API keys."""


@api_key.command("create")
@click.argument("label")
@click.option("--role", type=click.Choice(["owner", "manager", "viewer"]), required=True)
@click.option("--expires-at", type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S%z"]), help="In UTC.")
@_tenant
@_json
@target_options
def create(target: Target, label: str, role: KeyRole, expires_at: datetime | None, named: str, as_json: bool) -> None:
    """Make a key, shown once."""
    made = run(_create(target, named, label, role, expires_at))
    show(made, as_json=as_json, text=f"The key {made.api_key_id}, shown once: {made.api_key}")


@api_key.command("list")
@_tenant
@_json
@target_options
def list_keys(target: Target, named: str, as_json: bool) -> None:
    """The tenant's keys, without their secrets."""
    rows = run(_list(target, named))
    lines = [f"{row.api_key_id}  {row.role:8} {row.expires_at or 'for good'}  {row.label}" for row in rows]
    show({"api_keys": rows}, as_json=as_json, text="\n".join(lines) or "There is no key: make one with `create`.")


@api_key.command("revoke")
@click.argument("api_key_id", type=click.UUID)
@_tenant
@_json
@target_options
def revoke(target: Target, api_key_id: UUID, named: str, as_json: bool) -> None:
    """Delete a key: the next request with it is refused."""
    run(_revoke(target, named, api_key_id))
    show({"api_key_id": api_key_id, "revoked": True}, as_json=as_json, text=f"The key {api_key_id} is no more.")


async def _create(
    target: Target, named: str, label: str, role: KeyRole, expires_at: datetime | None
) -> api_keys.MadeApiKey:
    async with opened_services(target) as services:
        now = services.clock()
        if expires_at is not None and expires_at.tzinfo is None:
            expires_at = expires_at.replace(tzinfo=now.tzinfo)
        if not 0 < len(label) <= 200 or not label.isprintable():
            raise Failure("a label has 1 to 200 printable characters")
        if expires_at is not None and expires_at <= now:
            raise Failure("that key would have expired already: name a later --expires-at")
        caller = operator(await find_tenant(services.database, named))
        new = api_keys.NewApiKey(label=label, role=role, expires_at=expires_at)
        async with tenant_session(services.database, caller) as session:
            return await api_keys.create(session, new, api_key_id=services.ids(), now=now)


async def _list(target: Target, named: str) -> list[api_keys.ApiKey]:
    async with opened_services(target) as services:
        caller = operator(await find_tenant(services.database, named))
        statement = select(table).where(table.c.tenant_id == caller.tenant_id).order_by(table.c.api_key_id)
        async with tenant_session(services.database, caller) as session:
            return [api_keys.of_row(row) for row in await session.execute(statement)]


async def _revoke(target: Target, named: str, api_key_id: UUID) -> None:
    async with opened_services(target) as services:
        caller = operator(await find_tenant(services.database, named))
        try:
            async with tenant_session(services.database, caller) as session:
                await api_keys.remove(session, api_key_id)
        except NotFound as error:
            raise Failure(
                f"{named} has no key {api_key_id}: `till-central api-key list` shows those there are"
            ) from error
