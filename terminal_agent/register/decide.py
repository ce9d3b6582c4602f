"""What a command makes of a register: the table of states, then the rule of the command. Pure."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from terminal_agent.register import refunding, selling, shifts, tendering
from terminal_agent.register.commands import (
    AddLine,
    Cancel,
    ChangeQuantity,
    CloseShift,
    Command,
    ConfirmAge,
    DiscountLine,
    DiscountReceipt,
    GiveBack,
    MoveCash,
    OpenDrawer,
    OpenShift,
    OverridePrice,
    Park,
    PrintX,
    RemoveLine,
    RemoveTender,
    Reprint,
    Resume,
    Scan,
    SignIn,
    SignOut,
    TakeTender,
    VoidReceipt,
    name_of,
)
from terminal_agent.register.events import RegisterEvent, evolve
from terminal_agent.register.refusals import Refused
from terminal_agent.register.state import RegisterState
from terminal_agent.register.states import TRANSITIONS, refusal, state_of
from terminal_agent.register.terms import Given

Rule = Callable[[RegisterState, Any, Given], Sequence[RegisterEvent]]

_RULES: Final[dict[type, Rule]] = {
    SignIn: shifts.sign_in,
    SignOut: shifts.sign_out,
    OpenShift: shifts.open_shift,
    CloseShift: shifts.close_shift,
    MoveCash: shifts.move_cash,
    OpenDrawer: shifts.open_drawer,
    PrintX: shifts.print_x,
    Reprint: shifts.reprint,
    Scan: selling.scan,
    AddLine: selling.add_line,
    ChangeQuantity: selling.change_quantity,
    RemoveLine: selling.remove_line,
    ConfirmAge: selling.confirm_age,
    DiscountLine: selling.discount_line,
    DiscountReceipt: selling.discount_receipt,
    OverridePrice: selling.override_price,
    Cancel: selling.cancel,
    Park: selling.park,
    Resume: selling.resume,
    TakeTender: tendering.take_tender,
    RemoveTender: tendering.remove_tender,
    GiveBack: refunding.give_back,
    VoidReceipt: refunding.void_receipt,
}


def check_state(state: RegisterState, command: Command) -> None:
    """Whether the command may be given at all where the register stands. Raises `Refused`."""
    here = state_of(state)
    name = name_of(command)
    if name not in TRANSITIONS[here]:
        raise Refused(refusal(here, name))


def decide(state: RegisterState, command: Command, given: Given) -> Sequence[RegisterEvent]:
    """What happens. Raises `Refused` where nothing may; `confirm_print` is the spool's and is not decided here."""
    check_state(state, command)
    return _RULES[type(command)](state, command, given)


def evolved(state: RegisterState, events: Sequence[RegisterEvent]) -> RegisterState:
    """The state after all of these."""
    for event in events:
        state = evolve(event, state)
    return state
