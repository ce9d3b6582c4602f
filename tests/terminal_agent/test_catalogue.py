"""The replica: what a scan finds, and that following a cursor ends where a fresh snapshot does."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.downlink import Change
from protocol.tax import Tax
from terminal_agent.catalogue import Catalogue

TODAY = date(2026, 11, 24)
HERE = "01a20000-0000-7000-8000-0000000000aa"
THROUGH = "2026-11-24T12:00:00.000Z"
VAT = {"tax_group_id": "g1", "components": [{"code": "VAT", "rate_ppm": 200_000, "location_ids": [HERE]}]}


def id_of(number: int) -> str:
    return str(UUID(int=number))


def put(entity: str, entity_id: str, data: dict[str, Any]) -> Change:
    return Change(entity, entity_id, "put", data)  # type: ignore[arg-type]


def product(number: int, sku: str, **more: Any) -> Change:
    data = {"product_id": id_of(number), "sku": sku, "name": sku.title(), "price_minor": 350, "tax_group_id": "g1"}
    return put("product", id_of(number), {**data, **more})


def deleted(number: int) -> Change:
    return Change("product", id_of(number), "delete")


def opened(path: Path, enrolment: str = "till 1", location: str = HERE) -> Catalogue:
    return Catalogue(path, location_id=location, enrolment=enrolment, currency="EUR")


@pytest.fixture
def catalogue(tmp_path: Path) -> Iterator[Catalogue]:
    made = opened(tmp_path / "catalogue.sqlite")
    yield made
    made.close()


async def follow(catalogue: Catalogue, *changes: Change, more: bool = False) -> None:
    await catalogue.apply(changes, cursor="c", catalogue_through=THROUGH, more=more)


async def test_a_product_is_found_by_each_form_of_its_barcode(catalogue: Catalogue) -> None:
    """UPC-A, EAN-13 with a leading 0, with the scanner's marks, and inside GS1 element strings."""
    await follow(catalogue, put("tax_group", "g1", VAT), product(1, "COLA", barcodes=["036000291452"]))

    for reading in ("036000291452", "0036000291452", "]E00036000291452", "]C1010003600029145210LOT7"):
        found = catalogue.by_reading(reading, TODAY)
        assert found is not None, reading
        assert found.sku == "COLA"
        assert found.taxes == (Tax("VAT", 200_000, False),)
    gs1 = catalogue.by_reading("]C1010003600029145210LOT7", TODAY)
    assert gs1 is not None
    assert gs1.lot == "LOT7"
    assert catalogue.by_reading("4006381333931", TODAY) is None
    assert catalogue.by_reading("\x1d\x1d", TODAY) is None


async def test_a_price_or_weight_inside_the_barcode_is_understood(catalogue: Catalogue) -> None:
    in_store = [
        {"prefix": "22", "value": "weight", "item_digits": 5, "value_digits": 5, "decimals": 3},
        {"prefix": "23", "value": "price", "item_digits": 5, "value_digits": 5, "decimals": 2},
    ]
    await follow(
        catalogue,
        put("setting", "settings", {"in_store_barcodes": in_store}),
        product(1, "CHEESE", unit="KGM", price_minor=1_990, barcodes=["2212345"]),
        product(2, "BASKET", barcodes=["2312345"]),
    )

    weighed = catalogue.by_reading(with_check("221234501250"), TODAY)
    priced = catalogue.by_reading(with_check("231234500725"), TODAY)

    assert weighed is not None
    assert (weighed.sku, weighed.quantity_milli, weighed.list_price_minor) == ("CHEESE", 1_250, 1_990)
    assert priced is not None
    assert (priced.sku, priced.quantity_milli, priced.list_price_minor, priced.price_inside) == (
        "BASKET",
        1_000,
        725,
        True,
    )


def with_check(digits: str) -> str:
    total = sum(int(digit) * (3 if index % 2 else 1) for index, digit in enumerate(digits))
    return digits + str(-total % 10)


async def test_a_barcode_sells_its_own_quantity_at_its_own_price(catalogue: Catalogue) -> None:
    crate = {"barcode": "4006381333931", "quantity_milli": 6_000, "price_minor": 1_800}
    await follow(catalogue, product(1, "COLA", barcodes=[crate]))

    found = catalogue.by_reading("4006381333931", TODAY)

    assert found is not None
    assert (found.quantity_milli, found.list_price_minor, found.price_quantity_milli) == (6_000, 1_800, 6_000)


async def test_the_price_of_the_day_and_place_counts(catalogue: Catalogue) -> None:
    prices = [
        {"price_id": "1", "price_minor": 300, "valid_from": "2026-11-01"},
        {"price_id": "2", "price_minor": 290, "valid_from": "2026-11-24", "location_ids": [HERE]},
    ]
    await follow(catalogue, product(1, "COLA", barcodes=["4006381333931"], prices=prices))

    def cost(day: date) -> int:
        found = catalogue.by_reading("4006381333931", day)
        assert found is not None
        return found.list_price_minor

    assert [cost(date(2026, 10, 1)), cost(date(2026, 11, 2)), cost(TODAY)] == [350, 300, 290]


async def test_a_typed_number_finds_a_product_too(catalogue: Catalogue) -> None:
    await follow(catalogue, product(1, "COLA"))

    assert catalogue.by_sku("COLA", TODAY) is not None
    assert catalogue.by_reading("COLA", TODAY) is not None
    assert [found.sku for found in catalogue.search("ol")] == ["COLA"]
    assert catalogue.search("%") == []


@pytest.mark.parametrize("winner_first", [True, False])
async def test_a_barcode_that_moves_to_another_product_is_found_there(catalogue: Catalogue, winner_first: bool) -> None:
    await follow(catalogue, product(1, "OLD", barcodes=["4006381333931"]))
    changes = [product(2, "NEW", barcodes=["4006381333931"]), product(1, "OLD")]
    await follow(catalogue, *(changes if winner_first else reversed(changes)))

    found = catalogue.by_reading("4006381333931", TODAY)
    assert found is not None
    assert found.sku == "NEW"


async def test_what_a_new_snapshot_does_not_bring_is_swept_at_its_end(catalogue: Catalogue) -> None:
    """Until then the till sells by what it had."""
    await follow(catalogue, product(1, "GONE", barcodes=["4006381333931"]), product(2, "COLA"))
    await catalogue.begin_snapshot()
    await follow(catalogue, product(2, "COLA"), more=True)
    assert catalogue.by_reading("4006381333931", TODAY) is not None

    await follow(catalogue, product(3, "TEA"))

    assert catalogue.by_reading("4006381333931", TODAY) is None
    assert catalogue.counts() == {"products": 2, "barcodes": 0, "receipts": 0}


async def test_another_enrolment_forgets_the_pins_and_another_location_everything(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.sqlite"
    ann = {"cashier_id": id_of(9), "number": "1", "name": "Ann", "role": "cashier"}
    first = opened(path)
    await follow(first, product(1, "COLA"), put("cashier", id_of(9), ann))
    first.close()

    again, anew = opened(path), None
    assert set(again.cashiers) == {"1"}
    again.close()
    anew = opened(path, "till 2")
    assert (anew.cashiers, anew.progress.cursor, anew.progress.catalogue_through) == ({}, None, None)
    assert anew.by_sku("COLA", TODAY) is not None
    anew.close()
    elsewhere = opened(path, "till 2", id_of(77))
    assert elsewhere.by_sku("COLA", TODAY) is None
    elsewhere.close()


async def test_a_row_that_cannot_be_read_does_not_stop_the_others(catalogue: Catalogue) -> None:
    rule = {"price_rule_id": id_of(5), "kind": "percent_off", "value": 100_000, "time_from": "09:00", "category": "C"}
    strange = {"price_rule_id": id_of(6), "kind": "buy_two_get_a_car", "value": 1}
    await follow(catalogue, put("price_rule", id_of(5), rule), put("price_rule", id_of(6), strange))

    assert [found.price_rule_id for found in catalogue.rules] == [id_of(5)]


steps = st.lists(
    st.tuples(st.integers(1, 4), st.sampled_from(["put", "delete"]), st.sampled_from(["A", "B", "C"])), max_size=12
)
BARCODE = {"A": "4006381333931", "B": "5000112637922", "C": "96385074"}


@settings(max_examples=25, deadline=None)
@given(steps)
async def test_following_the_changes_ends_where_a_snapshot_does(
    tmp_path_factory: pytest.TempPathFactory, history: list[tuple[int, str, str]]
) -> None:
    folder = tmp_path_factory.mktemp("replicas")
    follower, fresh = opened(folder / "follower.sqlite"), opened(folder / "fresh.sqlite")
    now: dict[int, str] = {}
    for number, operation, letter in history:
        taken = {of for other, of in now.items() if other != number}
        if operation == "delete":
            now.pop(number, None)
            await follow(follower, deleted(number))
        elif letter not in taken:
            now[number] = letter
            await follow(follower, product(number, f"P{number}", barcodes=[BARCODE[letter]]))
    await follow(fresh, *(product(number, f"P{number}", barcodes=[BARCODE[of]]) for number, of in now.items()))

    for barcode in BARCODE.values():
        assert follower.by_reading(barcode, TODAY) == fresh.by_reading(barcode, TODAY)
    assert follower.counts() == fresh.counts()
    follower.close()
    fresh.close()
