"""What a till asks central while a customer waits: a receipt of another location, a voucher's balance. Bounded.

No answer in time is an answer too: the till then goes by what it knows, and by the settings for a till without a
network. Nothing of an ordinary sale comes here.
"""

from typing import Final, TypeVar
from urllib.parse import quote

import structlog
from msgspec import Struct

from terminal_agent.central_link import CentralLink, CentralUnreachableError, TokenRefusedError
from terminal_agent.replica import ReplicaReceipt

answer_seconds_max: Final = 3.0
_log = structlog.get_logger()
_Shape = TypeVar("_Shape")


class _Receipts(Struct, frozen=True):
    receipts: tuple[ReplicaReceipt, ...]


class _Voucher(Struct, frozen=True):
    balance_minor: int


class Questions:
    """Asks by one terminal's own line."""

    def __init__(self, link: CentralLink) -> None:
        self._link = link

    async def receipts(self, receipt_number: str) -> tuple[ReplicaReceipt, ...]:
        """The receipts of that number, of any location; empty where there are none, or nobody answers in time."""
        found = await self._ask(f"/v1/receipts/{quote(receipt_number, safe='')}", _Receipts)
        return () if found is None else found.receipts

    async def voucher_balance(self, voucher_code: str) -> int | None:
        """What a voucher holds, in minor units; None where that cannot be known now."""
        found = await self._ask(f"/v1/vouchers/{quote(voucher_code, safe='')}", _Voucher)
        return None if found is None else found.balance_minor

    async def _ask(self, path: str, shape: type[_Shape]) -> _Shape | None:
        try:
            answer = await self._link.request("GET", path, seconds=answer_seconds_max)
            return answer.read(shape) if answer.status == 200 else None
        except (CentralUnreachableError, TokenRefusedError) as error:
            _log.info("question-unanswered", path=path, reason=str(error))
            return None
