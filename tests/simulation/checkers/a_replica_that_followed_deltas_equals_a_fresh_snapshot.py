"""A terminal that kept following ends with exactly what a fresh one gets."""

from collections.abc import Iterator
from typing import Any

from tests.simulation.evidence import Evidence


def a_replica_that_followed_deltas_equals_a_fresh_snapshot(evidence: Evidence) -> Iterator[str]:
    for replica in evidence.replicas:
        for key in sorted(replica.followed.keys() | replica.fresh.keys()):
            followed, fresh = replica.followed.get(key), replica.fresh.get(key)
            if _plain(followed) != _plain(fresh):
                yield f"{replica.name}: {key} is {_short(followed)}, a fresh terminal gets {_short(fresh)}"


def _plain(data: Any) -> Any:
    """Barcodes without leading zeros: a terminal keeps them in the form that it looks them up by."""
    if not isinstance(data, dict):
        return data
    plain = dict(data)
    for name in ("barcodes", "prices"):
        if name in plain:
            plain[name] = [
                {**of, "barcode": of["barcode"].lstrip("0")} if isinstance(of, dict) and of.get("barcode") else of
                for of in plain[name] or ()
            ]
    return plain


def _short(data: Any) -> str:
    text = str(data)
    return text if len(text) < 300 else f"{text[:300]} …"
