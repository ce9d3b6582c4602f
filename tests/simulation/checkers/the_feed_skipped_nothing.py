"""Whoever read the ledger's feed while all this happened has every entry once, in the order of their numbers."""

from collections.abc import Iterator

from tests.simulation.evidence import Evidence


def the_feed_skipped_nothing(evidence: Evidence) -> Iterator[str]:
    for tenant in evidence.tenants:
        numbers = [entry["entry_number"] for entry in tenant.feed]
        if numbers != sorted(set(numbers)):
            yield f"{tenant.canary}: the feed came out of order or twice: {numbers}"
        read = {entry["entry_number"]: (entry["account"], entry["amount_minor"]) for entry in tenant.feed}
        kept = {row["entry_number"]: (row["account"], row["amount_minor"]) for row in evidence.of(tenant, "entries")}
        for number in sorted(read.keys() ^ kept.keys()):
            yield f"{tenant.canary}: entry {number} is {read.get(number)} in the feed, {kept.get(number)} in the ledger"
        changed = [number for number in read.keys() & kept.keys() if read[number] != kept[number]]
        if changed:
            yield f"{tenant.canary}: entries {changed} are not what the feed said"
