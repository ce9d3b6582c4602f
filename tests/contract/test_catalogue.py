"""Section 2 and 6: products, prices by place and date, price rules, and the look-up's arithmetic."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.contract.independent_client import Answer
from tests.contract.independent_shop import Shop, Tenant, ean13, fresh, new_id


def barcode() -> str:
    return fresh("B")[:14]


def look_up(shop: Shop, code: str) -> Answer:
    return shop.tenant.owner.get("/v1/products/lookup", barcode=code, location_id=shop.location_id)


def today_there() -> str:
    return datetime.now(ZoneInfo("Europe/Vienna")).date().isoformat()


def day(offset: int) -> str:
    return (datetime.now(ZoneInfo("Europe/Vienna")).date() + timedelta(days=offset)).isoformat()


def test_a_product_bears_every_field_that_it_was_created_with(tenant: Tenant) -> None:
    code = ean13()
    body: dict[str, Any] = {
        "sku": fresh("S"),
        "name": "Fuel",
        "unit": "LTR",
        "price_minor": 2599,
        "price_quantity_milli": 10_000,
        "open_price": False,
        "age_min": 16,
        "tax_group_id": tenant.tax_group({"code": "VAT", "rate_ppm": 200_000}),
        "barcodes": [{"barcode": code, "quantity_milli": 1000, "price_minor": None}],
        "category": "fuel",
        "attributes": {"pump": 3, "names": ["a", None]},
    }

    made = tenant.owner.post("/v1/products", {**body, "of_tomorrow": 1}).ok(201)

    assert {name: made[name] for name in body} == body
    assert set(made) >= {"product_id", "revision"}
    assert tenant.owner.get(f"/v1/products/{made['product_id']}").ok() == made


def test_a_plain_string_is_short_for_a_barcode_of_one_piece(tenant: Tenant) -> None:
    code = ean13()

    made = tenant.product(barcodes=[code])

    assert made["barcodes"] == [{"barcode": code, "quantity_milli": 1000, "price_minor": None}]


def test_a_product_is_made_with_its_defaults(tenant: Tenant) -> None:
    made = tenant.product()

    assert (made["price_quantity_milli"], made["open_price"], made["age_min"]) == (1000, False, None)


@pytest.mark.parametrize("field", ["sku", "barcode"])
def test_a_sku_and_a_barcode_are_unique_in_the_tenant(tenant: Tenant, stranger: Tenant, field: str) -> None:
    code = ean13()
    made = tenant.product(barcodes=[code])
    again: dict[str, Any] = {"tax_group_id": made["tax_group_id"], "name": "Other", "unit": "C62", "price_minor": 1}
    again |= {"sku": made["sku"], "barcodes": []} if field == "sku" else {"sku": fresh("S"), "barcodes": [code]}

    answer = tenant.owner.post("/v1/products", again)

    assert answer.refusal == (409, "duplicate")
    assert answer.json["field"].startswith("sku" if field == "sku" else "barcode")
    assert stranger.product(sku=made["sku"], barcodes=[code])["sku"] == made["sku"]


def test_a_withdrawn_product_is_not_found_and_its_sku_and_barcodes_are_free(tenant: Tenant) -> None:
    code = ean13()
    made = tenant.product(barcodes=[code])
    path = f"/v1/products/{made['product_id']}"

    assert tenant.owner.delete(path).status == 204
    assert tenant.owner.delete(path).refusal == (404, "not-found")
    assert tenant.owner.get(path).refusal == (404, "not-found")
    assert tenant.owner.patch(path, {"name": "x"}).refusal == (404, "not-found")
    again = tenant.product(sku=made["sku"], barcodes=[code])
    assert again["product_id"] != made["product_id"]


def test_a_patch_changes_what_it_names_null_clears_and_absent_leaves(tenant: Tenant) -> None:
    made = tenant.product(category="drinks", age_min=18, attributes={"a": {"b": 1, "c": 2}, "d": 3})

    changed = tenant.owner.patch(
        f"/v1/products/{made['product_id']}", {"name": "New", "age_min": None, "attributes": {"a": {"b": None, "e": 5}}}
    ).ok()

    assert (changed["name"], changed["age_min"], changed["category"]) == ("New", None, "drinks")
    assert changed["attributes"] == {"a": {"c": 2, "e": 5}, "d": 3}
    assert changed["revision"] != made["revision"]


def test_a_revision_that_is_not_the_current_one_is_stale(tenant: Tenant) -> None:
    made = tenant.product()
    path = f"/v1/products/{made['product_id']}"
    newer = tenant.owner.patch(path, {"name": "New", "revision": made["revision"]}).ok()

    answer = tenant.owner.patch(path, {"name": "Newer", "revision": made["revision"]})

    assert answer.refusal == (409, "stale-revision")
    assert tenant.owner.get(path).ok() == newer


bad_fields: list[tuple[str, Any]] = [
    ("price_minor", 1.0),
    ("price_minor", "1"),
    ("price_minor", True),
    ("price_minor", -1),
    ("price_minor", 10**12 + 1),
    ("price_minor", None),
    ("price_quantity_milli", 0),
    ("unit", "BUCKET"),
    ("unit", ""),
    ("name", "a\u0000b"),
    ("name", None),
    ("name", 7),
    ("sku", "\u0000"),
    ("tax_group_id", "none"),
    ("barcodes", "4006381333931"),
    ("age_min", "18"),
]


@pytest.mark.parametrize(("field", "value"), bad_fields, ids=str)
def test_a_bad_field_is_named(tenant: Tenant, field: str, value: Any) -> None:
    body = {"sku": fresh("S"), "name": "x", "unit": "C62", "price_minor": 1, "barcodes": []}
    body["tax_group_id"] = tenant.tax_group({"code": "VAT", "rate_ppm": 200_000})

    answer = tenant.owner.post("/v1/products", {**body, field: value})

    assert answer.status == 422
    assert answer.code in {"invalid", "unknown-reference"}
    assert answer.json["field"].startswith(field)


@pytest.mark.parametrize("whose", ["nobody", "another tenant"])
def test_a_reference_to_what_another_tenant_has_is_unknown(tenant: Tenant, stranger: Tenant, whose: str) -> None:
    foreign = whose == "another tenant"
    tax_group_id = stranger.tax_group({"code": "VAT", "rate_ppm": 200_000}) if foreign else new_id()
    location_id = stranger.location()["location_id"] if foreign else new_id()
    product_id = stranger.product()["product_id"] if foreign else new_id()
    product = {"sku": fresh("S"), "name": "x", "unit": "C62", "price_minor": 1, "barcodes": []}
    answers = {
        "tax_group_id": tenant.owner.post("/v1/products", {**product, "tax_group_id": tax_group_id}),
        "location_id": tenant.owner.post("/v1/terminals", {"location_id": location_id, "label": "x"}),
        "product_id": tenant.owner.post("/v1/prices", {"product_id": product_id, "price_minor": 1}),
        "location_ids": tenant.owner.post(
            "/v1/prices",
            {"product_id": tenant.product()["product_id"], "price_minor": 1, "location_ids": [location_id]},
        ),
    }

    for field, answer in answers.items():
        assert answer.refusal == (422, "unknown-reference")
        assert answer.json["field"].startswith(field)


# The look-up


def test_a_look_up_answers_how_the_location_sells_one_now(shop: Shop) -> None:
    code = ean13()
    group = shop.tenant.tax_group(
        {"code": "VAT", "rate_ppm": 200_000}, {"code": "CITY", "rate_ppm": 15_000, "compound": True}
    )
    made = shop.tenant.product(barcodes=[code], category="drinks", tax_group_id=group, price_minor=450)

    found = look_up(shop, code).ok()

    assert {name: found[name] for name in ("product_id", "sku", "name", "unit", "category")} == {
        name: made[name] for name in ("product_id", "sku", "name", "unit", "category")
    }
    assert (found["list_price_minor"], found["unit_price_minor"], found["discount_minor"]) == (450, 450, 0)
    assert (found["price_quantity_milli"], found["price_rule_id"]) == (1000, None)
    assert [(tax["code"], tax["rate_ppm"], tax["compound"]) for tax in found["taxes"]] == [
        ("VAT", 200_000, False),
        ("CITY", 15_000, True),
    ]


def test_a_terminal_looks_up_at_its_own_location_whatever_it_says(shop: Shop) -> None:
    code = ean13()
    made = shop.tenant.product(barcodes=[code])
    other = shop.tenant.location()["location_id"]
    row = {"product_id": made["product_id"], "price_minor": 5, "location_ids": [other]}
    shop.tenant.owner.post("/v1/prices", row).ok(201)
    till = shop.register().till

    found = till.client.get("/v1/products/lookup", barcode=code, location_id=other).ok()

    assert found["list_price_minor"] == 1000


def test_what_nobody_sells_is_not_found(shop: Shop, stranger: Tenant) -> None:
    code = ean13()
    stranger.product(barcodes=[code])

    assert look_up(shop, code).refusal == (404, "not-found")
    assert look_up(shop, ean13()).body == look_up(shop, code).body


def test_components_count_by_date_and_place_both_ends_included(shop: Shop) -> None:
    code, elsewhere = ean13(), shop.tenant.location()["location_id"]
    components = [
        {"code": "NOW", "rate_ppm": 1, "valid_from": day(0), "valid_to": day(0)},
        {"code": "OVER", "rate_ppm": 2, "valid_to": day(-1)},
        {"code": "SOON", "rate_ppm": 3, "valid_from": day(1)},
        {"code": "HERE", "rate_ppm": 4, "location_ids": [shop.location_id]},
        {"code": "THERE", "rate_ppm": 5, "location_ids": [elsewhere]},
        {"code": "ALL", "rate_ppm": 6},
    ]
    shop.tenant.product(barcodes=[code], tax_group_id=shop.tenant.tax_group(*components))

    assert [tax["code"] for tax in look_up(shop, code).ok()["taxes"]] == ["NOW", "HERE", "ALL"]


def price(shop: Shop, product: dict[str, Any], price_minor: int, **row: Any) -> None:
    body = {"product_id": product["product_id"], "price_minor": price_minor, **row}
    shop.tenant.owner.post("/v1/prices", body).ok(201)


def test_the_list_price_is_the_row_with_the_barcode_then_the_location_then_the_latest(shop: Shop) -> None:
    """Rows are added from the weakest to the strongest, and each wins over those before it."""
    code, plain = ean13(), ean13()
    made = shop.tenant.product(barcodes=[code, plain], price_minor=100)

    def prices() -> tuple[int, int]:
        return look_up(shop, code).ok()["list_price_minor"], look_up(shop, plain).ok()["list_price_minor"]

    seen = [prices()]
    for minor, row in (
        (101, {}),
        (102, {"valid_from": day(-9)}),
        (103, {"valid_from": day(-9)}),
        (104, {"valid_from": day(-2), "valid_to": day(0)}),
        (105, {"location_ids": [shop.location_id]}),
        (106, {"barcode": code}),
        (107, {"barcode": code, "location_ids": [shop.location_id]}),
        (108, {"barcode": code, "location_ids": [shop.location_id], "valid_from": day(0)}),
    ):
        price(shop, made, minor, **row)
        seen.append(prices())

    assert seen == [
        (100, 100), (101, 101), (102, 102), (103, 103), (104, 104), (105, 105), (106, 105), (107, 105), (108, 105),
    ]  # fmt: skip


def test_a_row_of_another_place_or_time_does_not_admit(shop: Shop) -> None:
    code = ean13()
    made = shop.tenant.product(barcodes=[code], price_minor=100)
    price(shop, made, 1, location_ids=[shop.tenant.location()["location_id"]])
    price(shop, made, 2, valid_to=day(-1))
    price(shop, made, 3, valid_from=day(1))

    assert look_up(shop, code).ok()["list_price_minor"] == 100


def test_a_barcodes_own_price_is_for_its_own_quantity(shop: Shop) -> None:
    six, bare = ean13(), ean13()
    shop.tenant.product(
        barcodes=[
            {"barcode": six, "quantity_milli": 6000, "price_minor": 499},
            {"barcode": bare, "quantity_milli": 6000, "price_minor": None},
        ],
        price_minor=100,
    )

    packed, loose = look_up(shop, six).ok(), look_up(shop, bare).ok()

    assert (packed["list_price_minor"], packed["price_quantity_milli"]) == (499, 6000)
    assert (loose["list_price_minor"], loose["price_quantity_milli"]) == (100, 1000)


def rule(shop: Shop, kind: str, value: Any, **fields: Any) -> str:
    body = {"name": "Offer", "kind": kind, "value": value, "location_ids": [shop.location_id], **fields}
    return str(shop.tenant.owner.post("/v1/price-rules", body).ok(201)["price_rule_id"])


@pytest.mark.parametrize(
    ("kind", "value", "price_minor", "unit_price", "discount"),
    [
        ("fixed_price", 799, 999, 799, 0),
        ("percent_off", 100_000, 999, 999, 100),
        ("percent_off", 50_000, 10, 10, 1),
        ("percent_off", 1_000_000, 999, 999, 999),
        ("amount_off", 50, 999, 999, 50),
        ("amount_off", 5000, 999, 999, 999),
    ],
)
def test_a_rule_fills_price_or_discount_and_is_named(
    shop: Shop, kind: str, value: int, price_minor: int, unit_price: int, discount: int
) -> None:
    code = ean13()
    made = shop.tenant.product(barcodes=[code], price_minor=price_minor)
    rule_id = rule(shop, kind, value, product_ids=[made["product_id"]])

    found = look_up(shop, code).ok()

    assert (found["list_price_minor"], found["unit_price_minor"]) == (price_minor, unit_price)
    assert (found["discount_minor"], found["price_rule_id"]) == (discount, rule_id)


def test_the_rule_of_the_highest_priority_claims_the_line(shop: Shop) -> None:
    code = ean13()
    made = shop.tenant.product(barcodes=[code], price_minor=999)
    ids = [made["product_id"]]
    rule(shop, "amount_off", 500, product_ids=ids, priority=1)
    winner = rule(shop, "amount_off", 5, product_ids=ids, priority=2)

    assert look_up(shop, code).ok()["price_rule_id"] == winner


def test_a_rule_that_saves_nothing_or_is_not_reached_is_passed_over(shop: Shop) -> None:
    code = ean13()
    made = shop.tenant.product(barcodes=[code], price_minor=999)
    ids = [made["product_id"]]
    rule(shop, "fixed_price", 999, product_ids=ids, priority=9)
    rule(shop, "fixed_price", 1200, product_ids=ids, priority=8)
    rule(shop, "amount_off", 500, product_ids=ids, priority=7, min_quantity_milli=2000)
    rule(shop, "multibuy", {"take": 3, "pay_for": 2}, product_ids=ids, priority=6)
    reached = rule(shop, "amount_off", 1, product_ids=ids, priority=5, min_quantity_milli=1000)

    assert look_up(shop, code).ok()["price_rule_id"] == reached


def test_a_multibuy_counts_the_pieces_of_a_barcode_with_several(shop: Shop) -> None:
    code = ean13()
    made = shop.tenant.product(barcodes=[{"barcode": code, "quantity_milli": 3000}], price_minor=500)
    rule_id = rule(shop, "multibuy", {"take": 3, "pay_for": 2}, product_ids=[made["product_id"]])

    found = look_up(shop, code).ok()

    assert (found["price_rule_id"], found["discount_minor"]) == (rule_id, 500)


def test_a_rule_admits_by_category_place_and_time(shop: Shop) -> None:
    code, category = ean13(), fresh("C")
    shop.tenant.product(barcodes=[code], category=category, price_minor=999)
    now = datetime.now(ZoneInfo("Europe/Vienna"))
    past, soon = ((datetime.now(UTC) + timedelta(hours=hours)).isoformat()[:19] + "Z" for hours in (-1, 1))
    elsewhere = shop.tenant.location()["location_id"]
    for fields in (
        {"category": fresh("C")},
        {"category": category, "location_ids": [elsewhere]},
        {"category": category, "starts_at": soon},
        {"category": category, "ends_at": past},
        {"category": category, "days_of_week": [now.isoweekday() % 7 + 1]},
    ):
        rule(shop, "amount_off", 5, **fields)
    assert look_up(shop, code).ok()["price_rule_id"] is None
    admitted = rule(
        shop, "amount_off", 5, category=category, starts_at=past, ends_at=soon, days_of_week=[now.isoweekday()]
    )

    assert look_up(shop, code).ok()["price_rule_id"] == admitted


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("percent_off", 1_000_001),
        ("percent_off", -1),
        ("amount_off", "5"),
        ("multibuy", {"take": 1, "pay_for": 0}),
        ("multibuy", {"take": 2, "pay_for": 2}),
        ("multibuy", {"take": 3, "pay_for": 4}),
        ("multibuy", 5),
        ("gift", 5),
    ],
    ids=str,
)
def test_a_rule_that_cannot_be_is_invalid(tenant: Tenant, kind: str, value: Any) -> None:
    body = {"name": "x", "kind": kind, "value": value, "category": "drinks"}

    answer = tenant.owner.post("/v1/price-rules", body)

    assert answer.refusal == (422, "invalid")
    assert answer.json["field"].partition(".")[0] in {"value", "kind"}
