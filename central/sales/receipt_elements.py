"""A receipt as it is shown: with its refunds, its void, and what is left of each line to refund (contract, section 12).

The back office and a terminal that asks get the whole payload; a terminal's replica the part that a refund needs.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import msgspec

from central.ledger.posting import EventKey
from central.sales.receipts import SQL, stored_lines
from central.sales.refunds import Given, read_taxes, refundable_lines
from central.tenant_session import TenantSession
from protocol.card_numbers import code_fields, masked
from protocol.events import Sale
from protocol.lines import read_line, read_payload
from protocol.refund import GivenBack

receipts_of_number_max: Final = 100

short_fields: Final = frozenset(
    {
        "sale_id",
        "refund_id",
        "receipt_number",
        "original",
        "currency",
        "price_mode",
        "tax_rounding",
        "lines",
        "taxes",
        "tenders",
        "net_minor",
        "tax_minor",
        "gross_minor",
        "rounding_minor",
        "cashier_id",
        "shift_id",
        "exchange_id",
        "customer_id",
    }
)
"""What a refund needs of a payload."""


async def by_number(session: TenantSession, receipt_number: str) -> list[dict[str, Any]]:
    """The receipts under a number, whole, the one applied first first; empty where there is none."""
    rows = await session.driver.fetch(SQL.receipts_by_number, session.tenant_id, receipt_number, receipts_of_number_max)
    return await elements(session, rows)


async def of_location(session: TenantSession, location_id: UUID, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Receipts of a location by sale_id or refund_id, in the short form that a terminal keeps."""
    wanted = [UUID(text) for text in ids]
    rows = await session.driver.fetch(SQL.receipts_at, session.tenant_id, location_id, wanted)
    found = await elements(session, rows, short=True)
    return {str(row["receipt_id"]): element for row, element in zip(rows, found, strict=True)}


async def elements(session: TenantSession, rows: Sequence[Any], *, short: bool = False) -> list[dict[str, Any]]:
    """Rows of receipts as they are shown, in a handful of statements whatever their number."""
    if not rows:
        return []
    lines = await stored_lines(session, [_key(row) for row in rows])
    sales = [row["receipt_id"] for row in rows if not row["is_refund"]]
    given = await _given(session, sales)
    refunds = await _refunds(session, sales)
    voids = await _voids(session, [row["receipt_id"] for row in rows])
    shown = []
    for row in rows:
        receipt = (row["receipt_id"], row["is_refund"])
        element = _element(row, lines[_key(row)], given.get(row["receipt_id"], {}), short)
        element["refunds"] = [] if row["is_refund"] else refunds.get(row["receipt_id"], [])
        element["void"] = voids.get(receipt)
        shown.append(element)
    return shown


def _element(row: Any, line: bytes, given: Given, short: bool) -> dict[str, Any]:
    envelope = read_line(line)
    payload = without_card_numbers(msgspec.json.decode(envelope.payload))
    event = read_payload(envelope)
    voided = bool(row["void_count"])
    of_lines = refundable_lines(event.payload, voided, given) if isinstance(event.payload, Sale) else ()
    return {
        "kind": "REFUND" if row["is_refund"] else "SALE",
        "terminal_id": row["terminal_id"],
        "epoch": row["epoch"],
        "branch": row["branch"] or None,
        "sequence": row["sequence"],
        "location_id": row["location_id"],
        "business_date": row["business_date"],
        "created_at": row["created_at"],
        "payload": {name: value for name, value in payload.items() if name in short_fields} if short else payload,
        "lines": [_refundable(of.line, left) for of, left in of_lines],
    }


def _refundable(line: int, left: GivenBack) -> dict[str, Any]:
    return {
        "line": line,
        "refundable_quantity_milli": left.quantity_milli,
        "refundable_amount_minor": left.amount_minor,
        "refundable_discount_minor": left.discount_minor,
        "refundable_taxes": [
            {"code": code, "rate_ppm": rate, "amount_minor": amount} for (code, rate), amount in left.taxes.items()
        ],
    }


async def _given(session: TenantSession, sale_ids: Sequence[UUID]) -> dict[UUID, dict[int, GivenBack]]:
    rows = await session.driver.fetch(SQL.refunded_lines, session.tenant_id, sale_ids)
    given: dict[UUID, dict[int, GivenBack]] = {}
    for row in rows:
        given.setdefault(row["sale_id"], {})[row["line"]] = GivenBack(
            int(row["quantity_milli"]), int(row["amount_minor"]), int(row["discount_minor"]), read_taxes(row["taxes"])
        )
    return given


async def _refunds(session: TenantSession, sale_ids: Sequence[UUID]) -> dict[UUID, list[dict[str, Any]]]:
    rows = await session.driver.fetch(SQL.refunds_of, session.tenant_id, sale_ids)
    refunds: dict[UUID, list[dict[str, Any]]] = {}
    for row in rows:
        refunds.setdefault(row["original_id"], []).append(
            {
                "refund_id": row["receipt_id"],
                "receipt_number": row["receipt_number"],
                "voided": bool(row["void_count"]),
            }
        )
    return refunds


async def _voids(session: TenantSession, receipt_ids: Sequence[UUID]) -> Mapping[tuple[UUID, bool], dict[str, Any]]:
    """The first VOID of each receipt, with what its payload says."""
    rows = await session.driver.fetch(SQL.voids_of, session.tenant_id, receipt_ids)
    first: dict[tuple[UUID, bool], Any] = {}
    for row in rows:
        first.setdefault((row["receipt_id"], row["is_refund"]), row)
    lines = await stored_lines(session, [_key(row) for row in first.values()])
    return {
        receipt: {
            "terminal_id": row["terminal_id"],
            "epoch": row["epoch"],
            "branch": row["branch"] or None,
            "sequence": row["sequence"],
            "location_id": row["location_id"],
            "business_date": row["business_date"],
            "created_at": row["created_at"],
            "payload": without_card_numbers(msgspec.json.decode(read_line(lines[_key(row)]).payload)),
        }
        for receipt, row in first.items()
    }


def without_card_numbers(value: Any) -> Any:
    """A value with every free text in it masked where it holds what looks like a card number."""
    if isinstance(value, str):
        return masked(value)
    if isinstance(value, dict):
        return {
            name: inner if name in code_fields and isinstance(inner, str) else without_card_numbers(inner)
            for name, inner in value.items()
        }
    if isinstance(value, list):
        return [without_card_numbers(inner) for inner in value]
    return value


def _key(row: Any) -> EventKey:
    return (row["terminal_id"], row["epoch"], row["branch"], row["sequence"])
