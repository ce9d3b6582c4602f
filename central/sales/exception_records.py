"""Exceptions as people see and resolve them: raised once for an event and a code, withdrawn when no longer so."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct

from central.ledger.posting import EventKey
from central.sales.booked import ExceptionStatus, NewException, detail_characters_max
from central.sales.receipts import SQL
from central.tenant_session import TenantSession
from protocol.card_numbers import masked


class ExceptionRecord(Struct, frozen=True):
    """An exception on an event (contract, section 9); `branch` 0 is the chain itself."""

    exception_id: UUID
    terminal_id: UUID
    epoch: int
    branch: int
    sequence: int
    code: str
    detail: str
    created_at: datetime
    status: ExceptionStatus


async def raise_exceptions(
    session: TenantSession, exceptions: Sequence[NewException], now: datetime, ids: Callable[[], UUID]
) -> list[ExceptionRecord]:
    """Raise exceptions; answers those that are new, or open again after they were withdrawn."""
    if not exceptions:
        return []
    merged = sorted(one_for_each_code(exceptions), key=lambda new: (new.key, new.code))
    rows = [(ids(), *new.key, new.code, _shown(new.detail), new.subject) for new in merged]
    columns = [list(column) for column in zip(*rows, strict=True)]
    found = await session.driver.fetch(SQL.raise_exceptions, session.tenant_id, *columns, now)
    return [record_of(row) for row in found]


async def withdraw(session: TenantSession, withdrawn: Sequence[tuple[str, str]], now: datetime) -> None:
    """Withdraw the open exceptions of codes and subjects: what they said is no longer so."""
    if withdrawn:
        codes, subjects = (list(column) for column in zip(*sorted(set(withdrawn)), strict=True))
        await session.driver.execute(SQL.withdraw_exceptions, session.tenant_id, codes, subjects, now)


async def open_exceptions(
    session: TenantSession, terminal_id: UUID, epoch: int, branch: int, first_sequence: int, last_sequence: int
) -> list[ExceptionRecord]:
    """Those still open for a run of an epoch's lines, first and last included."""
    rows = await session.driver.fetch(
        SQL.open_exceptions, session.tenant_id, terminal_id, epoch, branch, first_sequence, last_sequence
    )
    return [record_of(row) for row in rows]


def one_for_each_code(exceptions: Sequence[NewException]) -> list[NewException]:
    """Findings of one event under one code made one; it can then no longer be withdrawn by one of their subjects."""
    merged: dict[tuple[EventKey, str], NewException] = {}
    for new in exceptions:
        before = merged.get((new.key, new.code))
        if before is None:
            merged[new.key, new.code] = new
        elif new.detail not in before.detail:
            subject = before.subject if before.subject == new.subject else None
            merged[new.key, new.code] = NewException(new.key, new.code, f"{before.detail}; {new.detail}", subject)
    return list(merged.values())


def record_of(row: Mapping[str, Any]) -> ExceptionRecord:
    return ExceptionRecord(
        row["exception_id"],
        row["terminal_id"],
        row["epoch"],
        row["branch"],
        row["sequence"],
        row["code"],
        row["detail"],
        row["created_at"],
        row["status"],
    )


def _shown(detail: str) -> str:
    """A detail as it may be kept: bounded, without control characters and card numbers."""
    printable = "".join(character if character.isprintable() else "�" for character in detail)
    return masked(printable[:detail_characters_max])
