"""The uplink's side of the epochs: lock and move positions, find a key, refuse who was revoked, mark a fork."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec import Struct

from central.database import load_queries, packed
from central.tenant_session import TenantSession
from central.terminals.epoch_position import (
    EpochKeyPair,
    EpochPosition,
    PositionMove,
    Ranges,
    positions_by_key,
    write_ranges,
)
from central.terminals.problems import ReplacedEpoch, Revoked
from protocol.chain import first_prev, load_public_key

epoch_keys_max: Final = 20_000
QUERIES: Final = load_queries(Path(__file__).with_name("queries.sql"))


class EpochKey(Struct, frozen=True):
    """The key of an epoch, which never changes."""

    public_key_text: str
    """Base64, as it stood in the enrolment."""
    key: Ed25519PublicKey
    first_prev: str
    """The `prev` of the epoch's sequence 1."""


_epoch_keys: dict[tuple[UUID, UUID, int], EpochKey] = {}


async def public_key(session: TenantSession, terminal_id: UUID, epoch: int) -> EpochKey | None:
    """The key of an epoch of this tenant, None where there is none; those asked last are kept in the process."""
    name = (session.tenant_id, terminal_id, epoch)
    known = _epoch_keys.get(name)
    if known is None:
        text = await session.driver.fetchval(QUERIES.epoch_key, *name)
        if text is None:
            return None
        known = EpochKey(text, load_public_key(text), first_prev(str(terminal_id), epoch, text))
    else:
        del _epoch_keys[name]
    _epoch_keys[name] = known
    if len(_epoch_keys) > epoch_keys_max:
        del _epoch_keys[next(iter(_epoch_keys))]
    return known


def cached_public_key(tenant_id: UUID, terminal_id: UUID, epoch: int) -> EpochKey | None:
    """The key where this process has it at hand, without a trip to the database."""
    return _epoch_keys.get((tenant_id, terminal_id, epoch))


async def lock_positions(session: TenantSession, keys: Sequence[EpochKeyPair]) -> dict[EpochKeyPair, EpochPosition]:
    """Lock and read the positions of some epochs; one that does not exist is not in the answer."""
    rows = await session.driver.fetch(
        QUERIES.lock_positions, session.tenant_id, packed([key[0] for key in keys]), packed([key[1] for key in keys])
    )
    return positions_by_key(rows)


async def epochs_in_turn(session: TenantSession, after: EpochKeyPair, limit: int) -> list[EpochKeyPair]:
    """Epochs, after one of them, with queued lines whose turn has come: a transaction left them to the next."""
    rows = await session.driver.fetch(QUERIES.epochs_in_turn, session.tenant_id, *after, limit)
    return [(row["terminal_id"], row["epoch"]) for row in rows]


async def move_positions(session: TenantSession, moves: Sequence[PositionMove], seen_at: datetime | None) -> None:
    """Write where epochs stand now; their rows were locked by `lock_positions` in the same transaction.

    `seen_at` is None where no terminal was heard of: central itself goes on.
    """
    if not moves:
        return
    moved = await session.driver.execute(
        QUERIES.move_positions,
        session.tenant_id,
        packed([move.terminal_id for move in moves]),
        packed([move.epoch for move in moves]),
        packed([move.applied_through for move in moves]),
        packed([move.applied_hash for move in moves]),
        packed([write_ranges(move.queued) for move in moves]),
        packed([move.stored_lines for move in moves]),
        packed([move.last_created_at for move in moves]),
        packed([move.receipt_counter for move in moves]),
        seen_at,
    )
    if moved != f"UPDATE {len(moves)}":
        raise RuntimeError(f"{len(moves)} positions were to move, PostgreSQL says {moved}")


async def position(session: TenantSession, terminal_id: UUID, epoch: int) -> EpochPosition | None:
    """An epoch's position, not locked."""
    row = await session.driver.fetchrow(QUERIES.position, session.tenant_id, terminal_id, epoch)
    return None if row is None else positions_by_key([row])[terminal_id, epoch]


async def admit(session: TenantSession, *, old_epochs: bool = False) -> None:
    """Whether the terminal that calls may be served now: every request of a terminal asks this in its transaction.

    Raises `Revoked` (also for an epoch that a restored database does not know), and `ReplacedEpoch` for an epoch that
    a newer enrolment replaced, unless `old_epochs`: what such a one may still do is deliver.
    """
    caller = session.caller
    row = await session.driver.fetchrow(QUERIES.admission, session.tenant_id, caller.terminal_id, caller.epoch)
    if row is None or row["revoked_at"] is not None:
        raise Revoked
    if row["replaced_at"] is not None and not old_epochs:
        raise ReplacedEpoch


async def refuse_revoked(session: TenantSession, terminal_id: UUID, epoch: int) -> None:
    """Raises `Revoked` where the epoch was revoked: asked before any other refusal is answered."""
    row = await session.driver.fetchrow(QUERIES.admission, session.tenant_id, terminal_id, epoch)
    if row is None or row["revoked_at"] is not None:
        raise Revoked


async def mark_forked(session: TenantSession, terminal_id: UUID, epoch: int, *, forked: bool = True) -> None:
    """The epoch has an open branch, or (`forked=False`) none any more."""
    await session.driver.execute(QUERIES.mark_forked, session.tenant_id, terminal_id, epoch, forked)


async def mark_lost(session: TenantSession, terminal_id: UUID, epoch: int, lost: Ranges) -> None:
    """All that was declared lost of an epoch, whose row is locked."""
    await session.driver.execute(QUERIES.mark_lost, session.tenant_id, terminal_id, epoch, write_ranges(lost))


async def mark_suspect(session: TenantSession, terminal_id: UUID, epoch: int) -> None:
    """What the terminal says of its journal contradicts what is stored."""
    await session.driver.execute(QUERIES.mark_suspect, session.tenant_id, terminal_id, epoch)


async def next_branch(session: TenantSession, terminal_id: UUID) -> int:
    """The number of a new branch, from 1 in the terminal."""
    branch: int = await session.driver.fetchval(QUERIES.next_branch, session.tenant_id, terminal_id)
    return branch
