"""What a shop's paper says of the place, by what the back office set."""

from datetime import UTC, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from msgspec import structs

from hardware.printers.document import Columns, Text
from protocol.events import Line, Sale, TaxRow, Tender
from terminal_agent.printing.receipt import Shop, Stamp, place_lines_max, receipt_document
from terminal_agent.replica import ReplicaPlace
from tests.terminal_agent.conftest import Shop as OpenShop
from tests.terminal_agent.conftest import Till

STAMP = Stamp(datetime(2026, 7, 1, 22, 30, tzinfo=UTC), "ab" * 32)


def sale() -> Sale:
    return Sale(
        sale_id=UUID(int=1),
        receipt_number="S1-1A-7",
        currency="EUR",
        price_mode="tax_inclusive",
        tax_rounding="receipt",
        lines=(),
        taxes=(),
        net_minor=0,
        tax_minor=0,
        gross_minor=0,
        tenders=(),
    )


def test_address_tax_number_header_and_footer_stand_on_a_receipt_line_by_line() -> None:
    shop = Shop(
        "Hudson",
        "Downtown",
        "t",
        "EUR",
        ZoneInfo("Europe/Berlin"),
        address="12 High Street\n\n10115 Berlin",
        tax_number="DE 123456789",
        receipt_header="Open until ten",
        receipt_footer="Thank you\nBring it back within 14 days",
    )
    texts = [of.text for of in receipt_document(sale(), shop, STAMP).elements if isinstance(of, Text)]

    assert texts == [
        "Hudson",
        "Downtown",
        "12 High Street",
        "10115 Berlin",
        "Tax number DE 123456789",
        "Open until ten",
        "2026-07-02 00:30:00",
        "Thank you",
        "Bring it back within 14 days",
    ]


def test_the_column_of_amounts_adds_up_and_says_what_was_taken_off_and_how_it_was_paid() -> None:
    line = Line(
        line=1,
        name="Apples",
        quantity_milli=1_234,
        unit_price_minor=299,
        discount_minor=19,
        gross_minor=350,
        net_minor=327,
    )
    paid = Tender(method="CARD", tender_type="EC", amount_minor=350)
    tax = TaxRow("VAT7", 70_000, 327, 23)
    sold = structs.replace(sale(), lines=(line,), taxes=(tax,), tenders=(paid,), gross_minor=350, net_minor=327)
    shop = Shop("Hudson", "Hudson", "t", "EUR", ZoneInfo("UTC"), tender_names={"EC": "Girocard"})
    columns = [(of.left, of.right) for of in receipt_document(sold, shop, STAMP).elements if isinstance(of, Columns)]

    assert columns == [
        ("Apples", "3.69"),
        ("  discount", "-0.19"),
        ("TOTAL EUR", "3.50"),
        ("Girocard", "3.50"),
        ("incl. VAT7 7% of 3.27", "0.23"),
        ("S1-1A-7", "ab" * 5),
    ]


def test_a_header_without_end_leaves_a_receipt() -> None:
    shop = Shop("Hudson", "Hudson", "t", "EUR", ZoneInfo("UTC"), receipt_header="x\n" * 1_000)
    texts = [of for of in receipt_document(sale(), shop, STAMP).elements if isinstance(of, Text)]

    assert len(texts) == place_lines_max + 2


def test_a_time_zone_that_this_machine_does_not_know_is_none() -> None:
    assert ReplicaPlace(timezone="Moon/Crater").zone() is None
    assert ReplicaPlace(timezone="Europe/Vienna").zone() == ZoneInfo("Europe/Vienna")


async def test_what_the_back_office_sets_stands_on_the_next_receipt(till: Till, shop: OpenShop) -> None:
    place = {"name": "Harbour", "address": "1 Pier\nPorto", "tax_number": "PT 501", "receipt_footer": "Obrigado"}
    before = (await till.state())["sync"]["catalogue_through"]
    status, _, _ = await shop.tenant.patch(f"/v1/locations/{shop.location_id}", place)
    assert status == 200
    await till.until(lambda state: state["sync"]["catalogue_through"] != before)
    await till.scan("COFFEE")
    await till.command("tender", method="CASH", amount_minor=350)
    await till.until(lambda state: state["printing"]["queued"] == 0)
    (paper,) = till.printer.receipts()

    lines = [line.strip() for line in paper.splitlines()]
    assert lines[lines.index("Harbour") :][:4] == ["Harbour", "1 Pier", "Porto", "Tax number PT 501"]
    assert "Obrigado" in lines
