"""What the decisions share: the date of an entry, a trace in the journal, texts without card numbers."""

from collections.abc import Mapping
from datetime import date

from protocol.card_numbers import masked as without_card_numbers
from protocol.events import TillLog
from terminal_agent.register.events import Entry
from terminal_agent.register.state import RegisterState
from terminal_agent.register.terms import Given


def business_date(state: RegisterState, given: Given) -> date:
    """The open shift's date; without a shift today's, never before the last event's."""
    if state.shift is not None:
        return state.shift.business_date
    if state.last_business_date is not None and state.last_business_date > given.today:
        return state.last_business_date
    return given.today


def entry_of_log(state: RegisterState, given: Given, kind: str, data: Mapping[str, object] | None = None) -> Entry:
    """A TILL_LOG: no money, but a trace."""
    payload = TillLog(
        kind=kind,
        cashier_id=state.cashier.cashier_id if state.cashier else None,
        shift_id=state.shift.shift_id if state.shift else None,
        data=None if data is None else dict(data),
    )
    return Entry(payload, given.at, business_date(state, given))


def masked(text: str | None) -> str | None:
    """A text that came from a person, with what looks like a card number in it starred out."""
    return None if text is None else without_card_numbers(text)
