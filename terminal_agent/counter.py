"""What stands around the register, as the checkout sees it: devices, printing, and central as far as it answers."""

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from terminal_agent.replica import ReplicaReceipt
from terminal_agent.state_view import Surroundings


class Told(Struct, frozen=True):
    """Central's answer to a question, if there was one."""

    receipts: tuple[ReplicaReceipt, ...] = ()
    voucher_balance_minor: int | None = None


class Questions(Protocol):
    """What may be asked of central while a customer waits; each answers within seconds."""

    async def receipts(self, receipt_number: str) -> Sequence[ReplicaReceipt]: ...
    async def voucher_balance(self, voucher_code: str) -> int | None: ...


class Counter(Protocol):
    """What stands around the register: devices, printing, contact with central."""

    def surroundings(self) -> Surroundings: ...
    def is_online(self) -> bool: ...
    def committed(self) -> None:
        """Something new waits to be sent up."""

    def changed(self) -> None:
        """The state is another one."""
