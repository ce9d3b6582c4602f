"""What was promised is there: every line that central answered for, and every line that any disk has."""

from collections.abc import Iterator
from hashlib import sha256

from tests.simulation.evidence import Evidence


def every_ack_is_in_the_ledger(evidence: Evidence) -> Iterator[str]:
    stored = {
        (str(row["terminal_id"]), row["epoch"], row["sequence"], sha256(row["line"]).hexdigest())
        for row in evidence.tables["events"]
    }
    for promise in evidence.broken:
        yield f"{promise} was acknowledged before it was committed"
    for promise in evidence.promises:
        if (promise.terminal_id, promise.epoch, promise.sequence, promise.hash) not in stored:
            yield f"{promise} was acknowledged and is gone"
    for disk in evidence.disks:
        for line in disk.lines:
            if line.sequence < 1:
                continue
            through = disk.acknowledged.get((line.terminal_id, line.epoch))
            if (line.terminal_id, line.epoch, line.sequence, line.hash) not in stored:
                counts = "" if through is None else f", which counts as acknowledged through {through}"
                yield f"{disk.name} has {line}, central does not{counts}"
            elif through is not None and line.sequence > through:
                yield f"{disk.name} still counts {line} as not acknowledged"
