"""The terminal that follows the changes, as the downlink needs to know it."""

from datetime import datetime
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from central.downlink import Recipient
from central.tenancy import settings
from central.tenant_session import TenantSession
from central.terminals.positions import QUERIES
from central.terminals.problems import ReplacedEpoch, Revoked

_FIELDS: Final = ("timezone", "name", "code", "address", "tax_number", "receipt_header", "receipt_footer", "locale")


async def recipient(session: TenantSession, now: datetime) -> tuple[Recipient, UUID]:
    """The terminal that calls, its location, and the incarnation. Raises `Revoked`, `ReplacedEpoch`."""
    caller = session.caller
    row = await session.driver.fetchrow(QUERIES.recipient, session.tenant_id, caller.terminal_id, caller.epoch)
    if row is None or row["revoked_at"] is not None:
        raise Revoked
    if row["replaced_at"] is not None:
        raise ReplacedEpoch
    effective = await settings.effective(session, row["location_id"])
    fields = {name: row[name] for name in _FIELDS}
    found = Recipient(
        terminal_id=row["terminal_id"],
        epoch=row["epoch"],
        location_id=row["location_id"],
        pin_key=row["pin_key"],
        today=now.astimezone(ZoneInfo(row["timezone"])).date(),
        polling=row["polling"],
        receipt_days=effective.receipt_days_on_till,
        **fields,
    )
    return found, row["incarnation"]


async def begin_poll(session: TenantSession, poll: UUID) -> None:
    """Note that this is the terminal's long poll from now on, on whatever node it is."""
    await session.driver.execute(QUERIES.begin_poll, session.tenant_id, session.caller.terminal_id, poll)
