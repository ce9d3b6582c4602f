"""Who may speak to the till, and how it answers those who may."""

import json
from typing import Any
from uuid import uuid4

import pytest

from tests.terminal_agent.conftest import CASHIER, RefusedError, Till


async def ask(till: Till, path: str, headers: dict[str, str]) -> int:
    async with till.http.get(till.url + path, headers=headers) as answer:
        return answer.status


async def test_only_the_tokens_bearer_is_answered(till: Till) -> None:
    assert await ask(till, "/v1/state", {}) == 401
    assert await ask(till, "/v1/state", {"Authorization": "Bearer nonsense"}) == 401
    assert await ask(till, "/v1/state", till.headers) == 200
    assert await ask(till, "/v1/nowhere", till.headers) == 404
    assert (till.folder / "local-api-token").stat().st_mode & 0o777 == 0o600


async def test_another_host_or_origin_is_turned_away(till: Till) -> None:
    for foreign in ({"Host": "till.example.com"}, {"Origin": "https://evil.example"}, {"Origin": "null"}):
        for path in ("/v1/state", "/v1/stream"):
            assert await ask(till, path, {**till.headers, **foreign}) == 403
    assert await ask(till, "/v1/state", {**till.headers, "Origin": till.url}) == 200


async def test_the_stream_says_the_state_at_once_and_at_each_change(till: Till) -> None:
    async with till.http.ws_connect(f"{till.url}/v1/stream", headers=till.headers) as stream:
        assert json.loads((await stream.receive()).data)["cart"] is None
        await till.scan("BREAD")
        async for message in stream:
            state = json.loads(message.data)
            if state["cart"]:
                break
        assert state["cart"]["lines"][0]["name"] == "Bread"


async def test_what_is_no_command_is_refused(till: Till) -> None:
    headers = {**till.headers, "Content-Type": "application/json"}
    for body, status in (
        (b"", 422),
        (b"{", 422),
        (b'{"command":"dance"}', 422),
        (b'{"command":"scan"}', 422),
        (b'{"command":"scan","barcode":' + b"[" * 100_000, 422),
        (b'{"command":"tender","method":"GOLD"}', 422),
        (b'{"command":"tender","method":"CASH","amount_minor":1.5}', 422),
        (b'{"command":"scan","barcode":"' + b"9" * 300_000 + b'"}', 413),
    ):
        async with till.http.post(f"{till.url}/v1/commands", data=body, headers=headers) as answer:
            assert (answer.status, answer.content_type) == (status, "application/problem+json")
    async with till.http.post(f"{till.url}/v1/commands", data=b"{}", headers=till.headers) as answer:
        assert answer.status == 415


async def test_a_refused_command_is_a_409_with_its_code_and_changes_nothing(till: Till) -> None:
    before = await till.state()
    for command, fields, code in (
        ("scan", {"barcode": "12345670"}, "unknown-barcode"),
        ("add_line", {"sku": "NOTHING"}, "unknown-product"),
        ("tender", {"method": "CASH"}, "empty-cart"),
        ("open_shift", {}, "shift-open"),
        ("void", {"receipt_number": "X-1"}, "unknown-receipt"),
        ("confirm_print", {"receipt_number": "X-1", "whole": True}, "nothing-to-confirm"),
        ("reprint", {"receipt_number": "X-1"}, "unknown-receipt"),
    ):
        with pytest.raises(RefusedError) as refused:
            await till.command(command, **fields)
        assert refused.value.code == code
    after = await till.state()
    assert without_contact(after) == without_contact(before)


async def test_a_repeated_command_answers_the_first_result_again(till: Till) -> None:
    command_id = str(uuid4())
    first = await till.command("scan", command_id, barcode="96385074")
    await till.scan("COFFEE")

    assert await till.command("scan", command_id, barcode="96385074") == first
    assert len((await till.state())["cart"]["lines"]) == 2
    with pytest.raises(RefusedError, match="command-id-reused"):
        await till.command("scan", command_id, barcode="4006381333931")


async def test_products_are_found_by_a_part_of_their_name(till: Till) -> None:
    async with till.http.get(f"{till.url}/v1/products", params={"query": "cof"}, headers=till.headers) as answer:
        found = (await answer.json())["products"]

    assert [product["sku"] for product in found] == ["COFFEE"]


async def test_a_receipt_says_what_is_left_to_refund(till: Till) -> None:
    await till.scan("COFFEE")
    sold = await till.command("tender", method="CARD")
    number = sold["state"]["last_receipt_number"]
    await till.command("refund", receipt_number=number, lines=[{"original_line": 1, "quantity_milli": 400}])

    async with till.http.get(f"{till.url}/v1/receipts/{number}", headers=till.headers) as answer:
        receipt = await answer.json()
    assert receipt["lines"] == [{"line": 1, "refundable_quantity_milli": 600}]
    with pytest.raises(RefusedError, match="refund-exceeds-sale"):
        await till.command("refund", receipt_number=number, lines=[{"original_line": 1, "quantity_milli": 601}])


async def test_a_copy_says_so(till: Till) -> None:
    await till.scan("COFFEE")
    sold = await till.command("tender", method="CARD")
    copied = await till.command("reprint", receipt_number=sold["state"]["last_receipt_number"])
    await till.until(lambda state: state["printing"]["queued"] == 0)

    assert [event["type"] for event in copied["events"]] == ["TILL_LOG"]
    original, copy = till.printer.receipts()
    assert "COPY" not in original
    assert "COPY" in copy


async def test_five_wrong_pins_lock_a_person_out_also_after_a_restart(till: Till) -> None:
    await till.command("sign_out")
    for _ in range(5):
        with pytest.raises(RefusedError, match="wrong-pin"):
            await till.command("sign_in", number=CASHIER["number"], pin="9999")
    await till.kill()
    await till.start()

    with pytest.raises(RefusedError, match="pin-locked"):
        await till.command("sign_in", **CASHIER)


async def test_status_says_what_the_till_holds_while_it_runs(till: Till) -> None:
    await till.scan("COFFEE")
    await till.command("tender", method="CARD")
    exit_code, out, _ = await till.call("status", "--json")
    summary: dict[str, Any] = json.loads(out)

    assert exit_code == 0
    assert summary["terminal_id"] == till.terminal_id
    assert summary["receipts"] == 1
    number = f"{summary['receipt_prefix']}1"
    assert number in (await till.call("receipt", "show", number))[1]
    assert (await till.call("receipt", "show", "X-1"))[0] == 1


def without_contact(state: dict[str, Any]) -> dict[str, Any]:
    """The state but for what goes on by itself."""
    return {name: value for name, value in state.items() if name not in ("sync", "devices", "printing")}
