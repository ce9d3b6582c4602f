"""Every cell of the table of states, the forbidden ones too."""

import pytest

from protocol.events import Sale
from terminal_agent.register.commands import (
    COMMANDS,
    AddLine,
    Cancel,
    ChangeQuantity,
    CloseShift,
    Command,
    ConfirmAge,
    ConfirmPrint,
    DiscountLine,
    DiscountReceipt,
    GiveBack,
    MoveCash,
    OpenDrawer,
    OpenShift,
    OverridePrice,
    Park,
    PrintX,
    RefundPart,
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
from terminal_agent.register.decide import check_state
from terminal_agent.register.refusals import REFUSALS, Refused
from terminal_agent.register.states import TRANSITIONS, State, refusal, state_of
from tests.terminal_agent.register_trade import (
    ANN,
    COFFEE,
    SUE,
    WINE,
    Counter,
    closed,
    id_of,
    idle,
    known,
    locked,
    selling,
)


def counter_in(state: State) -> Counter:
    """A counter in that state, with a parked sale, a sold coffee, and wine in the cart where there is one."""
    if state is State.LOCKED:
        return locked()
    if state is State.CLOSED:
        return closed()
    counter = idle().scanned(COFFEE).when(TakeTender(method="CARD")).scanned(COFFEE).when(Park())
    if state is State.IDLE:
        return counter
    counter = counter.scanned(WINE, COFFEE).when(ConfirmAge(line=1))
    return counter if state is State.SELLING else counter.when(TakeTender(method="CASH", amount_minor=100))


def sold_coffee() -> Sale:
    return selling(COFFEE).when(TakeTender(method="CARD")).sale


def command_named(name: str, counter: Counter) -> Command:
    parked = counter.state.parked[0].parked_id if counter.state.parked else id_of("nothing")
    commands: tuple[Command, ...] = (
        SignIn(number="1", pin="2580"),
        SignOut(),
        OpenShift(),
        CloseShift(counted_minor=0),
        MoveCash(direction="IN", amount_minor=100),
        OpenDrawer(),
        PrintX(),
        Scan(barcode="4006381333931"),
        AddLine(sku="COFFEE"),
        ChangeQuantity(line=1, quantity_milli=2000),
        RemoveLine(line=1),
        ConfirmAge(line=1),
        DiscountLine(line=1, discount_minor=1),
        DiscountReceipt(discount_minor=1),
        OverridePrice(line=1, unit_price_minor=990),
        TakeTender(method="CARD"),
        RemoveTender(),
        Cancel(),
        Park(),
        Resume(parked_id=parked),
        GiveBack(receipt_number="T1-1", lines=(RefundPart(original_line=1, quantity_milli=1000),)),
        VoidReceipt(receipt_number="T1-1"),
        Reprint(receipt_number="T1-1"),
        ConfirmPrint(receipt_number="T1-1", whole=True),
    )
    return {name_of(command): command for command in commands}[name]


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_leads_where_the_table_says_or_is_refused(state: State, name: str) -> None:
    counter = counter_in(state)
    command = command_named(name, counter)
    assert state_of(counter.state) is state
    if name not in TRANSITIONS[state]:
        with pytest.raises(Refused) as refused:
            check_state(counter.state, command)
        assert refused.value.code == refusal(state, name)
        assert refused.value.code in REFUSALS
    elif name == "confirm_print":
        check_state(counter.state, command)
    else:
        shift = counter.state.shift
        sale = sold_coffee()
        if shift is not None:
            sale = Sale(
                **{**{field: getattr(sale, field) for field in sale.__struct_fields__}, "shift_id": shift.shift_id}
            )
        ready = counter.knowing(person=ANN, sellable=COFFEE, supervisor=SUE, receipt=known(sale))
        assert state_of(ready.when(command).state) in TRANSITIONS[state][name]


def test_the_table_names_every_command_somewhere() -> None:
    assert {name for row in TRANSITIONS.values() for name in row} == set(COMMANDS)
