"""`till-central migrate`: bring the database to this release, and say whom to serve as."""

import asyncio

import click

from central.cli.target import Failure, Target, clean_url, prepare_embedded, run, show, target_options
from central.database.embedded import application
from central.database.migrate import application_address, migrate, newest_version, standing


@click.command("migrate")
@click.option("--json", "as_json", is_flag=True, help="One document on stdout.")
@target_options
def migrate_command(target: Target, as_json: bool) -> None:
    """Bring the database to this release.

    With --database-url of the server's administrator it also makes the roles, and prints the URL to serve with.
    """
    address = run(_migrate(target))
    document = {"version": newest_version(), "database_url": address}
    text = f"The database is at {newest_version()}."
    if address is not None:
        text += f"\nServe with: --database-url '{address}'"
    show(document, as_json=as_json, text=text)


async def _migrate(target: Target) -> str | None:
    if target.database_url is None:
        server = target.embedded()
        await asyncio.to_thread(server.enter)
        try:
            await prepare_embedded(server)
        finally:
            await asyncio.to_thread(server.leave)
        return None
    url = clean_url(target.database_url)
    if (await standing(url)).role == application:
        raise Failure(f"{application} may not migrate: run it with the URL of the server's administrator")
    await migrate(url)
    return await application_address(url)
