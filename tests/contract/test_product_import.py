"""Section 2 and 12: products imported from CSV and NDJSON; good rows are kept, refused ones named."""

import json
from typing import Any

from tests.contract.independent_shop import Tenant, ean13, fresh


def imported(tenant: Tenant, body: bytes, content_type: str) -> dict[str, Any]:
    answer: dict[str, Any] = tenant.owner.call("POST", "/v1/products/import", body, {"Content-Type": content_type}).ok()
    return answer


def test_a_csv_is_imported_by_sku_and_good_rows_are_kept(tenant: Tenant) -> None:
    group = fresh("G")[:14]
    tenant.tax_group({"code": "VAT", "rate_ppm": 200_000}, code=group)
    skus = [fresh("S") for _ in range(3)]
    codes = [ean13(), ean13()]
    lines = [
        "sku,name,unit,price_minor,tax_group,barcodes,category",
        f'{skus[0]},"Milk, 1 l",C62,129,{group},{codes[0]} {codes[1]},dairy',
        f"{skus[1]},Bad price,C62,1.5,{group},,",
        f"{skus[1]},Bad unit,BUCKET,100,{group},,",
        f"{skus[2]},Egg,C62,30,{group},,",
        f"{fresh('S')},No group,C62,30,nowhere,,",
    ]
    first = imported(tenant, "\r\n".join(lines).encode(), "text/csv")
    again = imported(tenant, "\n".join(lines[:2]).encode(), "text/csv")
    changed = imported(tenant, "\n".join([lines[0], lines[1].replace("129", "139")]).encode(), "text/csv")

    assert (first["created"], first["changed"], first["unchanged"]) == (2, 0, 0)
    assert [(row["line"], row["field"]) for row in first["refused"]] == [
        (3, "price_minor"),
        (4, "unit"),
        (6, "tax_group"),
    ]
    assert all(row["reason"] for row in first["refused"])
    assert (again["created"], again["changed"], again["unchanged"]) == (0, 0, 1)
    assert (changed["created"], changed["changed"], changed["unchanged"]) == (0, 1, 0)


def test_an_ndjson_is_imported_and_its_lines_count_from_1(tenant: Tenant) -> None:
    group = fresh("G")[:14]
    group_id = tenant.tax_group({"code": "VAT", "rate_ppm": 200_000}, code=group)
    row = {"name": "Milk", "unit": "C62", "price_minor": 129, "tax_group": group, "barcodes": [ean13()]}
    rows = [
        json.dumps({**row, "sku": fresh("S")}).encode(),
        b"no JSON",
        json.dumps({**row, "sku": fresh("S")}).encode(),
    ]
    other = {**row, "barcodes": [ean13()], "sku": fresh("S")}
    del other["tax_group"]
    rows.append(json.dumps({**other, "tax_group_id": group_id}).encode())

    answer = imported(tenant, b"\n".join(rows), "application/x-ndjson")

    assert answer["created"] == 2
    assert [(one["line"]) for one in answer["refused"]] == [2, 3]
    assert answer["refused"][1]["field"].startswith("barcode")


def test_another_type_of_import_is_unsupported(tenant: Tenant) -> None:
    answer = tenant.owner.call("POST", "/v1/products/import", b"<xml/>", {"Content-Type": "application/xml"})

    assert answer.refusal == (415, "unsupported-media-type")
