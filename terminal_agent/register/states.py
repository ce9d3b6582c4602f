"""Why a register can be in these states and no others, and what each command makes of each.

Two things decide what a person may do: whether somebody is signed in, and what would be half done. Without a person
nothing is done (`locked`); without a shift no money moves (`closed`); with a shift the counter is free (`idle`) until
something stands in the cart (`selling`). Once a part was paid (`tendering`) the cart stays as it is, because what the
customer handed over was for that total; the part that covers what is due ends the sale. A sale that is parked, or left
behind by signing out or by a power cut, keeps its cart, so signing in leads back to where the cart was.

`TRANSITIONS[state][command]` are the states that the command may lead to, the ordinary one first; a command that is
missing is refused with `refusal(state, command)` and changes nothing. `python -m terminal_agent.register.states`
prints the table as a diagram.
"""

from enum import Enum
from typing import Final

from terminal_agent.register.commands import COMMANDS
from terminal_agent.register.state import RegisterState


class State(Enum):
    """Where a register stands."""

    LOCKED = "locked"
    CLOSED = "closed"
    IDLE = "idle"
    SELLING = "selling"
    TENDERING = "tendering"


def state_of(state: RegisterState) -> State:
    """The state that a register is in, by what it knows."""
    if state.cashier is None:
        return State.LOCKED
    if state.shift is None:
        return State.CLOSED
    if state.cart is None:
        return State.IDLE
    return State.TENDERING if state.cart.tenders else State.SELLING


_L, _C, _I, _S, _T = State.LOCKED, State.CLOSED, State.IDLE, State.SELLING, State.TENDERING

TRANSITIONS: Final[dict[State, dict[str, tuple[State, ...]]]] = {
    _L: {
        "sign_in": (_C, _I, _S, _T),
    },
    _C: {
        "sign_in": (_C,),
        "sign_out": (_L,),
        "open_shift": (_I,),
        "reprint": (_C,),
        "confirm_print": (_C,),
    },
    _I: {
        "sign_in": (_I,),
        "sign_out": (_L,),
        "close_shift": (_C,),
        "cash_movement": (_I,),
        "no_sale": (_I,),
        "x_report": (_I,),
        "scan": (_S,),
        "add_line": (_S,),
        "resume": (_S,),
        "refund": (_I,),
        "void": (_I,),
        "reprint": (_I,),
        "confirm_print": (_I,),
    },
    _S: {
        "sign_out": (_L,),
        "no_sale": (_S,),
        "x_report": (_S,),
        "scan": (_S,),
        "add_line": (_S,),
        "change_quantity": (_S,),
        "remove_line": (_S, _I),
        "confirm_age": (_S,),
        "discount_line": (_S,),
        "discount_receipt": (_S,),
        "override_price": (_S,),
        "tender": (_I, _T),
        "cancel": (_I,),
        "park": (_I,),
        "reprint": (_S,),
        "confirm_print": (_S,),
    },
    _T: {
        "sign_out": (_L,),
        "confirm_age": (_T,),
        "tender": (_I, _T),
        "remove_tender": (_S, _T),
        "reprint": (_T,),
        "confirm_print": (_T,),
    },
}

_NEED_A_CART: Final = frozenset(
    {
        "change_quantity",
        "remove_line",
        "confirm_age",
        "discount_line",
        "discount_receipt",
        "override_price",
        "tender",
        "remove_tender",
        "cancel",
        "park",
    }
)


def refusal(state: State, command: str) -> str:
    """The code with which a command that stands in no cell of the table is refused."""
    assert command in COMMANDS
    assert command not in TRANSITIONS[state]
    if state is State.LOCKED:
        return "not-signed-in"
    if state is State.CLOSED:
        return "no-open-shift"
    if command == "open_shift":
        return "shift-open"
    if state is State.IDLE:
        return "empty-cart"
    if command in ("sign_in", "close_shift", "cash_movement", "resume", "refund", "void"):
        return "sale-open"
    return "no-tender" if state is State.SELLING else "tender-started"


def main() -> None:
    print("stateDiagram-v2")  # noqa: T201 - this is what it is for
    for state, commands in TRANSITIONS.items():
        for command, nexts in commands.items():
            for following in nexts:
                print(f"    {state.value} --> {following.value}: {command}")  # noqa: T201 - this is what it is for


if __name__ == "__main__":
    main()
