"""What a front end is shown when answers and the stream overtake each other: the state with the higher revision."""

from typing import Any

import pytest

from tests.terminal_agent.conftest import CASHIER, Till


def is_at_rest(state: dict[str, Any]) -> bool:
    return (state["sync"]["pending"], state["printing"]["queued"]) == (0, 0)


async def test_an_answer_counts_the_event_and_the_slip_of_its_own_command(till: Till) -> None:
    await till.scan("COFFEE")
    await till.until(is_at_rest)
    till.printer.set(cover_open=True)
    sold = (await till.command("tender", method="CARD"))["state"]

    assert (sold["printing"]["queued"], sold["sync"]["pending"]) == (1, 1)


@pytest.mark.parametrize("whole", [True, False])
async def test_the_answer_to_a_persons_word_asks_no_more(till: Till, whole: bool) -> None:
    till.printer.cut_line_after(40)
    await till.scan("COFFEE")
    number = (await till.command("tender", method="CARD"))["state"]["last_receipt_number"]
    await till.until(lambda state: state["printing"]["unconfirmed_receipts"] == [number])
    till.printer.set(cover_open=True)
    told = (await till.command("confirm_print", receipt_number=number, whole=whole))["state"]["printing"]

    assert told == {"queued": 0 if whole else 1, "unconfirmed": 0, "unconfirmed_receipts": []}


async def test_each_command_that_does_something_gives_the_state_a_higher_revision(till: Till) -> None:
    before = (await till.state())["revision"]
    for command, fields in (
        ("scan", {"barcode": "96385074"}),
        ("change_quantity", {"line": 1, "quantity_milli": 2_000}),
        ("park", {"label": "trolley"}),
        ("scan", {"barcode": "4006381333931"}),
        ("tender", {"method": "CASH", "amount_minor": 100}),
        ("tender", {"method": "CARD"}),
        ("x_report", {}),
        ("sign_out", {}),
        ("sign_in", CASHIER),
    ):
        answered = (await till.command(command, **fields))["state"]
        shown = await till.until(lambda state: state["revision"] >= answered["revision"])  # noqa: B023  # waited for
        assert answered["revision"] > before
        assert of_the_register(shown) == of_the_register(answered)
        before = answered["revision"]


async def test_the_revision_grows_on_after_a_crash(till: Till) -> None:
    scan = await till.command("scan", barcode="96385074")
    await till.kill()
    await till.start()
    restarted = await till.state()
    signed_in = await till.command("sign_in", **CASHIER)

    assert restarted["revision"] >= scan["state"]["revision"]
    assert signed_in["state"]["revision"] > restarted["revision"]


def of_the_register(state: dict[str, Any]) -> dict[str, Any]:
    """What commands change; the rest is what the stream alone keeps up to date."""
    return {name: state[name] for name in ("revision", "state", "cashier", "shift", "cart", "parked")}
