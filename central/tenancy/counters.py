"""The numbers that a tenant gives: revisions of what goes down to terminals, and numbers of ledger entries.

They come from the tenant's one counter row, which stays locked until the transaction ends: a later number cannot
commit first. So take them as late in a transaction as can be.
"""

from typing import Final

from central.tenant_session import TenantSession

restored_entries: Final = 1_000_000
"""How far entry numbers jump when a database came back from a backup (contract, section 3)."""


async def skip_entries(session: TenantSession) -> None:
    """The database came back from a backup: no entry number that was given since is given again."""
    await session.driver.execute(
        "update till.tenant_counters set entry_number = entry_number + $2 where tenant_id = $1",
        session.tenant_id,
        restored_entries,
    )
