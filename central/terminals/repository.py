"""Terminals: made, listed, changed, revoked, and what they report of themselves."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import UNSET
from sqlalchemy import Select, Text, and_, cast, exists, func, insert, select, update

from central import downlink
from central.http.problems import NotFound, StaleRevision, UnknownReference
from central.tenancy import audit, directory
from central.tenant_session import TenantSession
from central.terminals.enrolment import make_code
from central.terminals.schema import epochs, locations, terminals
from central.terminals.shapes import (
    EnrolmentCode,
    MadeTerminal,
    NewTerminal,
    ReportedStatus,
    Terminal,
    TerminalPatch,
)
from central.terminals.status import terminal_view

directory_kind: Final = "terminal"
restored_epochs: Final = 1_000_000
"""By how much a terminal's next epoch rises when the database came back from a backup (contract, section 3)."""


async def create_terminal(
    session: TenantSession,
    new: NewTerminal,
    terminal_id: UUID,
    *,
    now: datetime,
    random: Callable[[int], bytes],
) -> MadeTerminal:
    """Make a terminal and its first enrolment code. Raises `UnknownReference` for a location of nobody here."""
    place = locations.c
    numbered = await session.execute(
        update(locations)
        .where(place.tenant_id == session.tenant_id, place.location_id == new.location_id)
        .values(terminals_made=place.terminals_made + 1)
        .returning(place.terminals_made)
    )
    number = numbered.scalar_one_or_none()
    if number is None:
        raise UnknownReference(field="location_id")
    await session.execute(
        insert(terminals).values(
            tenant_id=session.tenant_id,
            terminal_id=terminal_id,
            location_id=new.location_id,
            number=number,
            label=new.label,
            created_at=now,
        )
    )
    await directory.add(session, directory_kind, str(terminal_id))
    code, expires_at = await make_code(session, terminal_id, now=now, random=random)
    await audit.record(session, "create", "terminal", str(terminal_id), None, msgspec.to_builtins(new))
    return MadeTerminal(
        terminal_id=terminal_id,
        enrolment_code=code,
        enrolment_expires_at=expires_at,
        label=new.label,
        location_id=new.location_id,
        revision=1,
    )


async def renew_code(
    session: TenantSession, terminal_id: UUID, *, now: datetime, random: Callable[[int], bytes]
) -> EnrolmentCode:
    """A new code for a terminal that is there. Raises `NotFound`."""
    await _lock(session, terminal_id)
    code, expires_at = await make_code(session, terminal_id, now=now, random=random)
    await audit.record(session, "new_enrolment_code", "terminal", str(terminal_id), None, None)
    return EnrolmentCode(terminal_id=terminal_id, enrolment_code=code, enrolment_expires_at=expires_at)


def terminal_rows(session: TenantSession) -> Select[Any]:
    """Every terminal of the tenant with its newest epoch, as `terminal_view` reads it."""
    newest = epochs.alias("newest")
    every = epochs.alias("every")
    any_forked = exists().where(
        every.c.tenant_id == session.tenant_id, every.c.terminal_id == terminals.c.terminal_id, every.c.forked
    )
    return (
        select(
            terminals.c.terminal_id,
            terminals.c.label,
            terminals.c.location_id,
            terminals.c.out_of_service_from,
            terminals.c.reported,
            terminals.c.reported_at,
            terminals.c.revision,
            newest.c.epoch,
            newest.c.applied_through,
            cast(newest.c.queued, Text).label("queued"),
            cast(newest.c.lost, Text).label("lost"),
            newest.c.last_seen_at,
            newest.c.last_created_at,
            newest.c.receipt_prefix,
            newest.c.enrolled_at,
            newest.c.revoked_at,
            newest.c.suspect,
            any_forked.label("any_forked"),
        )
        .select_from(
            terminals.outerjoin(
                newest,
                and_(
                    newest.c.tenant_id == session.tenant_id,
                    newest.c.terminal_id == terminals.c.terminal_id,
                    newest.c.replaced_at.is_(None),
                ),
            )
        )
        .where(terminals.c.tenant_id == session.tenant_id)
    )


async def terminal(session: TenantSession, terminal_id: UUID, now: datetime) -> Terminal:
    """Raises `NotFound`."""
    found = await session.execute(terminal_rows(session).where(terminals.c.terminal_id == terminal_id))
    row = found.one_or_none()
    if row is None:
        raise NotFound
    return terminal_view(row._mapping, now)


async def change_terminal(session: TenantSession, terminal_id: UUID, patch: TerminalPatch, now: datetime) -> Terminal:
    """Apply a merge patch to label and last day in service. Raises `NotFound`, `StaleRevision`."""
    await _lock(session, terminal_id)
    before = await terminal(session, terminal_id, now)
    if patch.revision is not UNSET and patch.revision != before.revision:
        raise StaleRevision
    values = {
        name: value
        for name, value in (("label", patch.label), ("out_of_service_from", patch.out_of_service_from))
        if value is not UNSET and value != getattr(before, name)
    }
    if not values:
        return before
    await session.execute(
        update(terminals)
        .where(terminals.c.tenant_id == session.tenant_id, terminals.c.terminal_id == terminal_id)
        .values(revision=terminals.c.revision + 1, **values)
    )
    was = {name: getattr(before, name) for name in values}
    await audit.record(
        session, "change", "terminal", str(terminal_id), msgspec.to_builtins(was), msgspec.to_builtins(values)
    )
    return await terminal(session, terminal_id, now)


async def revoke(session: TenantSession, terminal_id: UUID, epoch: int | None, now: datetime) -> None:
    """End one epoch of a terminal, or all by now. Raises `NotFound`, also for an epoch that it never had."""
    location_id = await _lock(session, terminal_id)
    of = epochs.c
    ended = update(epochs).where(of.tenant_id == session.tenant_id, of.terminal_id == terminal_id)
    if epoch is not None:
        ended = ended.where(of.epoch == epoch)
    revoked = await session.execute(ended.values(revoked_at=func.coalesce(of.revoked_at, now)))
    if epoch is not None and revoked.rowcount == 0:
        raise NotFound
    await audit.record(session, "revoke", "terminal", str(terminal_id), None, {"epoch": epoch})
    downlink.wake(session, {location_id})  # one that waits for changes looks again and is told


async def report(session: TenantSession, terminal_id: UUID, epoch: int, status: ReportedStatus, now: datetime) -> None:
    """Keep what a terminal says of itself."""
    await session.execute(
        update(terminals)
        .where(terminals.c.tenant_id == session.tenant_id, terminals.c.terminal_id == terminal_id)
        .values(reported=msgspec.json.encode(status).decode(), reported_at=now)
    )
    of = epochs.c
    await session.execute(
        update(epochs)
        .where(of.tenant_id == session.tenant_id, of.terminal_id == terminal_id, of.epoch == epoch)
        .values(last_seen_at=now)
    )


async def after_restore(session: TenantSession) -> None:
    """The database came back from a backup: no epoch that was given out since then is given out again."""
    await session.execute(
        update(terminals)
        .where(terminals.c.tenant_id == session.tenant_id)
        .values(next_epoch=terminals.c.next_epoch + restored_epochs)
    )


async def _lock(session: TenantSession, terminal_id: UUID) -> UUID:
    """Hold a terminal's row; its location. Raises `NotFound`."""
    found = await session.execute(
        select(terminals.c.location_id)
        .where(terminals.c.tenant_id == session.tenant_id, terminals.c.terminal_id == terminal_id)
        .with_for_update()
    )
    location_id: UUID | None = found.scalar_one_or_none()
    if location_id is None:
        raise NotFound
    return location_id
