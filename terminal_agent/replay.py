"""The register's state after a start: the open shift's events read back from the journal, and the suspended sales."""

import sqlite3
from typing import Final

import msgspec

from protocol.events import Refund, Sale, Void
from terminal_agent.journal_reading import Counters
from terminal_agent.known_receipts import read_event
from terminal_agent.register.events import Entry, evolve
from terminal_agent.register.state import Perpetual, RegisterState
from terminal_agent.suspended import Suspended

_OPENED: Final = "select max(position) from journal where type = 'SHIFT_OPEN'"
_SINCE: Final = "select line from journal where position >= ? order by position"
_LAST_RECEIPT: Final = (
    "select receipt_number from journal where receipt_number is not null order by position desc limit 1"
)


def register_state(connection: sqlite3.Connection, counters: Counters, suspended: Suspended) -> RegisterState:
    """What the register knew: nobody is signed in, the shift and the sales are as they were."""
    state = RegisterState(last_business_date=counters.last_business_date)
    opened = connection.execute(_OPENED).fetchone()[0]
    if opened is not None:
        state = _folded(connection, opened, state)
    last = connection.execute(_LAST_RECEIPT).fetchone()
    return msgspec.structs.replace(
        state,
        cart=suspended.cart if state.shift is not None else None,
        parked=suspended.parked,
        last_receipt_number=None if last is None else last[0],
        last_business_date=counters.last_business_date or state.last_business_date,
        perpetual=Perpetual(
            counters.total_sales_minor, counters.total_refunds_minor, counters.receipts, counters.z_number
        ),
    )


def _folded(connection: sqlite3.Connection, since: int, state: RegisterState) -> RegisterState:
    documents: dict[object, Sale | Refund] = {}
    for (line,) in connection.execute(_SINCE, (since,)):
        event = read_event(line)
        payload = event.payload
        voided = None
        if isinstance(payload, Sale):
            documents[payload.sale_id] = payload
        elif isinstance(payload, Refund):
            documents[payload.refund_id] = payload
        elif isinstance(payload, Void):
            voided = documents.get(payload.sale_id or payload.refund_id)
        state = evolve(Entry(payload, event.created_at, event.business_date, voided), state)
    return state
