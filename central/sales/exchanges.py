"""Exchanges: a REFUND and a SALE with one id whose EXCHANGE tenders come to 0 together."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from msgspec import UNSET, Struct

from central.ledger.posting import EventKey
from central.sales.booked import Booked, NewException
from central.sales.exception_records import withdraw
from central.sales.receipts import SQL
from central.tenant_session import TenantSession
from protocol.events import Refund, Sale

code = "exchange-unbalanced"


class ExchangeMovement(Struct, frozen=True):
    """What an event does to an exchange: counts of halves and their voids, and what passes between them."""

    exchange_id: UUID
    key: EventKey
    sales: int = 0
    refunds: int = 0
    sale_voids: int = 0
    refund_voids: int = 0
    clearing_minor: int = 0


def exchange_movement(payload: Sale | Refund, key: EventKey, sign: int) -> ExchangeMovement | None:
    """What a receipt does to its exchange, or its VOID (`sign` -1)."""
    exchange_id = payload.exchange_id
    if exchange_id is UNSET or exchange_id is None:
        return None
    is_sale = isinstance(payload, Sale)
    passed = sum(tender.tendered for tender in payload.tenders if tender.method == "EXCHANGE")
    return ExchangeMovement(
        exchange_id,
        key,
        sales=int(is_sale and sign > 0),
        refunds=int(not is_sale and sign > 0),
        sale_voids=int(is_sale and sign < 0),
        refund_voids=int(not is_sale and sign < 0),
        clearing_minor=sign * (passed if is_sale else -passed),
    )


def exchange_unbalanced(
    sales: int, refunds: int, sale_voids: int, refund_voids: int, clearing_minor: int
) -> str | None:
    """What is wrong with an exchange; nothing before both halves are in, and nothing where both are voided."""
    if not sales or not refunds:
        return None
    if bool(sale_voids) != bool(refund_voids):
        return "one half was voided without the other"
    if clearing_minor:
        return f"the halves come to {clearing_minor} together"
    return None


async def move_exchanges(
    session: TenantSession, movements: Sequence[ExchangeMovement], booked: Booked, now: datetime
) -> None:
    """Add up what a batch does to exchanges; the last event of one that is out of balance bears the exception."""
    if not movements:
        return
    sums: dict[UUID, list[int]] = {}
    last: dict[UUID, EventKey] = {}
    for of in movements:
        figures = (of.sales, of.refunds, of.sale_voids, of.refund_voids, of.clearing_minor)
        before = sums.get(of.exchange_id, [0] * 5)
        sums[of.exchange_id] = [old + new for old, new in zip(before, figures, strict=True)]
        last[of.exchange_id] = of.key
    ids = sorted(sums)
    columns = [[sums[exchange_id][index] for exchange_id in ids] for index in range(5)]
    rows = await session.driver.fetch(SQL.add_to_exchanges, session.tenant_id, ids, *columns)
    balanced = []
    for row in rows:
        subject = f"exchange:{row['exchange_id']}"
        wrong = exchange_unbalanced(
            row["sales"], row["refunds"], row["sale_voids"], row["refund_voids"], int(row["clearing_minor"])
        )
        if wrong is not None:
            booked.exceptions.append(NewException(last[row["exchange_id"]], code, wrong, subject))
        elif row["sales"] and row["refunds"]:
            balanced.append((code, subject))
    await withdraw(session, balanced, now)
