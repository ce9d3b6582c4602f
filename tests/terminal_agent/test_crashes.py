"""kill -9 of a real till at any moment: no sale lost, none doubled, no receipt printed twice without COPY on it."""

import asyncio
import contextlib
from typing import Any
from uuid import uuid4

import aiohttp
import pytest

from tests.terminal_agent.conftest import CASHIER, Till


async def test_a_command_repeated_after_a_crash_answers_the_first_result_again(till: Till) -> None:
    await till.scan("COFFEE")
    command_id = str(uuid4())
    first = await till.command("tender", command_id, method="CARD")
    await till.kill()
    await till.start()

    again = await till.command("tender", command_id, method="CARD")

    assert again["events"] == first["events"]
    assert again["state"]["last_receipt_number"] == first["state"]["last_receipt_number"]
    assert (await till.state())["shift"]["sales_count"] == 1


async def test_the_open_sale_is_there_again_after_a_crash(till: Till) -> None:
    await till.scan("COFFEE")
    await till.scan("BREAD")
    await till.command("park", label="trolley")
    await till.scan("BREAD")
    scan = str(uuid4())
    await till.command("scan", scan, barcode="4006381333931")
    await till.until(lambda state: state["cart_on_disk"])
    await till.kill()
    await till.start()

    state = await till.state()

    assert state["state"] == "locked"
    assert [line["sku"] for line in state["cart"]["lines"]] == ["BREAD", "COFFEE"]
    assert [parked["label"] for parked in state["parked"]] == ["trolley"]
    await till.command("sign_in", **CASHIER)
    repeated = await till.command("scan", scan, barcode="4006381333931")
    assert len(repeated["state"]["cart"]["lines"]) == 2


@pytest.mark.parametrize("delay_ms", [3, 20, *(pytest.param(delay, marks=pytest.mark.long) for delay in (0, 8, 60))])
async def test_a_till_killed_while_it_sells_loses_and_doubles_nothing(till: Till, delay_ms: int) -> None:
    """The front end repeats the command whose answer it lost, under the same id."""
    sold = 0
    for _ in range(3):
        await till.scan("COFFEE")
        before = (await till.state())["last_receipt_number"]
        command_id = str(uuid4())
        asking = asyncio.ensure_future(till.command("tender", command_id, method="CASH", amount_minor=1_000))
        await asyncio.wait([asking], timeout=delay_ms / 1000)
        await till.kill()
        with contextlib.suppress(aiohttp.ClientError):
            await asking
        await till.start()
        await till.command("sign_in", **CASHIER)
        state = await till.state() if asking.exception() is None else await asked_again(till, command_id, before)
        sold += 1
        assert state["shift"]["sales_count"] == sold
        assert state["shift"]["cash_minor"] == 10_000 + 350 * sold
    state = await till.until(lambda now: now["sync"]["pending"] == 0 and now["printing"]["queued"] == 0)
    for number in state["printing"]["unconfirmed_receipts"]:
        await till.command("confirm_print", receipt_number=number, whole=False)
    state = await till.until(lambda now: now["printing"]["queued"] == 0)
    unmarked = [paper for paper in till.printer.receipts() if "COPY" not in paper]
    for sale in range(1, sold + 1):
        number = state["last_receipt_number"].rsplit("-", 1)[0] + f"-{sale}"
        assert sum(f"{number} " in paper for paper in unmarked) <= 1
        assert any(f"{number} " in paper for paper in till.printer.receipts())
    assert (await till.call("journal", "verify"))[0] == 0


async def asked_again(till: Till, command_id: str, before: str | None) -> dict[str, Any]:
    """Ask again; where neither the sale nor its cart was kept, ring it again first."""
    state = await till.state()
    if state["cart"] is None and state["last_receipt_number"] == before:
        await till.scan("COFFEE")
    answer = await till.command("tender", command_id, method="CASH", amount_minor=1_000)
    return dict(answer["state"])
