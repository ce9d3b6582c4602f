"""Balances and sales reports, as the tables keep them and as the API answers, equal a recount of the lines."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from tests.contract.independent_reports import Receipted, local_hour, refund_figures, report, sale_figures
from tests.simulation.checkers.every_journal_balances import expected_entries
from tests.simulation.evidence import Evidence, TenantEvidence

figures = (*sale_figures, *refund_figures)


def roll_ups_equal_a_recount(evidence: Evidence) -> Iterator[str]:
    for tenant in evidence.tenants:
        yield from _balances(evidence, tenant)
        receipts = list(_receipts(evidence, tenant))
        for (year, group_by), rows in tenant.reports.items():
            names = group_by.split(",") if group_by else []
            want = report([one for one in receipts if one.business_date.startswith(year)], names)
            have = [row for row in rows if any(row[name] for name in figures)]
            if have != want:
                yield f"{tenant.canary}: the report of {year} by {group_by or 'nothing'} is {_different(have, want)}"
        yield from _tables(evidence, tenant, receipts)


def _balances(evidence: Evidence, tenant: TenantEvidence) -> Iterator[str]:
    recount: Counter[tuple[str, str, str]] = Counter()
    for entries in expected_entries(evidence, tenant).values():
        for place, amount in entries.items():
            recount[place] += amount
    kept = Counter(
        {
            (row["account"], str(row["location_id"]), row["business_date"].isoformat()): int(row["amount_minor"])
            for row in evidence.of(tenant, "daily_balances")
        }
    )
    for place in recount.keys() | kept.keys():
        if recount[place] != kept[place]:
            yield f"{tenant.canary}: the balance of {place} is {kept[place]}, a recount says {recount[place]}"
    by_place: Counter[tuple[str, str]] = Counter()
    for (account, location_id, _), amount in recount.items():
        by_place[account, location_id] += amount
    answered = Counter({(row["account"], row["location_id"]): row["amount_minor"] for row in tenant.balances})
    for name in by_place.keys() | answered.keys():
        if by_place[name] != answered[name]:
            yield f"{tenant.canary}: the API says {answered[name]} of {name}, a recount {by_place[name]}"


def _receipts(evidence: Evidence, tenant: TenantEvidence) -> Iterator[Receipted]:
    """Each sale and refund where it counts, and once more, negative, for each VOID of it."""
    applied = evidence.applied(tenant)
    known: dict[str, Receipted] = {}
    for key, event in applied.items():
        payload, place = event["payload"], tenant.location_of[key[0]]
        if event["type"] in ("SALE", "REFUND"):
            hour = local_hour(event["created_at"], tenant.zones[place])
            one = Receipted(payload, place, key[0], event["business_date"], hour)
            known[payload["sale_id"] if event["type"] == "SALE" else payload["refund_id"]] = one
            yield one
    for event in applied.values():
        if event["type"] == "VOID":
            voided = known.get(event["payload"].get("sale_id") or event["payload"].get("refund_id"))
            if voided is not None:
                hour = local_hour(event["created_at"], tenant.zones[voided.location_id])
                date = event["business_date"]
                yield Receipted(voided.payload, voided.location_id, voided.terminal_id, date, hour, -1)


def _tables(evidence: Evidence, tenant: TenantEvidence, receipts: list[Receipted]) -> Iterator[str]:
    """The roll-ups themselves, not only what is answered from them."""
    recounts = {
        "sales_daily": ["business_date", "location"],
        "sales_hourly": ["business_date", "location", "hour", "terminal", "cashier"],
    }
    for table, dimensions in recounts.items():
        want = _sums(report(receipts, dimensions))
        have = _sums([{name: int(row[name]) for name in figures} for row in evidence.of(tenant, table)])
        if have != want:
            yield f"{tenant.canary}: {table} comes to {have}, a recount to {want}"


def _sums(rows: list[dict[str, Any]]) -> dict[str, int]:
    return {name: sum(row[name] for row in rows) for name in figures}


def _different(have: list[dict[str, Any]], want: list[dict[str, Any]]) -> str:
    return f"{[row for row in have if row not in want]}, a recount says {[row for row in want if row not in have]}"
