"""Each event's entries are those that the contract's table says of its own line, and come to 0."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from tests.contract.independent_books import event_entries, refund_entries, sale_entries
from tests.simulation.evidence import Evidence, Key, TenantEvidence


def every_journal_balances(evidence: Evidence) -> Iterator[str]:
    for tenant in evidence.tenants:
        booked: dict[Key, Counter[tuple[str, str, str]]] = defaultdict(Counter)
        for row in evidence.of(tenant, "entries"):
            key = (str(row["terminal_id"]), row["epoch"], row["branch"], row["sequence"])
            place = (row["account"], str(row["location_id"]), row["business_date"].isoformat())
            booked[key][place] += row["amount_minor"]
        expected = expected_entries(evidence, tenant)
        for key in booked.keys() | expected.keys():
            have = {place: amount for place, amount in booked[key].items() if amount}
            want = {place: amount for place, amount in expected.get(key, {}).items() if amount}
            if have != want:
                yield f"{key} is booked as {have}, its line says {want}"
            if sum(have.values()):
                yield f"{key} does not balance: {have}"


def expected_entries(evidence: Evidence, tenant: TenantEvidence) -> dict[Key, Counter[tuple[str, str, str]]]:
    """By event: what its line says, by account, location and business date."""
    applied = evidence.applied(tenant)
    receipts: dict[str, Counter[str]] = {}
    places: dict[str, str] = {}
    for key, event in applied.items():
        payload = event["payload"]
        if event["type"] == "SALE":
            receipts[payload["sale_id"]] = sale_entries(payload)
            places[payload["sale_id"]] = tenant.location_of[key[0]]
        elif event["type"] == "REFUND":
            receipts[payload["refund_id"]] = refund_entries(payload)
            places[payload["refund_id"]] = tenant.location_of[key[0]]
    return {key: _of(event, receipts, places, tenant.location_of[key[0]]) for key, event in applied.items()}


def _of(
    event: Mapping[str, Any], receipts: Mapping[str, Counter[str]], places: Mapping[str, str], own_place: str
) -> Counter[tuple[str, str, str]]:
    payload = event["payload"]
    place = own_place
    if event["type"] == "VOID":
        place = places.get(payload.get("sale_id") or payload.get("refund_id"), own_place)
    amounts = event_entries(event["type"], payload, receipts)
    return Counter({(account, place, event["business_date"]): amount for account, amount in amounts.items()})
