"""Recounts one tenant in one snapshot: events in order, everything else alongside, then the sums."""

import contextlib
from collections import Counter
from datetime import date
from typing import Any
from uuid import UUID

from central.cli.recount.books import Books, Voided
from central.cli.recount.chains import Chains
from central.cli.recount.finding import Findings
from central.cli.recount.rows import Alongside, key_of, rows_of
from central.cli.recount.walls import look_at_walls
from central.ledger.posting import EventKey
from central.reporting.roll_ups import FIGURES
from central.sales.places import load_places
from central.sales.receipts import ReceiptId, load
from central.sales.refunds import read_taxes
from central.sales.voids import target_of
from central.tenant_session import TenantSession
from protocol.events import Void
from protocol.lines import EnvelopeError, UnknownTypeError, UnreadableError, read_line, read_payload

_LOCATIONS = "select distinct location_id from till.events where tenant_id = $1"
_VOIDS = "select line from till.events where tenant_id = $1 and type = 'VOID' and state = 'applied'"
_EXCEPTIONS = (
    "select terminal_id, epoch, branch, sequence, code, moved_account, moved_minor, moved_on"
    " from till.exceptions where tenant_id = $1"
)
_BALANCES = "select business_date, location_id, account, amount_minor from till.daily_balances where tenant_id = $1"
_DAILY = "select * from till.sales_daily where tenant_id = $1"
_HOURLY = "select * from till.sales_hourly where tenant_id = $1"
_GIVEN = (
    "select sale_id, line, quantity_milli, amount_minor, discount_minor, taxes::text as taxes"
    " from till.refunded_lines where tenant_id = $1"
)
_VOUCHERS = "select voucher_code, balance_minor from till.vouchers where tenant_id = $1"
_SHIFTS = "select shift_id, cash_minor, opens, closes from till.shifts where tenant_id = $1"
_EXCHANGES = (
    "select exchange_id, sales, refunds, sale_voids, refund_voids, clearing_minor"
    " from till.exchanges where tenant_id = $1"
)
_NUMBERS = (
    "select count(*) as entries, count(distinct entry_number) as numbers, coalesce(max(entry_number), 0) as last,"
    " (select entry_number from till.tenant_counters c where c.tenant_id = $1) as counter"
    " from till.entries where tenant_id = $1"
)
# A line that is broken or gone is found where the lines are walked; nothing can be counted out by it here.
_broken = (EnvelopeError, UnreadableError, UnknownTypeError, KeyError)
_STATES = {"unreadable": "unreadable", "unknown": "unknown-type"}


async def recount_tenant(session: TenantSession, findings: Findings) -> None:
    """Recount all that central keeps of the session's tenant; the session is one snapshot."""
    await look_at_walls(session, findings)
    raised, moved = await _exceptions(session)
    voided, void_counts = await _voided(session)
    locations = {row["location_id"] for row in await session.driver.fetch(_LOCATIONS, session.tenant_id)}
    places = await load_places(session, locations)
    books = Books(findings, places, voided, void_counts, moved, raised)
    chains = Chains(session, findings)
    await chains.begin()
    entries, lines, receipts = (Alongside(rows_of(session, name)) for name in ("entries", "lines", "receipts"))
    async for row in rows_of(session, "events"):
        findings.looked("events")
        envelope = await chains.look(row)
        wanted = _STATES.get(row["state"])
        if wanted is not None and wanted not in raised.get(key_of(row), set()):
            findings.add("exceptions", key_of(row), wanted, None)
        if envelope is None or row["state"] != "applied":
            continue
        try:
            event = read_payload(envelope)
        except (UnreadableError, UnknownTypeError) as error:
            findings.add("line", key_of(row), "readable, as when it was applied", error)
            continue
        await books.look(row, event, entries, lines, receipts)
    chains.end()
    for name, alongside in (("entries", entries), ("report lines", lines), ("receipt", receipts)):
        await alongside.end()
        for row in alongside.strays:
            findings.add(name, key_of(row), None, "a row without its applied event")
    await _compare_sums(session, findings, books)


async def _exceptions(
    session: TenantSession,
) -> tuple[dict[EventKey, set[str]], dict[EventKey, list[tuple[date, str, int]]]]:
    raised: dict[EventKey, set[str]] = {}
    moved: dict[EventKey, list[tuple[date, str, int]]] = {}
    for row in await session.driver.fetch(_EXCEPTIONS, session.tenant_id):
        raised.setdefault(key_of(row), set()).add(row["code"])
        if row["moved_minor"] is not None:
            moved.setdefault(key_of(row), []).append((row["moved_on"], row["moved_account"], row["moved_minor"]))
    return raised, moved


async def _voided(session: TenantSession) -> tuple[dict[ReceiptId, Voided], Counter[ReceiptId]]:
    """What VOIDs void, and how often; one whose receipt has not come counts for nothing."""
    counts: Counter[ReceiptId] = Counter()
    for row in await session.driver.fetch(_VOIDS, session.tenant_id):
        with contextlib.suppress(*_broken):
            payload = read_payload(read_line(row["line"])).payload
            if isinstance(payload, Void):
                counts[target_of(payload)] += 1
    voided = {}
    for receipt in counts:
        with contextlib.suppress(*_broken):
            found = await load(session, receipt)
            if found is not None:
                voided[receipt] = Voided(found.key, found.location_id, found.key[0], found.payload)
    return voided, counts


async def _compare_sums(session: TenantSession, findings: Findings, books: Books) -> None:
    driver, tenant_id = session.driver, session.tenant_id

    async def table(statement: str, key: tuple[str, ...], figures: tuple[str, ...]) -> dict[Any, list[Any]]:
        rows = await driver.fetch(statement, tenant_id)
        return {tuple(row[name] for name in key): [int(row[name]) for name in figures] for row in rows}

    balances = await table(_BALANCES, ("business_date", "location_id", "account"), ("amount_minor",))
    findings.compare_tables("balance", {key: [amount] for key, amount in books.balances.items()}, balances)
    findings.compare_tables(
        "daily roll-up", books.daily, await table(_DAILY, ("business_date", "location_id"), FIGURES)
    )
    hourly_key = ("business_date", "location_id", "hour", "terminal_id", "cashier_id")
    findings.compare_tables("hourly roll-up", books.hourly, await table(_HOURLY, hourly_key, FIGURES))
    findings.compare_tables(
        "voucher",
        _keyed({code: [amount] for code, amount in books.vouchers.items()}),
        await table(_VOUCHERS, ("voucher_code",), ("balance_minor",)),
    )
    findings.compare_tables(
        "shift", _keyed(books.shifts), await table(_SHIFTS, ("shift_id",), ("cash_minor", "opens", "closes"))
    )
    halves = ("sales", "refunds", "sale_voids", "refund_voids", "clearing_minor")
    findings.compare_tables("exchange", _keyed(books.exchanges), await table(_EXCHANGES, ("exchange_id",), halves))
    findings.compare_tables("refunded line", _given(books), await _given_rows(session))
    numbers = await driver.fetchrow(_NUMBERS, tenant_id)
    findings.compare("entry numbers", "each once", numbers["entries"], numbers["numbers"])
    if numbers["last"] > numbers["counter"]:
        findings.add("entry numbers", "the tenant's counter", f"at least {numbers['last']}", numbers["counter"])


def _keyed(sums: dict[Any, list[int]]) -> dict[Any, list[int]]:
    return {(key,): figures for key, figures in sums.items()}


def _given(books: Books) -> dict[Any, list[Any]]:
    return {
        (sale_id, line): [of.quantity_milli, of.amount_minor, of.discount_minor, *_taxes(of.taxes)]
        for sale_id, lines in books.given.items()
        for line, of in lines.items()
    }


async def _given_rows(session: TenantSession) -> dict[Any, list[Any]]:
    rows = await session.driver.fetch(_GIVEN, session.tenant_id)
    return {
        (row["sale_id"], row["line"]): [
            int(row["quantity_milli"]),
            int(row["amount_minor"]),
            int(row["discount_minor"]),
            *_taxes(read_taxes(row["taxes"])),
        ]
        for row in rows
    }


def _taxes(taxes: dict[tuple[str, int], int]) -> list[tuple[str, int, int]]:
    return sorted((code, rate, amount) for (code, rate), amount in taxes.items() if amount)


def known_tenants(rows: list[tuple[str, UUID]], named: str | None) -> list[tuple[str, UUID]]:
    """All tenants, or the one that was named by its code or id."""
    return [row for row in rows if named in (None, row[0], str(row[1]))]
