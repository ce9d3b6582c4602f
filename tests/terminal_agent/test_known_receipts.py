"""What a till knows of a receipt, also where the replica's word on it cannot be read."""

from pathlib import Path
from typing import Any

from protocol.downlink import Change
from terminal_agent.known_receipts import find_receipt
from tests.terminal_agent.lone_counter import counter, open_shift, sell_one, stock

ELEMENT: dict[str, Any] = {"kind": "SALE", "business_date": "2026-11-24", "refunds": [], "void": None, "lines": []}


async def test_a_receipt_of_which_the_replica_is_unreadable_is_known_by_the_journal_alone(tmp_path: Path) -> None:
    await stock(tmp_path)
    async with counter(tmp_path) as at:
        await open_shift(at)
        await sell_one(at, "COFFEE")
        number = at.checkout.state.last_receipt_number
        assert number is not None
        for receipt_number, element in ((number, ELEMENT), ("other", ELEMENT), ("third", {"kind": "?"})):
            payload = {"sale_id": "no uuid", "receipt_number": receipt_number}
            change = Change("receipt", receipt_number, "put", {**element, "payload": payload})
            await at.catalogue.apply([change], cursor="c", catalogue_through="2026-11-24T12:00:00.000Z", more=False)

        known = find_receipt(at.journal.reader, at.catalogue, number)

        assert known is not None
        assert (known.own, known.document.receipt_number) == (True, number)
        assert find_receipt(at.journal.reader, at.catalogue, "other") is None
        assert find_receipt(at.journal.reader, at.catalogue, "third") is None
