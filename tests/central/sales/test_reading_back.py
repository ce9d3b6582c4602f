"""What is booked is read back over HTTP: receipts, ledger, exceptions, vouchers and reports."""

import asyncio
import csv
import io
from typing import Any
from uuid import UUID

import pyarrow.parquet as pq
import pytest

from protocol.events import Tender
from tests.central.conftest import Central, TenantFixture
from tests.central.terminals_fixture import location_id
from tests.central.uplink.conftest import new_till, till
from tests.central.uplink.tills import Till
from tests.trade import card, cart, id_of, refund, sale, shift_open, void, voucher

__all__ = ["location_id", "new_till", "till"]

COFFEE = cart("2 x COFFEE @ 3.60")


async def delivered(till: Till) -> Any:
    """Deliver all that the till has; the exceptions that the answer names."""
    status, answer, _ = await till.delivers()
    assert status == 200, answer
    return answer["exceptions"]


async def test_a_receipt_shows_what_is_left_to_refund(till: Till, tenant: TenantFixture) -> None:
    sold = sale(cart("3 x WINE @ 9.99 -1.00"), number=f"{till.prefix}1")
    back = refund(sold, {1: 1000}, number=f"{till.prefix}2")
    till.appends(sold)
    till.appends(back)
    assert await delivered(till) == []

    status, answer, _ = await tenant.get(f"/v1/receipts/{sold.receipt_number}")

    assert status == 200
    (receipt,) = answer["receipts"]
    assert (receipt["kind"], receipt["sequence"], receipt["branch"], receipt["void"]) == ("SALE", 1, None, None)
    assert receipt["payload"]["sale_id"] == str(sold.sale_id)
    assert receipt["refunds"] == [
        {"refund_id": str(back.refund_id), "receipt_number": back.receipt_number, "voided": False}
    ]
    assert receipt["lines"] == [
        {
            "line": 1,
            "refundable_quantity_milli": 2000,
            "refundable_amount_minor": 2897 - 966,
            "refundable_discount_minor": 100 - 33,
            "refundable_taxes": [{"code": "VAT-S", "rate_ppm": 200_000, "amount_minor": 483 - 161}],
        }
    ]
    _, answer, _ = await tenant.get(f"/v1/receipts/{back.receipt_number}")
    assert [receipt["kind"] for receipt in answer["receipts"]] == ["REFUND"]


async def test_a_voided_receipt_shows_its_void_and_leaves_nothing(till: Till, tenant: TenantFixture) -> None:
    sold = sale(COFFEE, number=f"{till.prefix}1")
    till.appends(sold)
    till.appends(void(sold))
    await delivered(till)

    _, answer, _ = await tenant.get(f"/v1/receipts/{sold.receipt_number}")

    (receipt,) = answer["receipts"]
    assert receipt["void"]["sequence"] == 2
    assert receipt["void"]["payload"]["reason"] == "MISTAKE"
    assert receipt["lines"][0]["refundable_quantity_milli"] == 0
    assert receipt["lines"][0]["refundable_taxes"][0]["amount_minor"] == 0


async def test_a_card_number_is_shown_masked(till: Till, tenant: TenantFixture) -> None:
    paid = [Tender(method="CARD", amount_minor=720, reference="4111 1111 1111 1111")]
    till.appends(sale(COFFEE, number=f"{till.prefix}1", tenders=paid))
    assert [found["code"] for found in await delivered(till)] == ["card-number-found"]

    _, answer, _ = await tenant.get(f"/v1/receipts/{till.prefix}1")

    assert answer["receipts"][0]["payload"]["tenders"][0]["reference"] == "4111 11** **** 1111"


async def test_another_tenant_finds_nothing(till: Till, central: Central) -> None:
    """A receipt, a location and an exception of another tenant are as ones that do not exist."""
    till.appends(sale(COFFEE, number=f"{till.prefix}1", tenders=[card(1)]))
    await delivered(till)
    other = await central.tenant("Other Shop")

    assert (await other.get(f"/v1/receipts/{till.prefix}1"))[0] == 404
    assert (await other.get("/v1/ledger/balances"))[1]["balances"] == []
    assert (await other.get(f"/v1/ledger/balances?location_id={till.terminal.location_id}"))[0] == 404
    assert (await other.get("/v1/exceptions"))[1]["exceptions"] == []
    assert (await other.get("/v1/reports/sales"))[1]["rows"][0]["sales_count"] == 0


async def test_balances_sum_to_0(till: Till, tenant: TenantFixture) -> None:
    till.appends(shift_open())
    till.appends(sale(COFFEE, number=f"{till.prefix}1"))
    await delivered(till)

    _, answer, _ = await tenant.get("/v1/ledger/balances")

    amounts = {row["account"]: row["amount_minor"] for row in answer["balances"]}
    assert answer["currency"] == "EUR"
    assert amounts == {"cash": 10_720, "cash_transfer": -10_000, "sales_revenue": -600, "tax:VAT-S": -120}
    status, problem, _ = await tenant.get("/v1/ledger/balances?from=2026-02-01&to=2026-01-01")
    assert (status, problem["field"]) == (422, "from")


async def test_entries_are_a_feed_that_skips_nothing(till: Till, tenant: TenantFixture) -> None:
    """By pages with a cursor, and after a number; each entry once, in order."""
    for number in range(1, 5):
        till.appends(sale(COFFEE, number=f"{till.prefix}{number}"))
    await delivered(till)
    numbers: list[int] = []
    path = "/v1/ledger/entries?limit=5"
    while path:
        _, answer, _ = await tenant.get(path)
        numbers += [entry["entry_number"] for entry in answer["entries"]]
        cursor = answer["next_cursor"]
        path = f"/v1/ledger/entries?limit=5&cursor={cursor}" if cursor else ""
    assert numbers == list(range(1, 13))

    _, answer, _ = await tenant.get("/v1/ledger/entries?after=9")
    assert [entry["entry_number"] for entry in answer["entries"]] == [10, 11, 12]
    assert {entry["sequence"] for entry in answer["entries"]} == {4}
    assert str(UUID(answer["incarnation"])) == answer["incarnation"]


async def test_who_waits_for_entries_is_woken(till: Till, tenant: TenantFixture) -> None:
    waiting = asyncio.create_task(tenant.get("/v1/ledger/entries?after=0&wait=30"))
    till.appends(sale(COFFEE, number=f"{till.prefix}1"))
    await delivered(till)

    _, answer, _ = await asyncio.wait_for(waiting, 10)

    assert len(answer["entries"]) == 3


async def test_exceptions_are_listed_and_resolved(till: Till, tenant: TenantFixture) -> None:
    """Accepted, or what is in suspense moved to where it belongs; once."""
    till.appends(sale(COFFEE, number=f"{till.prefix}1", tenders=[card(700)]))
    till.appends(sale(COFFEE, number=f"{till.prefix}3"))
    await delivered(till)
    _, answer, _ = await tenant.get("/v1/exceptions?status=open")
    short, gap = answer["exceptions"]
    assert (short["code"], gap["code"]) == ("tender-mismatch", "receipt-number-gap")

    path = f"/v1/exceptions/{short['exception_id']}/resolution"
    assert (await tenant.post(path, {"action": "move"}))[0] == 422
    assert (await tenant.post(path, {"action": "move", "account": "cash_over_short", "note": "a cent"}))[0] == 204
    assert (await tenant.post(path, {"action": "accept"}))[1]["type"].endswith("already-resolved")
    path = f"/v1/exceptions/{gap['exception_id']}/resolution"
    status, problem, _ = await tenant.post(path, {"action": "move", "account": "cash_over_short"})
    assert (status, problem["type"]) == (409, "/problems/nothing-in-suspense")
    assert (await tenant.post(path, {"action": "accept", "note": "seen"}))[0] == 204

    _, answer, _ = await tenant.get("/v1/ledger/balances")
    amounts = {row["account"]: row["amount_minor"] for row in answer["balances"]}
    assert "suspense" not in amounts
    assert amounts["cash_over_short"] == 20
    _, answer, _ = await tenant.get("/v1/exceptions?status=resolved")
    assert [found["action"] for found in answer["exceptions"]] == ["move", "accept"]


async def test_a_viewer_resolves_nothing(till: Till, tenant: TenantFixture) -> None:
    viewer = await tenant.key_for("viewer")

    assert (await viewer.post(f"/v1/exceptions/{id_of('any')}/resolution", {"action": "accept"}))[0] == 403
    assert (await tenant.post(f"/v1/exceptions/{id_of('any')}/resolution", {"action": "accept"}))[0] == 404


async def test_a_voucher_s_balance(till: Till, tenant: TenantFixture) -> None:
    """Sold, less redeemed; a terminal may ask, too."""
    till.appends(sale(cart("1 x VOUCHER-7 @ 10.00"), number=f"{till.prefix}1"))
    till.appends(sale(COFFEE, number=f"{till.prefix}2", tenders=[voucher(720, "VOUCHER-7")]))
    await delivered(till)

    status, answer, _ = await till.terminal.get("/v1/vouchers/VOUCHER-7")

    assert (status, answer["balance_minor"]) == (200, 280)
    assert (await tenant.get("/v1/vouchers/VOUCHER-8"))[0] == 404


@pytest.mark.parametrize(
    "query", ["group_by=shoe", "group_by=tax,tax", "from=2026-02-01&to=2026-01-01", "from=2020-01-01"]
)
async def test_a_report_that_cannot_be(tenant: TenantFixture, query: str) -> None:
    assert (await tenant.get(f"/v1/reports/sales?{query}"))[0] == 422


async def test_a_report_in_each_form(till: Till, tenant: TenantFixture) -> None:
    till.appends(sale(COFFEE, number=f"{till.prefix}1"))
    await delivered(till)
    path = "/v1/reports/sales?group_by=tax,location"

    _, answer, headers = await tenant.get(path)
    assert headers["Content-Type"].startswith("application/json")
    assert answer["currency"] == "EUR"
    (row,) = answer["rows"]
    assert (row["tax_code"], row["net_minor"], row["gross_minor"]) == ("VAT-S", 600, 720)

    _, answer, headers = await tenant.get(path, headers={"Accept": "text/csv"})
    assert headers["Content-Type"] == "text/csv; charset=utf-8"
    (line,) = csv.DictReader(io.StringIO(answer.decode()))
    assert list(line)[:4] == ["location_id", "tax_code", "rate_ppm", "sales_count"]
    assert line["net_minor"] == "600"

    _, answer, headers = await tenant.get(path, headers={"Accept": "application/vnd.apache.parquet"})
    assert pq.read_table(io.BytesIO(answer)).to_pylist()[0]["net_minor"] == 600

    assert (await tenant.get(path, headers={"Accept": "text/html"}))[0] == 406


async def test_a_terminal_s_replica_gets_receipts_in_short(till: Till) -> None:
    """After the products, of the same location; a refund brings the sale again with what is left of it."""
    sold = sale(COFFEE, number=f"{till.prefix}1")
    till.appends(sold)
    await delivered(till)
    _, answer, _ = await till.terminal.get("/v1/sync/changes")
    (change,) = [change for change in answer["changes"] if change["entity"] == "receipt"]
    assert change["id"] == str(sold.sale_id)
    assert change["data"]["lines"][0]["refundable_quantity_milli"] == 2000

    back = refund(sold, {1: 1000}, number=f"{till.prefix}2")
    till.appends(back)
    await till.delivers(2, 2)
    _, answer, _ = await till.terminal.get(f"/v1/sync/changes?cursor={answer['cursor']}")

    receipts = {change["id"]: change["data"] for change in answer["changes"]}
    assert set(receipts) == {str(sold.sale_id), str(back.refund_id)}
    assert receipts[str(sold.sale_id)]["lines"][0]["refundable_quantity_milli"] == 1000
