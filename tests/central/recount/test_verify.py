"""`verify` finds nothing in books that are as they should be, and each of the corruptions that are planted by hand."""

from collections.abc import Sequence

import asyncpg
import pytest

from central.cli.recount.finding import Findings
from central.cli.verify import verify_database
from central.database import Database
from protocol.events import Tender
from tests.central.conftest import TenantFixture
from tests.central.uplink.conftest import NewTill
from tests.central.uplink.tills import Till
from tests.trade import card, cart, cash, cash_in, id_of, refund, sale, shift_close, shift_open, void, voucher

CORRUPTIONS = {
    "a changed byte of an event": (
        ["update till.events set line = set_byte(line, 100, get_byte(line, 100) # 1) where sequence = 2"],
        {"hash"},
    ),
    "a changed figure in an event, with its hash": (
        [
            "update till.events set line = convert_to(replace(convert_from(line, 'UTF8'),"
            " '\"net_minor\":600', '\"net_minor\":601'), 'UTF8') where sequence = 2",
            "update till.events set line_hash = sha256(line) where sequence = 2",
        ],
        {"chain", "entries"},
    ),
    "a deleted event": (["delete from till.events where sequence = 3"], {"missing", "entries"}),
    "the deleted last event": (
        ["delete from till.events where sequence = (select max(sequence) from till.events)"],
        {"missing", "entries"},
    ),
    "a changed amount of an entry": (
        ["update till.entries set amount_minor = amount_minor + 1 where entry_number = 3"],
        {"entries", "journal"},
    ),
    "two entries changed so that the sum stays 0": (
        [
            "update till.entries set amount_minor = amount_minor + 1 where entry_number = 3",
            "update till.entries set amount_minor = amount_minor - 1 where entry_number = 4",
        ],
        {"entries"},
    ),
    "a deleted entry": (["delete from till.entries where entry_number = 3"], {"entries", "journal"}),
    "all entries of an event deleted": (["delete from till.entries where sequence = 2"], {"entries"}),
    "an extra entry": (
        [
            "insert into till.entries select tenant_id, entry_number + 100000, terminal_id, location_id, 9999,"
            " amount_minor, posted_at, epoch, branch, business_date, account from till.entries where entry_number = 1"
        ],
        {"entries", "entry numbers"},
    ),
    "an entry on another day": (
        ["update till.entries set business_date = business_date + 1 where entry_number = 1"],
        {"entries"},
    ),
    "an entry number given twice": (
        [
            "alter table till.entries drop constraint entries_pkey",
            "update till.entries set entry_number = 2 where entry_number = 3",
        ],
        {"entry numbers"},
    ),
    "the counter of entries moved back": (
        ["update till.tenant_counters set entry_number = 1"],
        {"entry numbers"},
    ),
    "a changed balance": (
        ["update till.daily_balances set amount_minor = amount_minor + 1 where account = 'cash'"],
        {"balance"},
    ),
    "a deleted balance": (["delete from till.daily_balances where account = 'cash_transfer'"], {"balance"}),
    "a changed daily roll-up": (["update till.sales_daily set net_minor = net_minor + 1"], {"daily roll-up"}),
    "a changed count of refunds": (["update till.sales_hourly set refund_count = 7"], {"hourly roll-up"}),
    "a changed line of the reports": (
        ["update till.report_lines set category = 'other' where sequence = 2 and line = 1"],
        {"report lines"},
    ),
    "a line moved to another hour": (
        ["update till.report_lines set hour = (hour + 1) % 24 where sequence = 2"],
        {"hourly roll-up"},
    ),
    "a deleted line of the reports": (["delete from till.report_lines where sequence = 2"], {"report lines"}),
    "a position moved on": (
        ["update till.epochs set applied_through = applied_through + 1"],
        {"missing"},
    ),
    "a position moved back": (["update till.epochs set applied_through = 2"], {"position"}),
    "an applied event put back into the queue": (
        ["update till.events set state = 'queued' where sequence = 2"],
        {"position", "entries"},
    ),
    "a dropped exception": (
        ["delete from till.exceptions where code = 'tender-mismatch'"],
        {"exceptions"},
    ),
    "a changed figure of what was refunded": (
        ["update till.refunded_lines set amount_minor = amount_minor - 1"],
        {"refunded line"},
    ),
    "a receipt under another number": (
        ["update till.receipts set receipt_number = 'X-1' where sequence = 2"],
        {"receipt"},
    ),
    "a receipt that is no longer voided": (["update till.receipts set void_count = 0"], {"receipt"}),
    "a deleted receipt": (["delete from till.receipts where sequence = 2"], {"receipt"}),
    "a damaged signature": (
        ["update till.events set signature = translate(signature, 'AQgw', 'BAQg') where signature is not null"],
        {"signature"},
    ),
    "a signature that is gone": (["update till.events set signature = null"], {"signature"}),
    "a changed voucher": (["update till.vouchers set balance_minor = 1"], {"voucher"}),
    "changed cash of a shift": (["update till.shifts set cash_minor = cash_minor + 1"], {"shift"}),
    "a wall with a hole": (
        ["create policy anybody on till.entries for select using (true)"],
        {"row-level security"},
    ),
    "a wall that is down": (["alter table till.entries disable row level security"], {"row-level security"}),
}


async def a_day(till: Till) -> None:
    """A day of one till with something of everything, delivered and booked."""
    prefix = till.prefix
    first = sale(cart("2 x COFFEE @ 3.60"), number=f"{prefix}1", tenders=[cash(720, 1000)], shift="EARLY")
    second = sale(cart("3 x WINE @ 9.99 -1.00", "1 x TEA @ 1.20"), number=f"{prefix}2", shift="EARLY")
    unpaid: Sequence[Tender] = [card(100)]
    for payload in (
        shift_open(),
        first,
        second,
        refund(second, {1: 1000}, number=f"{prefix}3", shift="EARLY"),
        sale(cart("1 x VOUCHER-1 @ 50.00"), number=f"{prefix}4"),
        sale(cart("2 x COFFEE @ 3.60"), number=f"{prefix}5", tenders=[voucher(720, "VOUCHER-1")]),
        sale(cart("2 x COFFEE @ 3.60"), number=f"{prefix}6", tenders=unpaid, sale_id=id_of("unpaid")),
        void(first),
        cash_in(500),
        shift_close(5_000),
    ):
        till.appends(payload)
    status, answer, _ = await till.delivers()
    assert status == 200, answer
    assert answer["applied_through"] == 10, answer


def checks(results: dict[str, Findings]) -> set[str]:
    return {finding.check for findings in results.values() for finding in findings.kept}


async def test_books_that_are_as_they_should_be(
    till: Till, new_till: NewTill, tenant: TenantFixture, database: Database
) -> None:
    """Two tills, one that voids and refunds what the other sold, a queue, and a moved suspense: nothing is off."""
    other = await new_till("second")
    sold = sale(cart("2 x COFFEE @ 3.60"), number=f"{other.prefix}1", sale_id=id_of("there"))
    till.appends(void(sold))
    await till.delivers()
    other.appends(sold)
    other.logs(3)
    await other.delivers(1, 2)
    await other.delivers(4, 4)
    assert (await other.position())["queued"] == [[4, 4]]
    unpaid = sale(cart("1 x TEA @ 1.20"), number=f"{till.prefix}1", tenders=[card(100)], sale_id=id_of("unpaid"))
    till.appends(unpaid)
    await till.delivers(2, 2)
    _, found, _ = await tenant.get("/v1/exceptions?code=tender-mismatch")
    exception_id = found["exceptions"][0]["exception_id"]
    status, answer, _ = await tenant.post(
        f"/v1/exceptions/{exception_id}/resolution", {"action": "move", "account": "cash_over_short"}
    )
    assert status == 204, answer

    results = await verify_database(database.address)

    assert [finding for findings in results.values() for finding in findings.kept] == []
    (findings,) = results.values()
    assert findings.looked_at["events"] == 5
    assert findings.looked_at["entries"] == 12


@pytest.mark.parametrize("name", CORRUPTIONS)
async def test_a_corruption_is_found(till: Till, database: Database, superuser_address: str, name: str) -> None:
    """Planted behind central's back; the check that finds it says what it is."""
    await a_day(till)
    assert checks(await verify_database(database.address)) == set()
    statements, expected = CORRUPTIONS[name]
    connection = await asyncpg.connect(superuser_address)
    for statement in statements:
        assert await connection.execute(statement) not in ("UPDATE 0", "DELETE 0", "INSERT 0 0")
    await connection.close()

    assert expected <= checks(await verify_database(database.address))
