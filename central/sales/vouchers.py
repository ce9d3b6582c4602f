"""Vouchers: sold and refunded to, less redeemed; and those that were redeemed before anybody knew of them.

A balance is a sum, so it never depends on the order of arrival; which of two redemptions bears the exception may.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from msgspec import Struct

from central.ledger.accounts import shortened
from central.ledger.posting import EventKey
from central.sales.booked import Booked, NewException
from central.sales.exception_records import withdraw
from central.sales.receipts import SQL
from central.tenant_session import TenantSession
from protocol.events import Refund, Sale

unknown: Final = "voucher-unknown"
exceeds: Final = "voucher-exceeds-balance"


class VoucherMovement(Struct, frozen=True):
    """What an event does to a voucher. `known_by_it`: it sells the voucher or refunds to it; `waiter` is the receipt
    whose redemption it is, or takes back."""

    code: str
    amount_minor: int
    known_by_it: bool
    key: EventKey
    waiter: EventKey
    location_id: UUID


class _Balance(Struct):
    balance_minor: int
    known: bool
    was_known: bool


def voucher_movements(
    payload: Sale | Refund, key: EventKey, receipt_key: EventKey, location_id: UUID, sign: int
) -> list[VoucherMovement]:
    """What a receipt does to vouchers, or its VOID (`sign` -1, `key` the VOID's own)."""
    moved = []
    direction = sign if isinstance(payload, Sale) else -sign
    for line in payload.lines:
        if line.kind == "voucher" and line.barcode:
            amount = direction * line.net_minor
            known_by_it = isinstance(payload, Sale)
            moved.append(VoucherMovement(shortened(line.barcode), amount, known_by_it, key, receipt_key, location_id))
    for tender in payload.tenders:
        if tender.method == "VOUCHER" and tender.voucher_code:
            amount = -direction * tender.tendered
            known_by_it = isinstance(payload, Refund)
            code = shortened(tender.voucher_code)
            moved.append(VoucherMovement(code, amount, known_by_it, key, receipt_key, location_id))
    return moved


async def move_vouchers(
    session: TenantSession, movements: Sequence[VoucherMovement], booked: Booked, now: datetime
) -> None:
    """Add up what a batch does to vouchers, in its order; raise what goes below 0, let wait what nobody knows."""
    if not movements:
        return
    rows = await session.driver.fetch(
        SQL.lock_vouchers, session.tenant_id, sorted({movement.code for movement in movements})
    )
    balances = {row["voucher_code"]: _Balance(int(row["balance_minor"]), row["known"], row["known"]) for row in rows}
    waiting: list[VoucherMovement] = []
    for movement in movements:
        balance = balances[movement.code]
        balance.balance_minor += movement.amount_minor
        balance.known = balance.known or movement.known_by_it
        if not balance.known:
            waiting.append(movement)
        elif movement.amount_minor < 0 and balance.balance_minor < 0 and balance.was_known:
            booked.exceptions.append(_exceeds(movement.key, movement.code, balance.balance_minor))
    for movement in waiting:
        await _wait(session, movement, now)
    for code, balance in balances.items():
        if balance.known and not balance.was_known:
            await _come(session, code, balance.balance_minor, movements, booked, now)
    codes = list(balances)
    await session.driver.execute(
        SQL.save_vouchers,
        session.tenant_id,
        codes,
        [balances[code].balance_minor for code in codes],
        [balances[code].known for code in codes],
    )


async def _wait(session: TenantSession, movement: VoucherMovement, now: datetime) -> None:
    await session.driver.execute(
        SQL.wait_for,
        session.tenant_id,
        f"voucher:{movement.code}",
        *movement.waiter,
        movement.location_id,
        unknown,
        -movement.amount_minor,
        now,
    )


async def _come(
    session: TenantSession,
    code: str,
    balance_minor: int,
    movements: Iterable[VoucherMovement],
    booked: Booked,
    now: datetime,
) -> None:
    """A voucher that was redeemed before is known now: nobody waits for it any more, but some may have had too much."""
    rows = await session.driver.fetch(SQL.end_waiting, session.tenant_id, [f"voucher:{code}"])
    if any(row["raised"] for row in rows):
        await withdraw(session, [(unknown, f"voucher:{code}")], now)
    if balance_minor >= 0:
        return
    waited = [
        ((row["terminal_id"], row["epoch"], row["branch"], row["sequence"]), int(row["amount_minor"]))
        for row in sorted(rows, key=lambda row: (row["since"], row["sequence"]))
    ]
    before = {key for key, _ in waited}
    here = [
        (movement.key, -movement.amount_minor)
        for movement in movements
        if movement.code == code and movement.amount_minor < 0 and movement.waiter not in before
    ]
    left = balance_minor + sum(amount for _, amount in (*waited, *here))
    for key, amount in (*waited, *here):
        left -= amount
        if left < 0 < amount:
            booked.exceptions.append(_exceeds(key, code, left))


def _exceeds(key: EventKey, code: str, balance_minor: int) -> NewException:
    return NewException(key, exceeds, f"the voucher is at {balance_minor} after it", f"voucher:{code}")
