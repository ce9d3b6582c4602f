"""No printer gave out a document twice without COPY on it, and each receipt came out whole or a person knows."""

from collections import Counter
from collections.abc import Iterator

from tests.simulation.evidence import Disk, Evidence


def one_unmarked_receipt_each(evidence: Evidence) -> Iterator[str]:
    whole = {one.stamp for disk in evidence.disks for one in disk.paper if one.whole}
    for disk in evidence.disks:
        unmarked = Counter(one.stamp for one in disk.paper if not one.copy)
        for stamp, times in unmarked.items():
            if times > 1:
                yield f"{disk.name} printed {stamp} {times} times unmarked"
        for hash_, type_, copy, state in disk.jobs:
            if state == "printed" and not copy and hash_[:10] not in whole:
                yield f"{disk.name} says that {type_} {hash_[:10]} is printed; no paper bears it whole"
        yield from _jobs(disk)


def _jobs(disk: Disk) -> Iterator[str]:
    """A print job exists if and only if its sale does."""
    jobs = Counter(hash_ for hash_, _, copy, _ in disk.jobs if not copy)
    for line in disk.lines:
        if disk.acknowledged and line.type in ("SALE", "REFUND") and jobs[line.hash] != 1:
            yield f"{disk.name} has {jobs[line.hash]} print jobs of {line}"
