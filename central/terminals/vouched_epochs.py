"""Epochs that a restored database does not know, taken on an owner's word with the public key of a journal file.

Such an epoch may deliver what its disk holds and nothing else: it counts as replaced from the start.
"""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, update
from sqlalchemy.dialects.postgresql import insert as upsert

from central.http import Duplicate, NotFound
from central.tenancy import audit
from central.tenant_session import TenantSession
from central.terminals.enrolment import pin_key_bytes
from central.terminals.locations import location_row
from central.terminals.receipt_prefix import receipt_prefix
from central.terminals.schema import epochs, terminals
from protocol.chain import first_prev, load_public_key


async def vouch_for_epoch(
    session: TenantSession,
    terminal_id: UUID,
    epoch: int,
    public_key: str,
    *,
    enrolled_at: datetime,
    now: datetime,
    random: Callable[[int], bytes],
) -> None:
    """Know an epoch of a terminal by its key from now on.

    Raises `NotFound` for a terminal of nobody here, `Duplicate` where the epoch or the key is known already, and
    `PublicKeyError` for what is no key.
    """
    load_public_key(public_key)
    at = terminals.c
    taken = await session.execute(
        update(terminals)
        .where(at.tenant_id == session.tenant_id, at.terminal_id == terminal_id)
        .values(next_epoch=func.greatest(at.next_epoch, epoch + 1))
        .returning(at.location_id, at.number)
    )
    terminal = taken.one_or_none()
    if terminal is None:
        raise NotFound
    location = await location_row(session, terminal.location_id)
    if location is None:
        raise NotFound
    opened = await session.execute(
        upsert(epochs)
        .values(
            tenant_id=session.tenant_id,
            terminal_id=terminal_id,
            epoch=epoch,
            location_id=terminal.location_id,
            public_key=public_key,
            pin_key=random(pin_key_bytes),
            receipt_prefix=receipt_prefix(location.receipt_part, terminal.number, epoch),
            enrolled_at=enrolled_at,
            replaced_at=now,
            last_seen_at=now,
            applied_hash=first_prev(str(terminal_id), epoch, public_key),
        )
        .on_conflict_do_nothing()
        .returning(epochs.c.epoch)
    )
    if opened.one_or_none() is None:
        raise Duplicate(field="epoch")
    await audit.record(
        session, "vouch_for_epoch", "terminal", str(terminal_id), None, {"epoch": epoch, "public_key": public_key}
    )
