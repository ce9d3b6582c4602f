"""From the scan to the ledger: a real till process, a real central, simulated devices that speak the real bytes."""

from typing import Any

import pytest

from tests.central.conftest import Central
from tests.terminal_agent.conftest import BARCODES, CASHIER, RefusedError, Shop, Till


async def test_a_scanned_sale_is_journalled_printed_and_booked(till: Till, shop: Shop) -> None:
    await till.until(lambda state: all(device["state"] == "ready" for device in state["devices"]))
    till.scanner.scan(BARCODES["COFFEE"])
    await till.until(lambda state: state["cart"] and state["cart"]["gross_minor"] == 350)
    answer = await till.command("tender", method="CASH", amount_minor=500)

    assert [event["type"] for event in answer["events"]] == ["SALE"]
    number = answer["state"]["last_receipt_number"]
    await till.until(lambda state: state["sync"]["pending"] == 0 and state["printing"]["queued"] == 0)
    receipts = till.printer.receipts()
    assert len(receipts) == 1
    assert number in receipts[0]
    assert "3.50" in receipts[0]
    assert "-1.50" in receipts[0]
    balances = await shop.balances()
    assert balances["cash"] == 10_000 + 350
    assert balances["sales_revenue"] == -292
    assert balances["tax:VAT"] == -58


async def test_sigterm_ends_the_daemon_cleanly(till: Till) -> None:
    await till.scan("COFFEE")

    assert await till.stop() == 0


async def test_a_scan_that_is_refused_is_shown_until_the_next_one(till: Till) -> None:
    await till.until(lambda state: all(device["state"] == "ready" for device in state["devices"]))
    till.scanner.scan("12345670")
    state = await till.until(lambda now: now["refused_scan"])
    assert (state["refused_scan"]["code"], state["refused_scan"]["barcode"]) == ("unknown-barcode", "12345670")

    till.scanner.scan(BARCODES["BREAD"])
    assert (await till.until(lambda now: now["cart"]))["refused_scan"] is None


async def test_a_disk_without_room_is_shown_before_a_customer_has_money_in_hand(
    central: Central, shop: Shop, make_till: Any
) -> None:
    till: Till = await make_till("till")
    config = till.folder / "terminal.toml"
    enough = config.read_text()
    config.write_text(enough.replace("free_bytes_min = 0", f"free_bytes_min = {10**18}"))
    _, code = await shop.new_terminal()
    await till.enrol(central.url, code)
    await till.start()
    await till.until(lambda state: state["problems"] == ["disk-full"])
    await till.open()
    await till.scan("COFFEE")
    with pytest.raises(RefusedError, match="disk-full"):
        await till.command("tender", method="CASH")
    await till.stop()
    config.write_text(enough)
    await till.start()

    await till.command("sign_in", **CASHIER)
    assert (await till.command("tender", method="CASH"))["state"]["problems"] == []
