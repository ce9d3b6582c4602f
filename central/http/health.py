"""Whether the process lives, and whether it is ready: its database answers, fits, and keeps what it promises."""

import asyncio
from typing import Final

from sqlalchemy import text

from central.database import DatabaseUnavailableError
from central.database.migrate import newest_version
from central.http.problems import DatabaseUnavailable
from central.http.request import Request
from central.http.routes import PUBLIC, Route

database_seconds_max: Final = 2.0
durability_settings: Final = ("fsync", "full_page_writes", "synchronous_commit")


async def healthz(_request: Request) -> dict[str, str]:
    """The process lives."""
    return {"status": "ok"}


async def readyz(request: Request) -> dict[str, str]:
    """The database answers, at this release's migration, and is durable. Raises `DatabaseUnavailable`."""
    statement = text(
        "select (select version_num from till.deployment_migration),"
        " current_setting('fsync'), current_setting('full_page_writes'), current_setting('synchronous_commit')"
    )
    try:
        async with asyncio.timeout(database_seconds_max), request.services.database.connection() as connection:
            version, *settings = (await connection.execute(statement)).one()
    except (DatabaseUnavailableError, TimeoutError) as error:
        raise DatabaseUnavailable("the database does not answer") from error
    if version != newest_version():
        raise DatabaseUnavailable(f"the database is at migration {version}, this release at {newest_version()}")
    for name, value in zip(durability_settings, settings, strict=True):
        if value == "off":
            raise DatabaseUnavailable(f"the database runs with {name} off: what it promised could be lost")
    return {"status": "ready"}


ROUTES: Final = [
    Route(
        method="GET", path="/healthz", handler=healthz, roles=PUBLIC, summary="Whether the process lives", session=False
    ),
    Route(
        method="GET",
        path="/readyz",
        handler=readyz,
        roles=PUBLIC,
        summary="Whether requests can be served",
        session=False,
    ),
]
