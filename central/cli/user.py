"""`till-central user`: make a user of the back office, the first one above all."""

import click

from central.cli.target import Failure, Target, find_tenant, opened_services, run, show, target_options
from central.http import Duplicate, Invalid
from central.identity import users
from central.identity.api_keys import KeyRole
from central.identity.pins import Hashing
from central.tenant_session import operator, tenant_session


@click.group()
def user() -> None:
    """Make users of the back office."""


@user.command("create")
@click.argument("email")
@click.option("--role", type=click.Choice(["owner", "manager", "viewer"]), required=True)
@click.option("--tenant", "named", required=True, help="The tenant's code or id.")
@click.option("--password", envvar="TILL_CENTRAL_PASSWORD", help="Asked for if left out.")
@click.option("--json", "as_json", is_flag=True, help="One document on stdout.")
@target_options
def create(target: Target, email: str, role: KeyRole, named: str, password: str | None, as_json: bool) -> None:
    """Make a user. Give the password in TILL_CENTRAL_PASSWORD, or when asked."""
    password = password or click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    made = run(_create(target, named, users.NewUser(email=email, password=password, role=role)))
    show(made, as_json=as_json, text=f"{made.email} is a user of {named}, role {made.role}.")


async def _create(target: Target, named: str, new: users.NewUser) -> users.User:
    async with opened_services(target) as services:
        caller = operator(await find_tenant(services.database, named))
        try:
            async with tenant_session(services.database, caller) as session:
                return await users.create(
                    session, new, services.of(Hashing), user_id=services.ids(), now=services.clock()
                )
        except (Invalid, Duplicate) as problem:
            raise Failure(f"{problem.members['field']}: {problem.detail}") from problem
