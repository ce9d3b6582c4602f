"""Access tokens: given out for an assertion that holds, and read on every request of a terminal."""

from collections import OrderedDict
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import Struct

from central.http import Unauthenticated
from central.http.services import Services
from central.tenancy import directory
from central.tenant_session import Caller, TenantSession, tenant_session
from central.terminals.access_token import AccessClaims, AccessTokenError, read_token, token_seconds, write_token
from central.terminals.assertion import Assertion, AssertionRefusedError, read_assertion, signed_by
from central.terminals.epoch_position import EpochPosition, missing_ranges, shown
from central.terminals.positions import QUERIES, mark_suspect, position, public_key
from central.terminals.status import contradicts
from protocol.enrolment import assertion_skew_seconds_max
from protocol.uplink import Position

tokens_remembered_max: Final = 20_000

# An assertion of a terminal that does not exist is checked against this key, so that it takes as long.
_NOBODY: Final = Ed25519PrivateKey.from_private_bytes(sha256(b"tillstream: nobody's key").digest()).public_key()


class TokenAnswer(Struct, frozen=True, kw_only=True):
    """A 200 of the token endpoint (RFC 6749, section 5.1, and what the contract adds)."""

    access_token: str
    token_type: str = "Bearer"  # noqa: S105 - the name of a scheme
    expires_in: int
    server_time: datetime
    position: Position


async def authenticate_token(services: Services, token: str) -> Caller:
    """The terminal whose access token it is, without a trip to the database. Raises `Unauthenticated`.

    Whether its epoch was revoked or replaced since is asked in its transaction: `admit`, or under `lock_positions`.
    """
    return services.of(ReadTokens).caller(token)


class ReadTokens:
    """The tokens that were read last in this process: a terminal shows one many times in its hour."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._read: OrderedDict[str, tuple[Caller, int]] = OrderedDict()

    def caller(self, token: str) -> Caller:
        """Raises `Unauthenticated`."""
        now = self._services.clock()
        known = self._read.get(token)
        if known is not None and now.timestamp() < known[1]:
            self._read.move_to_end(token)
            return known[0]
        try:
            claims = read_token(token, self._services.keys["access_token"], now)
        except AccessTokenError as error:
            self._read.pop(token, None)
            raise Unauthenticated from error
        caller = terminal_caller(claims.tenant_id, claims.location_id, claims.terminal_id, claims.epoch)
        self._read[token] = (caller, claims.expires_at)
        if len(self._read) > tokens_remembered_max:
            self._read.popitem(last=False)
        return caller


def terminal_caller(tenant_id: UUID, location_id: UUID, terminal_id: UUID, epoch: int) -> Caller:
    return Caller(
        kind="terminal",
        tenant_id=tenant_id,
        role="terminal",
        id=str(terminal_id),
        location_id=location_id,
        terminal_id=terminal_id,
        epoch=epoch,
    )


async def give_token(services: Services, text: str) -> TokenAnswer:
    """An access token for a client assertion.

    Raises `AssertionRefusedError` for one that is expired, replayed, of another key or algorithm, or of a terminal that
    is unknown or revoked.
    """
    now = services.clock()
    assertion = read_assertion(text, issuer=services.issuer, now=now)
    tenant_id = await directory.find(services.database, "terminal", str(assertion.terminal_id))
    if tenant_id is None:
        signed_by(text, _NOBODY)
        raise AssertionRefusedError("no such terminal")
    caller = Caller(kind="terminal", tenant_id=tenant_id, role="terminal", id=str(assertion.terminal_id))
    async with tenant_session(services.database, caller) as session:
        known = await _take(session, assertion, text, now)
        at = shown_position(known, await incarnation(session))
    claims = AccessClaims(
        tenant_id, known.location_id, known.terminal_id, known.epoch, int(now.timestamp()) + token_seconds
    )
    return TokenAnswer(
        access_token=write_token(claims, services.keys["access_token"]),
        expires_in=token_seconds,
        server_time=now,
        position=at,
    )


async def _take(session: TenantSession, assertion: Assertion, text: str, now: datetime) -> EpochPosition:
    """Check the signature, take the assertion once, and compare its journal with what is stored."""
    terminal_id, epoch = assertion.terminal_id, assertion.epoch
    key = await public_key(session, terminal_id, epoch)
    if not signed_by(text, key.key if key else _NOBODY) or key is None:
        raise AssertionRefusedError("signature")
    known = await position(session, terminal_id, epoch)
    if known is None or known.revoked_at is not None:
        raise AssertionRefusedError("revoked")
    forget_before = now - timedelta(seconds=assertion_skew_seconds_max)
    await session.driver.execute(QUERIES.forget_assertions, session.tenant_id, terminal_id, forget_before)
    taken = await session.driver.fetchval(
        QUERIES.take_assertion,
        session.tenant_id,
        terminal_id,
        sha256(assertion.jti.encode()).digest(),
        datetime.fromtimestamp(assertion.expires_at, tz=now.tzinfo),
    )
    if taken is None:
        raise AssertionRefusedError("replayed")
    if contradicts(known, assertion.last_sequence, assertion.last_hash):
        await mark_suspect(session, terminal_id, epoch)
    await session.driver.execute(QUERIES.seen, session.tenant_id, terminal_id, epoch, now)
    return known


async def incarnation(session: TenantSession) -> UUID:
    """The life of the database: another one after it came back from a backup."""
    value: UUID = await session.driver.fetchval(QUERIES.incarnation)
    return value


def shown_position(known: EpochPosition, of: UUID) -> Position:
    """A position as an answer bears it."""
    return Position(
        epoch=known.epoch,
        applied_through=known.applied_through,
        applied_hash=known.applied_hash,
        queued=shown(known.queued),
        missing=shown(missing_ranges(known.applied_through, known.queued, known.lost)),
        incarnation=str(of),
    )
