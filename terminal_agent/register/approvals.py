"""When a supervisor must approve: discounts above the bound, voids, some refunds, a date that cannot be right."""

from datetime import date, timedelta
from typing import Final
from uuid import UUID

from protocol.money import percent_of
from terminal_agent.register.refusals import Refused
from terminal_agent.register.state import CartLine, RegisterState
from terminal_agent.register.terms import Given, KnownReceipt

server_date_days_max: Final = 1


def approved_by(state: RegisterState, given: Given) -> UUID | None:
    """The supervisor whose approval came with the command, if any. Raises `Refused` where it is the cashier's own."""
    if given.supervisor is None:
        return None
    if state.cashier is not None and given.supervisor.cashier_id == state.cashier.cashier_id:
        raise Refused("approval-refused")
    return given.supervisor.cashier_id


def check_discount(given: Given, given_away_minor: int, full_minor: int, approver: UUID | None) -> None:
    """A cashier gives away so many parts per million, a supervisor anything. Raises `Refused`."""
    bound_ppm = given.terms.settings.discount_max_ppm or 0
    if approver is None and given_away_minor > percent_of(full_minor, bound_ppm):
        raise Refused("approval-required", f"More than {bound_ppm / 10_000:g} % off needs a supervisor's approval")


def check_line(given: Given, line: CartLine, approver: UUID | None) -> None:
    """What a priced line gives away of its list amount. Raises `Refused`."""
    check_discount(given, line.list_amount_minor - line.amount_minor, line.list_amount_minor, approver)


def check_void(state: RegisterState, approver: UUID | None) -> None:
    """A finished receipt is voided by a supervisor, or with one. Raises `Refused`."""
    if approver is None and (state.cashier is None or state.cashier.role != "supervisor"):
        raise Refused("approval-required", "A void needs a supervisor's approval")


def check_refund(
    state: RegisterState, given: Given, receipt: KnownReceipt, gross_minor: int, approver: UUID | None
) -> None:
    """By `refund_needs_supervisor`, `refund_window_days` and `offline_refund_limit_minor`. Raises `Refused`."""
    if approver is not None:
        return
    settings = given.terms.settings
    need = settings.refund_needs_supervisor
    if need == "always" or (need == "offline" and not given.online) or (need == "other_till" and not receipt.own):
        raise Refused("approval-required", "This refund needs a supervisor's approval")
    limit = settings.offline_refund_limit_minor
    if limit is not None and not given.online and gross_minor > limit:
        raise Refused("approval-required", "While offline, a refund of so much needs a supervisor's approval")
    window = settings.refund_window_days
    today = state.shift.business_date if state.shift else given.today
    if window is not None and today - receipt.business_date > timedelta(days=window):
        raise Refused("approval-required", f"A sale of more than {window} days ago needs a supervisor's approval")


def date_is_likely(state: RegisterState, given: Given, day: date) -> bool:
    """Whether `day` may be a business date without a supervisor's word (contract, section 4)."""
    if state.last_business_date is not None and day < state.last_business_date:
        return False
    if given.server_date is None:
        return True
    return abs(day - given.server_date) <= timedelta(days=server_date_days_max)
