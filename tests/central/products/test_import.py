"""Imports over HTTP: products and prices, from CSV and NDJSON."""

from typing import Any

import msgspec

from central.products import import_rows
from tests.central.products.conftest import Shop

CSV = "text/csv"
NDJSON = "application/x-ndjson"


async def send(shop: Shop, body: str | bytes, media_type: str = CSV, path: str = "/v1/products/import") -> Any:
    status, answer = await attempt(shop, body, media_type, path)
    assert status == 200, answer
    return answer


async def attempt(
    shop: Shop, body: str | bytes, media_type: str = CSV, path: str = "/v1/products/import", **headers: str
) -> tuple[int, Any]:
    """The status and body of an import."""
    data = body.encode() if isinstance(body, str) else body
    headers = {"Authorization": f"Bearer {shop.tenant.key}", "Content-Type": media_type, **headers}
    async with shop.tenant.http.post(shop.tenant.url + path, data=data, headers=headers) as answer:
        return answer.status, msgspec.json.decode(await answer.read())


async def test_products_are_created_then_unchanged_then_changed_by_sku(shop: Shop) -> None:
    """The same file again changes nothing; a new price changes one product."""
    header = "sku,name,unit,price_minor,tax_group,barcodes,category\n"
    tea = "TEA,Tea,C62,299,VAT,4006381333931 036000291452,Drinks\n"
    first = await send(shop, header + tea + 'JAM,"Jam, ""red""",C62,199,VAT,,\n')
    again = await send(shop, header + tea)
    changed = await send(shop, header + tea.replace("299", "349"))
    products = (await shop.get("/v1/products"))["products"]

    assert first == {"created": 2, "changed": 0, "unchanged": 0, "refused": [], "refused_count": 0}
    assert (again["unchanged"], changed["changed"]) == (1, 1)
    assert [(p["sku"], p["name"], p["price_minor"], p["category"]) for p in products] == [
        ("TEA", "Tea", 349, "Drinks"),
        ("JAM", 'Jam, "red"', 199, None),
    ]
    assert [one["barcode"] for one in products[0]["barcodes"]] == ["4006381333931", "036000291452"]
    assert (await shop.look_up("036000291452"))["sku"] == "TEA"


async def test_bad_rows_are_refused_by_line_and_good_ones_kept(shop: Shop, neighbour: Shop) -> None:
    """Each refusal bears its line (the header is line 1), the field and a reason."""
    await shop.product(barcodes=["4006381333931"])
    rows = [
        "sku,name,unit,price_minor,tax_group,tax_group_id,barcodes",
        "A,Good,C62,100,VAT,,",
        ",No sku,C62,100,VAT,,",
        "B,Bad unit,XXX,100,VAT,,",
        "C,Bad price,C62,1.00,VAT,,",
        "D,Bad group,C62,100,NONE,,",
        f"E,Foreign group,C62,100,,{neighbour.tax_group},",
        "F,Taken barcode,C62,100,VAT,,4006381333931",
        "G,Too few cells,C62",
        "H,,C62,100,VAT,,",
        '"I,"x"',
        "J,Good too,KGM,100,VAT,,J-1",
        "K,Its barcode again,KGM,100,VAT,,J-1",
    ]
    answer = await send(shop, "\r\n".join(rows))

    assert (answer["created"], answer["changed"], answer["unchanged"]) == (2, 0, 0)
    assert [(row["line"], row["field"]) for row in answer["refused"]] == [
        (3, "sku"),
        (4, "unit"),
        (5, "price_minor"),
        (6, "tax_group"),
        (7, "tax_group_id"),
        (8, "barcodes"),
        (9, None),
        (10, "name"),
        (11, None),
        (13, "barcodes"),
    ]
    assert all(row["reason"] for row in answer["refused"])
    assert [p["sku"] for p in (await shop.get("/v1/products"))["products"]] == ["COFFEE", "A", "J"]


async def test_a_cell_may_go_over_lines_and_an_open_quote_costs_one_row(shop: Shop) -> None:
    """Line numbers count lines of the file, not rows."""
    body = 'sku,name,price_minor,tax_group\nA,"Two\nlines",100,VAT\nB,One,100,VAT\nC,"Open,100,VAT\nD,Last,100,VAT\n'
    answer = await send(shop, body)

    assert answer["created"] == 3
    assert [row["line"] for row in answer["refused"]] == [5]
    assert (await shop.get("/v1/products?sku=A"))["products"][0]["name"] == "Two\nlines"


async def test_a_row_of_ndjson_is_a_merge_patch_of_the_product_with_its_sku(shop: Shop) -> None:
    """What it leaves out stays, null clears; a barcode keeps its own quantity and price."""
    made = await shop.product(category="Drinks", barcodes=[{"barcode": "SIX", "quantity_milli": 6_000}])
    rows = [
        b'{"sku": "COFFEE", "category": null, "price_minor": 749}',
        b"",
        b"[1]",
        b"{",
        b'{"sku": "NUL", "name": "\\u0000", "price_minor": 1, "tax_group": "VAT"}',
        b'{"sku": "\xff"}',
        b'{"sku": "DEEP", "attributes": ' + b"[" * 5_000 + b"]" * 5_000 + b"}",
        msgspec.json.encode(
            shop.coffee(sku="TEA", attributes={"a": [1]}, barcodes=[{"barcode": "T", "price_minor": 5}])
        ),
    ]
    answer = await send(shop, b"\n".join(rows), NDJSON)
    product = await shop.get(f"/v1/products/{made['product_id']}")
    tea = (await shop.get("/v1/products?sku=TEA"))["products"][0]

    assert (answer["created"], answer["changed"]) == (1, 1)
    assert [row["line"] for row in answer["refused"]] == [3, 4, 5, 6, 7]
    assert (product["category"], product["price_minor"]) == (None, 749)
    assert product["barcodes"] == made["barcodes"]
    assert tea["attributes"] == {"a": [1]}
    assert tea["barcodes"] == [{"barcode": "T", "quantity_milli": 1_000, "price_minor": 5}]


async def test_a_barcode_in_csv_keeps_the_quantity_and_price_that_it_has(shop: Shop) -> None:
    """A cell cannot say them, so it does not take them away."""
    made = await shop.product(barcodes=[{"barcode": "SIX", "quantity_milli": 6_000, "price_minor": 3_999}])
    await send(shop, "sku,name,barcodes\nCOFFEE,Coffee,SIX ONE\n")
    product = await shop.get(f"/v1/products/{made['product_id']}")

    assert product["barcodes"][0] == made["barcodes"][0]
    assert product["barcodes"][1] == {"barcode": "ONE", "quantity_milli": 1_000, "price_minor": None}


async def test_a_barcode_may_move_from_one_row_to_another_within_a_file(shop: Shop) -> None:
    """Rows are decided in the order of the file."""
    await shop.product(barcodes=["X"])
    rows = [{"sku": "COFFEE", "barcodes": []}, shop.coffee(sku="TEA", barcodes=["X"]), {"sku": "TEA", "name": "Tea"}]
    answer = await send(shop, b"\n".join(map(msgspec.json.encode, rows)), NDJSON)

    assert (answer["created"], answer["changed"], answer["refused"]) == (1, 2, [])
    assert (await shop.look_up("X"))["name"] == "Tea"


async def test_more_rows_than_one_commit_takes(shop: Shop) -> None:
    """Batches follow each other; a repeat of the file is unchanged, whole."""
    rows = [f"S{n},Name {n},100,VAT" for n in range(2_500)]
    body = "sku,name,price_minor,tax_group\n" + "\n".join(rows)
    first = await send(shop, body)
    second = await send(shop, body)

    assert (first["created"], second["unchanged"]) == (2_500, 2_500)


async def test_a_row_that_is_too_long_is_refused_alone(shop: Shop) -> None:
    """64 KiB a row, in both forms."""
    long = "x" * (import_rows.row_bytes_max + 1)
    answer = await send(shop, f"sku,name,price_minor,tax_group\nA,{long},1,VAT\nB,B,1,VAT\n")
    lines = [msgspec.json.encode({"sku": long}), msgspec.json.encode(shop.coffee())]
    ndjson = await send(shop, b"\n".join(lines), NDJSON)

    assert (answer["created"], [row["line"] for row in answer["refused"]]) == (1, [2])
    assert (ndjson["created"], [row["line"] for row in ndjson["refused"]]) == (1, [1])


async def test_an_import_that_cannot_be_read_at_all_is_refused(shop: Shop) -> None:
    """Another type or encoding is 415, a header that names nothing 422."""
    assert (await attempt(shop, "{}", "application/json"))[0] == 415
    assert (await attempt(shop, "x", CSV, **{"Content-Encoding": "gzip"}))[0] == 415
    for body, field in (("name,price_minor\n", "sku"), ("", "sku"), ("sku,name,name\n", "name")):
        status, problem = await attempt(shop, body)
        assert (status, problem["type"], problem["field"]) == (422, "/problems/invalid", field)


async def test_a_viewer_may_not_import(shop: Shop) -> None:
    """403 before a byte of the body is read."""
    viewer = await shop.tenant.key_for("viewer")
    for path in ("/v1/products/import", "/v1/prices/import"):
        status, problem, _ = await viewer.post(path, {})
        assert (status, problem["type"]) == (403, "/problems/forbidden")


async def test_prices_are_imported_and_replaced_by_place_and_date(shop: Shop) -> None:
    """The same product, barcode, places and dates is the same price: unchanged, or changed and then the latest made."""
    await shop.product(barcodes=["4006381333931"])
    header = "sku,location_ids,price_minor,valid_from,valid_to\n"
    row = f"COFFEE,{shop.location} {shop.other_location},599,2026-01-01,\n"
    first = await send(shop, header + row, path="/v1/prices/import")
    again = await send(shop, header + row, path="/v1/prices/import")
    changed = await send(shop, header + row.replace("599", "549"), path="/v1/prices/import")
    prices = (await shop.get("/v1/prices"))["prices"]

    assert (first["created"], again["unchanged"], changed["changed"]) == (1, 1, 1)
    assert [price["price_minor"] for price in prices] == [549]
    assert (await shop.look_up("4006381333931"))["list_price_minor"] == 549


async def test_bad_rows_of_prices_are_refused_by_line(shop: Shop, neighbour: Shop) -> None:
    """Unknown products, barcodes and places, spans that run backwards."""
    made = await shop.product(barcodes=["4006381333931"])
    foreign = await neighbour.product()
    rows: list[dict[str, Any]] = [
        {"sku": "COFFEE", "price_minor": 1},
        {"sku": "TEA", "price_minor": 1},
        {"product_id": foreign["product_id"], "price_minor": 1},
        {"product_id": made["product_id"], "sku": "COFFEE", "price_minor": 1},
        {"sku": "COFFEE", "barcode": "X", "price_minor": 1},
        {"sku": "COFFEE", "location_ids": [neighbour.location], "price_minor": 1},
        {"sku": "COFFEE", "price_minor": 1, "valid_from": "2026-02-01", "valid_to": "2026-01-01"},
        {"sku": "COFFEE", "price_minor": "1"},
        {"product_id": made["product_id"], "barcode": "04006381333931", "price_minor": 1},
    ]
    answer = await send(shop, b"\n".join(map(msgspec.json.encode, rows)), NDJSON, "/v1/prices/import")

    assert answer["created"] == 2
    assert [(row["line"], row["field"]) for row in answer["refused"]] == [
        (2, "sku"),
        (3, "product_id"),
        (4, "product_id"),
        (5, "barcode"),
        (6, "location_ids"),
        (7, "valid_from"),
        (8, "price_minor"),
    ]
