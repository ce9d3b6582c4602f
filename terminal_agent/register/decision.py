"""What the decisions share: the date of an entry, a trace in the journal, and masking what looks like a card number."""

import re
from collections.abc import Mapping
from datetime import date
from typing import Final

from protocol.events import TillLog
from terminal_agent.register.events import Entry
from terminal_agent.register.state import RegisterState
from terminal_agent.register.terms import Given

_DIGITS: Final = re.compile(r"(?<![0-9])[0-9](?:[ -]?[0-9]){13,18}(?![0-9])")
_CARD_START: Final = re.compile(r"[3-6]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720")


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
    """The text, with all but first six and last four digits of what looks like a card number starred out."""
    return None if text is None else _DIGITS.sub(_mask, text)


def _mask(found: re.Match[str]) -> str:
    digits = [character for character in found[0] if character.isdigit()]
    if not _CARD_START.match("".join(digits)) or not _luhn(digits):
        return found[0]
    return "".join(digits[:6]) + "*" * (len(digits) - 10) + "".join(digits[-4:])


def _luhn(digits: list[str]) -> bool:
    total = 0
    for index, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + index % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0
