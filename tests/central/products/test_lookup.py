"""The look-up over HTTP: what a barcode sells for at a location now."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from stdnum import ean

from central.tenant_session import operator, tenant_session
from tests.central.conftest import Central
from tests.central.products.conftest import Shop

BARCODE = "4006381333931"
NOON = datetime(2026, 11, 24, 11, tzinfo=UTC)
"""A Tuesday, 12:00 in Berlin."""


@pytest.fixture(autouse=True)
def noon(central: Central) -> None:
    """It is noon, until a test says otherwise."""
    central.services.clock = lambda: NOON


async def test_a_barcode_answers_the_product_as_the_location_sells_it(shop: Shop) -> None:
    """Prices, the rule and the taxes that count there today."""
    product = await shop.product(barcodes=[BARCODE], category="Drinks")
    rule = {"name": "Tenth off", "kind": "percent_off", "value": 100_000, "category": "Drinks"}
    made = await shop.post("/v1/price-rules", rule)

    assert await shop.look_up(BARCODE) == {
        "product_id": product["product_id"],
        "sku": "COFFEE",
        "name": "Coffee, 500 g",
        "unit": "C62",
        "category": "Drinks",
        "quantity_milli": 1_000,
        "list_price_minor": 699,
        "unit_price_minor": 699,
        "discount_minor": 70,
        "price_quantity_milli": 1_000,
        "price_rule_id": made["price_rule_id"],
        "open_price": False,
        "age_min": None,
        "taxes": [{"code": "VAT-S", "rate_ppm": 190_000, "compound": False}],
    }


async def test_the_narrowest_and_latest_price_counts(shop: Shop) -> None:
    """With the barcode, then with the location, then the latest `valid_from`, then the latest made."""
    await shop.product(barcodes=[BARCODE, "SECOND"])
    prices = (
        {"price_minor": 600},
        {"price_minor": 601},
        {"price_minor": 590, "valid_from": "2026-01-01"},
        {"price_minor": 591, "valid_from": "2026-06-01", "valid_to": "2026-11-24"},
        {"price_minor": 580, "location_ids": [shop.location]},
        {"price_minor": 570, "barcode": BARCODE, "valid_from": "2026-11-25"},
        {"price_minor": 571, "barcode": BARCODE, "valid_to": "2026-11-23"},
        {"price_minor": 560, "barcode": BARCODE},
    )
    seen = []
    for price in prices:
        await shop.post("/v1/prices", {"sku": "COFFEE", **price})
        elsewhere = (await shop.look_up(BARCODE, shop.other_location))["list_price_minor"]
        seen.append(((await shop.look_up(BARCODE))["list_price_minor"], elsewhere))

    assert seen == [
        (600, 600), (601, 601), (590, 590), (591, 591), (580, 591), (580, 591), (580, 591), (560, 560)
    ]  # fmt: skip
    assert (await shop.look_up("SECOND"))["list_price_minor"] == 580


async def test_a_price_begins_and_ends_with_the_day_of_the_location(shop: Shop, central: Central) -> None:
    """Both dates inclusive, midnight in the location's zone; the cache does not carry yesterday over."""
    await shop.product(barcodes=[BARCODE])
    new_york = await shop.make_location("ny", "America/New_York")
    await shop.post(
        "/v1/prices", {"sku": "COFFEE", "price_minor": 1, "valid_from": "2026-11-25", "valid_to": "2026-11-25"}
    )
    seen = []
    for hours in (10, 11.99, 12, 17, 35.99, 36, 42):
        central.services.clock = lambda hours=hours: NOON + timedelta(hours=hours)  # type: ignore[misc]
        seen.append(
            (
                (await shop.look_up(BARCODE))["list_price_minor"],
                (await shop.look_up(BARCODE, new_york))["list_price_minor"],
            )
        )

    assert seen == [(699, 699), (699, 699), (1, 699), (1, 699), (1, 1), (699, 1), (699, 699)]


async def test_a_barcodes_own_price_is_for_its_own_quantity(shop: Shop) -> None:
    """A crate of six at its price; without one, six pieces at the product's; a rule's value is per the product's."""
    crate = {"barcode": "CRATE", "quantity_milli": 6_000, "price_minor": 3_999}
    product = await shop.product(barcodes=[crate, {"barcode": "SIX", "quantity_milli": 6_000}])
    priced, plain = await shop.look_up("CRATE"), await shop.look_up("SIX")
    rule = {"name": "5.00", "kind": "fixed_price", "value": 500, "product_ids": [product["product_id"]]}
    await shop.post("/v1/price-rules", rule)
    ruled = await shop.look_up("CRATE")

    assert (priced["list_price_minor"], priced["price_quantity_milli"], priced["quantity_milli"]) == (
        3_999,
        6_000,
        6_000,
    )
    assert (plain["list_price_minor"], plain["price_quantity_milli"], plain["quantity_milli"]) == (699, 1_000, 6_000)
    assert (ruled["unit_price_minor"], ruled["price_quantity_milli"], ruled["list_price_minor"]) == (500, 1_000, 3_999)


async def test_a_rule_that_needs_more_than_one_is_passed_over(shop: Shop) -> None:
    """A minimum that one does not reach, a multibuy of three, and a price that saves nothing."""
    await shop.product(barcodes=[BARCODE], category="Drinks")
    for rule in (
        {"kind": "percent_off", "value": 500_000, "min_quantity_milli": 2_000, "priority": 9},
        {"kind": "multibuy", "value": {"take": 3, "pay_for": 2}, "priority": 8},
        {"kind": "fixed_price", "value": 699, "priority": 7},
        {"kind": "percent_off", "value": 500_000, "days_of_week": [1, 3, 4, 5, 6, 7], "priority": 6},
        {"kind": "percent_off", "value": 500_000, "time_to": "12:00", "priority": 6},
        {"kind": "percent_off", "value": 500_000, "ends_at": "2026-11-24T11:00:00Z", "priority": 6},
        {"kind": "percent_off", "value": 500_000, "location_ids": [shop.other_location], "priority": 6},
        {"kind": "amount_off", "value": 50, "days_of_week": [2], "time_from": "12:00", "priority": 5},
        {"kind": "amount_off", "value": 99, "priority": 4},
    ):
        await shop.post("/v1/price-rules", {"name": "Rule", "category": "Drinks", **rule})

    assert (await shop.look_up(BARCODE))["discount_minor"] == 50


async def test_taxes_count_by_place_and_date(shop: Shop, central: Central) -> None:
    """A rate that changes on New Year's Day, and a city that has its own."""
    components = [
        {"code": "STATE", "rate_ppm": 160_000, "valid_to": "2026-12-31"},
        {"code": "STATE", "rate_ppm": 190_000, "valid_from": "2027-01-01"},
        {"code": "CITY", "rate_ppm": 10_000, "compound": True, "location_ids": [shop.other_location]},
    ]
    await shop.patch(f"/v1/tax-groups/{shop.tax_group}", {"components": components})
    await shop.product(barcodes=[BARCODE])
    here, there = await shop.look_up(BARCODE), await shop.look_up(BARCODE, shop.other_location)
    central.services.clock = lambda: datetime(2026, 12, 31, 23, tzinfo=UTC)
    next_year = await shop.look_up(BARCODE)

    assert [(tax["code"], tax["rate_ppm"]) for tax in here["taxes"]] == [("STATE", 160_000)]
    assert [(tax["code"], tax["compound"]) for tax in there["taxes"]] == [("STATE", False), ("CITY", True)]
    assert [(tax["code"], tax["rate_ppm"]) for tax in next_year["taxes"]] == [("STATE", 190_000)]


async def test_goods_with_the_price_or_weight_inside_the_barcode(shop: Shop) -> None:
    """As the setting reads them: the weight is the quantity; the price takes its line out of all rules."""
    patterns = [
        {"prefix": "29", "value": "price", "item_digits": 5, "value_digits": 5, "decimals": 2},
        {"prefix": "28", "value": "weight", "item_digits": 5, "value_digits": 5, "decimals": 3},
    ]
    await shop.patch("/v1/settings", {"in_store_barcodes": patterns})
    without_value = [_ean("281234500000"), _ean("291234500000")]
    await shop.product(sku="HAM", unit="KGM", price_minor=2_490, category="Meat", barcodes=without_value)
    await shop.post("/v1/price-rules", {"name": "Half", "kind": "percent_off", "value": 500_000, "category": "Meat"})
    weighed, priced = await shop.look_up(_ean("281234500750")), await shop.look_up(_ean("291234501234"))

    assert (weighed["sku"], weighed["quantity_milli"], weighed["list_price_minor"]) == ("HAM", 750, 2_490)
    assert weighed["discount_minor"] == 934  # half of 18.68, what 0.750 kg cost
    assert (priced["sku"], priced["quantity_milli"], priced["unit_price_minor"]) == ("HAM", 1_000, 1_234)
    assert (priced["price_rule_id"], priced["discount_minor"]) == (None, 0)
    await shop.patch("/v1/settings", {"in_store_barcodes": []})
    await shop.look_up(_ean("281234500750"), expect=404)


async def test_no_answer_is_older_than_the_change_before_it(shop: Shop, central: Central) -> None:
    """Each change is seen by the very next look-up, also a barcode that was looked for in vain."""
    await shop.look_up(BARCODE, expect=404)
    product = await shop.product(barcodes=[BARCODE])
    path = f"/v1/products/{product['product_id']}"
    assert (await shop.look_up(BARCODE))["list_price_minor"] == 699
    await shop.patch(path, {"price_minor": 749})
    assert (await shop.look_up(BARCODE))["list_price_minor"] == 749
    assert (await shop.look_up(BARCODE))["list_price_minor"] == 749
    await shop.delete(path)
    await shop.look_up(BARCODE, expect=404)


async def test_a_hit_asks_the_database_for_no_product(shop: Shop, central: Central) -> None:
    """The second look-up is answered from the cache: what the table says behind the catalogue's back is not seen."""
    await shop.product(barcodes=[BARCODE])
    first = await shop.look_up(BARCODE)
    tenant_id = shop.tenant.tenant_id
    async with tenant_session(central.services.database, operator(tenant_id)) as session:
        await session.driver.execute("update till.products set name = 'Tea' where tenant_id = $1", tenant_id)

    assert await shop.look_up(BARCODE) == first


async def test_two_tenants_sell_their_own_under_one_barcode(shop: Shop, neighbour: Shop) -> None:
    """Each finds its own; a location of the other is as none, in the same words."""
    await shop.product(barcodes=[BARCODE])
    await neighbour.product(name="Tea", barcodes=[BARCODE], price_minor=1)
    unknown = "00000000-0000-7000-8000-000000000000"

    for _ in range(2):
        assert (await shop.look_up(BARCODE))["name"] == "Coffee, 500 g"
        assert (await neighbour.look_up(BARCODE))["name"] == "Tea"
    foreign = await shop.look_up(BARCODE, neighbour.location, expect=404)
    assert foreign == await shop.look_up(BARCODE, unknown, expect=404)
    assert foreign == await shop.look_up(BARCODE, "nowhere", expect=404)
    assert foreign == await shop.look_up("4006381333948", expect=404)


async def test_the_look_up_agrees_with_a_recount_of_the_whole_catalogue(shop: Shop, central: Central) -> None:
    """Products, prices, rules and taxes made at random; each barcode, place and moment reckoned again by hand."""
    random = Random(20261124)
    places = [shop.location, shop.other_location]
    products = [
        await shop.product(sku=f"S{n}", price_minor=random.randint(1, 2_000), barcodes=[f"B{n}"],
                           category=random.choice(["Food", "Drinks", None]))
        for n in range(6)
    ]  # fmt: skip
    for _ in range(30):
        await shop.post("/v1/prices", _a_price(random, places))
    for _ in range(15):
        await shop.post("/v1/price-rules", _a_rule(random, places, products))
    catalogue = (await shop.get("/v1/products"))["products"]
    rules = (await shop.get("/v1/price-rules"))["price_rules"]
    for moment in (NOON + timedelta(hours=hours) for hours in (-40, 0, 9, 30, 100)):
        central.services.clock = lambda moment=moment: moment  # type: ignore[misc]
        for product in catalogue:
            for place in places:
                found = await shop.look_up(product["barcodes"][0]["barcode"], place)
                assert _figures(found) == _by_hand(product, rules, place, moment)


def _ean(digits: str) -> str:
    return digits + str(ean.calc_check_digit(digits))


def _a_day(random: Random) -> str | None:
    return random.choice([None, "2026-11-22", "2026-11-24", "2026-11-25", "2026-11-27"])


def _a_price(random: Random, places: list[str]) -> dict[str, Any]:
    number = random.randrange(6)
    days = [_a_day(random), _a_day(random)]
    if None not in days:
        days.sort(key=str)
    return {
        "sku": f"S{number}",
        "barcode": random.choice([None, f"B{number}"]),
        "location_ids": random.choice([None, places, places[:1], places[1:]]),
        "price_minor": random.randint(1, 2_000),
        "valid_from": days[0],
        "valid_to": days[1],
    }


def _a_rule(random: Random, places: list[str], products: list[dict[str, Any]]) -> dict[str, Any]:
    kind, most = random.choice([("percent_off", 1_000_000), ("amount_off", 500), ("fixed_price", 1_500)])
    named = random.choice([None, [one["product_id"] for one in random.sample(products, 2)]])
    return {
        "name": "Rule",
        "kind": kind,
        "value": random.randint(0, most),
        "product_ids": named,
        "category": None if named else random.choice(["Food", "Drinks"]),
        "location_ids": random.choice([None, places[:1], places[1:]]),
        "days_of_week": random.choice([None, [1, 2, 3], [6, 7]]),
        "time_from": random.choice([None, "08:00", "12:00"]),
        "time_to": random.choice([None, "12:00:01", "21:00"]),
        "min_quantity_milli": random.choice([0, 0, 1_000, 1_001]),
        "priority": random.randint(0, 2),
    }


def _figures(found: dict[str, Any]) -> tuple[Any, ...]:
    return (
        found["list_price_minor"],
        found["unit_price_minor"],
        found["discount_minor"],
        found["price_rule_id"],
    )


def _by_hand(product: dict[str, Any], rules: list[dict[str, Any]], place: str, moment: datetime) -> tuple[Any, ...]:
    """Contract, sections 2 and 6, for one piece: said once more, in other words."""
    local = moment.astimezone(ZoneInfo("Europe/Berlin"))
    price = product["price_minor"]
    for row in _best_last(product["prices"], place, local.date()):
        price = row["price_minor"]
    for rule in sorted(rules, key=lambda one: (-one["priority"], one["price_rule_id"])):
        if not _counts(rule, product, place, local) or rule["min_quantity_milli"] > 1_000:
            continue
        value = rule["value"]
        if rule["kind"] == "fixed_price" and value < price:
            return price, value, 0, rule["price_rule_id"]
        off = (price * value * 2 + 1_000_000) // 2_000_000 if rule["kind"] == "percent_off" else value
        if rule["kind"] != "fixed_price" and min(off, price) > 0:
            return price, price, min(off, price), rule["price_rule_id"]
    return price, price, 0, None


def _best_last(prices: list[dict[str, Any]], place: str, today: date) -> Iterator[dict[str, Any]]:
    day = today.isoformat()
    admitted = [
        row
        for row in prices
        if (row["location_ids"] is None or place in row["location_ids"])
        and (row["valid_from"] or "0000") <= day <= (row["valid_to"] or "9999")
    ]
    for row in sorted(admitted, key=lambda row: row["price_id"]):
        row["rank"] = (bool(row["barcode"]), row["location_ids"] is not None, row["valid_from"] or "", row["price_id"])
    yield from sorted(admitted, key=lambda row: row["rank"])


def _counts(rule: dict[str, Any], product: dict[str, Any], place: str, local: datetime) -> bool:
    clock = local.strftime("%H:%M:%S")
    start, end = rule["time_from"] or "00:00:00", rule["time_to"] or "24:00:00"
    return (
        (product["product_id"] in (rule["product_ids"] or []) or product["category"] == (rule["category"] or "-"))
        and (rule["location_ids"] is None or place in rule["location_ids"])
        and (rule["days_of_week"] is None or local.isoweekday() in rule["days_of_week"])
        and (start <= clock < end if start <= end else clock >= start or clock < end)
    )
