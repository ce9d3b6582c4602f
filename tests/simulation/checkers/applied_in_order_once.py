"""Each line that counts was applied once, after all before it; the rest is kept and books nothing.

A line that stands on the chain and on an adopted branch, or on two, was applied in one of these places.
"""

from collections import defaultdict
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

from tests.simulation.evidence import Evidence, Key


def applied_in_order_once(evidence: Evidence) -> Iterator[str]:
    poison = {line.hash for disk in evidence.disks for line in disk.lines if line.poison}
    branches = {(str(row["terminal_id"]), row["branch"]): row["state"] for row in evidence.tables["branches"]}
    applied: dict[tuple[str, int, int, bytes], Key] = {}
    for row in sorted(evidence.tables["events"], key=lambda row: str(row["state"]) == "kept"):
        key = _key(row)
        state, branch = row["state"], row["branch"]
        hash_ = sha256(row["line"]).hexdigest()
        if hash_ != row["line_hash"].hex():
            yield f"{key} is stored under another hash"
        wanted = {"unreadable", "unknown"} if hash_ in poison else {"applied"}
        if branch and branches[key[0], branch] == "discarded":
            wanted = {"kept"}
        if branch == 0 and _is_lost(evidence, key):
            wanted = wanted | {"held"}
        line = (key[0], key[1], key[3], row["line"])
        if line in applied:
            wanted = {"kept"}
        elif state in ("applied", "unreadable", "unknown"):
            applied[line] = key
        if state not in wanted:
            yield f"{key} is {state}, not {' or '.join(sorted(wanted))}"
    yield from _chains(evidence)
    yield from _entries(evidence)


def _chains(evidence: Evidence) -> Iterator[str]:
    """No hole in a chain but what was declared lost; each line names the one before it."""
    lines: dict[tuple[str, int], dict[int, Any]] = defaultdict(dict)
    for row in evidence.tables["events"]:
        if row["branch"] == 0:
            lines[str(row["terminal_id"]), row["epoch"]][row["sequence"]] = row
    for row in evidence.tables["epochs"]:
        name = (str(row["terminal_id"]), row["epoch"])
        chain = lines.get(name, {})
        last = max(chain, default=0)
        if row["applied_through"] != last:
            yield f"{name} is applied through {row['applied_through']}, its last line is {last}"
        for sequence in range(1, last + 1):
            if sequence not in chain:
                if not _is_lost(evidence, (*name, 0, sequence)):
                    yield f"{name} has no line {sequence}"
            elif sequence - 1 in chain and chain[sequence]["state"] != "held" != chain[sequence - 1]["state"]:
                before = sha256(chain[sequence - 1]["line"]).hexdigest()
                if f'"{before}"' not in chain[sequence]["text"][:200]:
                    yield f"{name}: line {sequence} does not follow the one before it"


def _entries(evidence: Evidence) -> Iterator[str]:
    """The ledger's numbers rise with the sequence, but for lost lines that came late, and VOIDs that waited."""
    last: dict[tuple[str, int], int] = {}
    types = {_key(row): row["type"] for row in evidence.tables["events"]}
    numbers = set()
    for row in evidence.tables["entries"]:
        key = _key(row)
        number = (str(row["tenant_id"]), row["entry_number"])
        if number in numbers:
            yield f"entry {number} stands twice"
        numbers.add(number)
        if types.get(key) == "VOID" or key[2] or _is_lost(evidence, key):
            continue
        if key[3] < last.get(key[:2], 0):
            yield f"{key} was booked after {last[key[:2]]}"
        last[key[:2]] = max(key[3], last.get(key[:2], 0))


def _is_lost(evidence: Evidence, key: Key) -> bool:
    return any(
        (str(row["terminal_id"]), row["epoch"]) == key[:2] and row["from_sequence"] <= key[3] <= row["to_sequence"]
        for row in evidence.tables["lost"]
    )


def _key(row: Any) -> Key:
    return str(row["terminal_id"]), row["epoch"], row["branch"], row["sequence"]
