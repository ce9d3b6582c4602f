"""The numbers that a tenant gives: revisions of what goes down to terminals, and numbers of ledger entries.

They come from the tenant's one counter row, which stays locked until the transaction ends: a later number cannot
commit first. So take them as late in a transaction as can be.
"""

from typing import Final

from msgspec import Struct

from central.tenant_session import TenantSession

restored_entries: Final = 1_000_000
"""How far entry numbers jump when a database came back from a backup (contract, section 3)."""

# Every transaction of the uplink takes some, so this goes the short way.
_take: Final = """
    update till.tenant_counters set entry_number = entry_number + $2, revision = revision + $3
    where tenant_id = $1 returning entry_number, revision
"""


class Taken(Struct, frozen=True):
    """The first of the numbers taken; those behind it follow without a gap."""

    first_entry: int
    first_revision: int


async def take(session: TenantSession, *, entries: int = 0, revisions: int = 0) -> Taken:
    """Take so many numbers of each kind, in one statement that locks the tenant's row until the transaction ends."""
    row = await session.driver.fetchrow(_take, session.tenant_id, entries, revisions)
    return Taken(first_entry=row["entry_number"] - entries + 1, first_revision=row["revision"] - revisions + 1)


async def skip_entries(session: TenantSession) -> None:
    """The database came back from a backup: no entry number that was given since is given again."""
    await take(session, entries=restored_entries)
