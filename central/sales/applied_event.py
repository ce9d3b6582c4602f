"""An event at the moment in which it is applied, with what the checks need to know of its terminal."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from central.ledger.posting import EventKey
from protocol.events import Event


class AppliedEvent(Struct, frozen=True, kw_only=True, gc=False):
    """One readable event of one tenant whose turn has come; `line` is its exact bytes, without the newline.

    `receipt_prefix` and `enrolled_at` are the epoch's. `previous_created_at` is the `created_at` of the line before
    in the same chain or branch, where there is one and its time could be read; `receipt_counter` the highest counter
    that the epoch's receipts had before this batch, 0 before the first.
    """

    terminal_id: UUID
    epoch: int
    branch: int = 0
    location_id: UUID
    received_at: datetime
    receipt_prefix: str
    enrolled_at: datetime
    previous_created_at: datetime | None = None
    receipt_counter: int = 0
    line: bytes
    event: Event

    @property
    def key(self) -> EventKey:
        return (self.terminal_id, self.epoch, self.branch, self.event.sequence)
