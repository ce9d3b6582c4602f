"""What the nodes of one deployment share: its name, its incarnation, and the keys that they sign with."""

import secrets
from typing import Final
from uuid import UUID

from msgspec import Struct
from sqlalchemy import text

from central.database.database import Database

key_bytes: Final = 32
# Each key serves one purpose, so that what was signed for one is worth nothing for another.
purposes: Final = ("access_token", "cache", "cursor", "downlink_cursor", "enrolment", "pin", "web_session")


class Deployment(Struct, frozen=True):
    """What never changes of it: `issuer` names the deployment for good, as a URI."""

    issuer: str
    keys: dict[str, bytes]


async def read_deployment(database: Database) -> Deployment:
    """Read it, making the keys that are missing. Raises `DatabaseUnavailableError`."""
    async with database.connection() as connection:
        await connection.execute(
            text(
                "insert into till.deployment_keys (purpose, secret) values (:purpose, :secret) on conflict do nothing"
            ),
            [{"purpose": purpose, "secret": secrets.token_bytes(key_bytes)} for purpose in purposes],
        )
        rows = await connection.execute(text("select purpose, secret from till.deployment_keys"))
        keys = {purpose: bytes(secret) for purpose, secret in rows}
        deployment_id = (await connection.execute(text("select deployment_id from till.deployment_state"))).scalar_one()
        return Deployment(issuer=f"urn:uuid:{deployment_id}", keys=keys)


async def renew_incarnation(database: Database, incarnation: UUID) -> None:
    """Say that this database came back from a backup: cursors of before are no good, terminals look again."""
    async with database.connection() as connection:
        await connection.execute(text("update till.deployment_state set incarnation = :new"), {"new": incarnation})
