"""Which form of a report a caller gets, and what is in it."""

import io
from datetime import date
from uuid import UUID

import pyarrow.parquet as pq
import pytest

from central.http import NotAcceptable
from central.reporting.exports import accepted, as_csv, as_parquet
from central.reporting.roll_ups import FIGURES
from tests.trade import DAY, id_of

COLUMNS = ("business_date", "product_id", "category", *FIGURES)
ROW = {"business_date": DAY, "product_id": None, "category": "=cmd()", **dict.fromkeys(FIGURES, -5)}


@pytest.mark.parametrize(
    ("accept", "given"),
    [
        (None, "application/json"),
        ("*/*", "application/json"),
        ("text/csv", "text/csv"),
        ("text/*", "text/csv"),
        ("application/vnd.apache.parquet", "application/vnd.apache.parquet"),
        ("text/csv;q=0.5, application/json;q=0.4", "text/csv"),
        ("application/json;q=0, */*", "text/csv"),
        ("text/html, */*;q=0.1", "application/json"),
    ],
)
def test_the_form_that_is_liked_best(accept: str | None, given: str) -> None:
    assert accepted(accept) == given


@pytest.mark.parametrize("accept", ["text/html", "application/json;q=0", "image/*"])
def test_a_form_that_there_is_not(accept: str) -> None:
    with pytest.raises(NotAcceptable):
        accepted(accept)


def test_csv_has_a_header_and_disarms_formulas() -> None:
    """Null is empty; a text that a spreadsheet would run is quoted, a negative figure is not."""
    header, row, end = as_csv([ROW], COLUMNS, "EUR").decode().split("\r\n")

    assert header.split(",")[:4] == ["business_date", "product_id", "category", "sales_count"]
    assert row.split(",")[:4] == ["2026-11-24", "", "'=cmd()", "-5"]
    assert end == ""


def test_parquet_keeps_types_and_currency() -> None:
    table = pq.read_table(io.BytesIO(as_parquet([{**ROW, "product_id": id_of("WINE")}], COLUMNS, "EUR")))

    assert table.schema.metadata[b"currency"] == b"EUR"
    (row,) = table.to_pylist()
    assert (row["business_date"], UUID(row["product_id"]), row["category"]) == (DAY, id_of("WINE"), "=cmd()")
    assert isinstance(row["business_date"], date)
    assert row["sales_count"] == -5
