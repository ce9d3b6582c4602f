"""What came out of the printers, held against what the tills committed: each receipt once, unmarked."""

import re
from collections import Counter
from collections.abc import Iterable
from hashlib import sha256
from typing import Final

from msgspec import Struct

from demo.reckoning import JournalLine
from demo.till import Till

_HASH_DIGITS: Final = 10
_HASH: Final = re.compile(rf"(?<![0-9a-f])[0-9a-f]{{{_HASH_DIGITS}}}(?![0-9a-f])")


def is_whole(slip: str, number: str) -> bool:
    """Whether this is the slip of that number down to its last lines, which a refund of it only names."""
    return re.search(rf"^{re.escape(number)} +[0-9a-f]{{{_HASH_DIGITS}}} *$", slip, re.MULTILINE) is not None


class Papers(Struct, frozen=True):
    """A sentence for the reader, and what is not as it should be."""

    summary: str
    wrong: list[str]


def papers_of(tills: Iterable[Till], journals: Iterable[JournalLine]) -> Papers:
    """Hold the paper of all printers against the journals.

    Each receipt bears the first digits of its line's hash, so paper and line find each other. Unmarked it may come
    out once; where a person saw that it did not come out whole, a copy that says so takes its place.
    """
    unmarked: Counter[str] = Counter()
    copies: Counter[str] = Counter()
    for till in tills:
        for receipt in till.printer.receipts():
            marked = receipt.lstrip().startswith("COPY")
            (copies if marked else unmarked).update(set(_HASH.findall(receipt)))
    wrong: list[str] = []
    receipts = {
        sha256(line.raw).hexdigest()[:_HASH_DIGITS]: line.event["payload"]["receipt_number"]
        for line in journals
        if line.event["type"] in ("SALE", "REFUND")
    }
    for digits, number in receipts.items():
        if unmarked[digits] > 1:
            wrong.append(f"receipt {number} came out {unmarked[digits]} times unmarked")
        elif unmarked[digits] + copies[digits] == 0:
            wrong.append(f"receipt {number} never came out")
    by_copy = sum(1 for digits in receipts if unmarked[digits] == 0 and copies[digits])
    return Papers(
        f"{len(receipts):,} receipts on paper, each once unmarked"
        + (f", {by_copy} of them as a copy" if by_copy else ""),
        wrong,
    )
