"""Enrolment: a code that is right once opens a new epoch for its terminal, with a key of its own.

A code is never stored, only its hash, which also finds its tenant. What is refused is counted as a wrong guess, by
address and in all; past the bounds wrong guesses are answered 429, right ones never.
"""

import base64
from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import delete, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from central.tenancy import audit, directory, settings, tenants
from central.tenant_session import TenantSession
from central.terminals.locations import location_row
from central.terminals.problems import EnrolmentRefused
from central.terminals.receipt_prefix import receipt_prefix
from central.terminals.schema import enrolment_codes, epochs, terminals
from protocol.chain import PublicKeyError, first_prev, load_public_key
from protocol.enrolment import (
    EnrolAnswer,
    EnrolmentCodeError,
    EnrolRequest,
    code_random_bytes,
    code_seconds,
    proof_holds,
    read_code,
    write_code,
)

pin_key_bytes: Final = 32
journal_keep_days: Final = 400
directory_kind: Final = "enrolment_code"


def code_hash(code: str) -> bytes:
    """What is stored of a code; its 80 random bits need no slower hash."""
    return sha256(b"tillstream enrolment code\n" + code.encode()).digest()


async def make_code(
    session: TenantSession, terminal_id: UUID, *, now: datetime, random: Callable[[int], bytes]
) -> tuple[str, datetime]:
    """A new code for a terminal and when it expires; an older one that was not used ends here."""
    code = write_code(random(code_random_bytes))
    hashed = code_hash(read_code(code))
    expires_at = now + timedelta(seconds=code_seconds)
    codes = enrolment_codes.c
    ended = await session.execute(
        delete(enrolment_codes)
        .where(codes.tenant_id == session.tenant_id, codes.terminal_id == terminal_id)
        .where(codes.used_epoch.is_(None) | (codes.expires_at <= now))
        .returning(codes.code_hash)
    )
    for row in ended.all():
        await directory.remove(session, directory_kind, row.code_hash.hex())
    await session.execute(
        insert(enrolment_codes).values(
            tenant_id=session.tenant_id, code_hash=hashed, terminal_id=terminal_id, expires_at=expires_at
        )
    )
    await directory.add(session, directory_kind, hashed.hex())
    return code, expires_at


def readable(request: EnrolRequest) -> bytes:
    """The hash of a request's code. Raises `EnrolmentRefused` where code, key or proof cannot be good."""
    try:
        code = read_code(request.enrolment_code)
        key = load_public_key(request.public_key)
    except (EnrolmentCodeError, PublicKeyError) as error:
        raise EnrolmentRefused from error
    if not proof_holds(request, key):
        raise EnrolmentRefused
    return code_hash(code)


async def enrol(
    session: TenantSession,
    request: EnrolRequest,
    hashed: bytes,
    *,
    issuer: str,
    now: datetime,
    random: Callable[[int], bytes],
) -> EnrolAnswer:
    """Open a new epoch for the terminal of a code, or give the first answer again to the key that used it.

    Raises `EnrolmentRefused`.
    """
    codes = enrolment_codes.c
    found = await session.execute(
        select(codes.terminal_id, codes.expires_at, codes.used_epoch, codes.answer)
        .where(codes.tenant_id == session.tenant_id, codes.code_hash == hashed)
        .with_for_update()
    )
    code = found.one_or_none()
    if code is None or code.expires_at <= now:
        raise EnrolmentRefused
    if code.used_epoch is not None:
        return await _first_answer(session, code.terminal_id, code.used_epoch, code.answer, request.public_key)
    answer = await _open_epoch(session, code.terminal_id, request, issuer=issuer, now=now, random=random)
    kept = {name: value for name, value in msgspec.to_builtins(answer).items() if name != "pin_key"}
    await session.execute(
        update(enrolment_codes)
        .where(codes.tenant_id == session.tenant_id, codes.code_hash == hashed)
        .values(used_epoch=answer.epoch, answer=msgspec.json.encode(kept).decode())
    )
    return answer


async def _first_answer(
    session: TenantSession, terminal_id: UUID, epoch: int, answer: str, public_key: str
) -> EnrolAnswer:
    """The answer was lost on its way: the one who holds the key that was enrolled gets it again."""
    of = epochs.c
    found = await session.execute(
        select(of.pin_key).where(
            of.tenant_id == session.tenant_id,
            of.terminal_id == terminal_id,
            of.epoch == epoch,
            of.public_key == public_key,
            of.revoked_at.is_(None),
        )
    )
    row = found.one_or_none()
    if row is None:
        raise EnrolmentRefused
    kept = msgspec.json.decode(answer, type=dict[str, object])
    return msgspec.convert({**kept, "pin_key": _text(row.pin_key)}, EnrolAnswer)


async def _open_epoch(
    session: TenantSession,
    terminal_id: UUID,
    request: EnrolRequest,
    *,
    issuer: str,
    now: datetime,
    random: Callable[[int], bytes],
) -> EnrolAnswer:
    at = terminals.c
    taken = await session.execute(
        update(terminals)
        .where(at.tenant_id == session.tenant_id, at.terminal_id == terminal_id)
        .values(next_epoch=at.next_epoch + 1, reported=None, reported_at=None)
        .returning(at.next_epoch, at.location_id, at.number)
    )
    terminal = taken.one()
    epoch: int = terminal.next_epoch - 1
    location = await location_row(session, terminal.location_id)
    if location is None:
        raise EnrolmentRefused
    prefix = receipt_prefix(location.receipt_part, terminal.number, epoch)
    pin_key = random(pin_key_bytes)
    await session.execute(
        update(epochs)
        .where(epochs.c.tenant_id == session.tenant_id, epochs.c.terminal_id == terminal_id)
        .where(epochs.c.replaced_at.is_(None))
        .values(replaced_at=now)
    )
    opened = await session.execute(
        upsert(epochs)
        .values(
            tenant_id=session.tenant_id,
            terminal_id=terminal_id,
            epoch=epoch,
            location_id=terminal.location_id,
            public_key=request.public_key,
            pin_key=pin_key,
            receipt_prefix=prefix,
            enrolled_at=now,
            last_seen_at=now,
            applied_hash=first_prev(str(terminal_id), epoch, request.public_key),
        )
        .on_conflict_do_nothing(index_elements=["tenant_id", "public_key"])
        .returning(epochs.c.epoch)
    )
    if opened.one_or_none() is None:
        raise EnrolmentRefused
    effective = await settings.effective(session, terminal.location_id)
    tenant = await tenants.current(session)
    await audit.record(
        session, "enrol", "terminal", str(terminal_id), None, {"epoch": epoch, "public_key": request.public_key}
    )
    return EnrolAnswer(
        terminal_id=str(terminal_id),
        epoch=epoch,
        issuer=issuer,
        location_id=str(terminal.location_id),
        tenant_name=tenant.name,
        location_name=location.name,
        currency=tenant.currency,
        price_mode=effective.price_mode,
        tax_rounding=effective.tax_rounding,
        cash_rounding_minor=effective.cash_rounding_minor,
        timezone=location.timezone,
        receipt_prefix=prefix,
        pin_key=_text(pin_key),
        journal_keep_days=journal_keep_days,
    )


def _text(pin_key: bytes) -> str:
    return base64.b64encode(pin_key).decode()
