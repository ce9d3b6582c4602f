"""A report as JSON, CSV or Parquet, whichever the caller accepts."""

import csv
import io
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from central.http import NotAcceptable
from central.reporting.roll_ups import FIGURES
from central.reporting.sales_report import ReportRow

json_type: Final = "application/json"
csv_type: Final = "text/csv"
parquet_type: Final = "application/vnd.apache.parquet"

# What a spreadsheet would take for a formula; numbers are written as numbers and never begin so in a text column.
_formula_starts: Final = ("=", "+", "-", "@", "\t", "\r")
_texts: Final = frozenset({"category", "tax_code"})

_dates: Final = frozenset({"business_date"})
_integers: Final = frozenset({"hour", "rate_ppm", *FIGURES})


def as_json(rows: Sequence[ReportRow], columns: Sequence[str], currency: str) -> bytes:
    return msgspec.json.encode({"currency": currency, "rows": rows})


def as_csv(rows: Sequence[ReportRow], columns: Sequence[str], currency: str) -> bytes:
    """A header line, the columns in their order, null = empty; a text that looks like a formula is quoted."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(name, row[name]) for name in columns])
    return text.getvalue().encode()


def as_parquet(rows: Sequence[ReportRow], columns: Sequence[str], currency: str) -> bytes:
    """Ids as texts, dates as dates, figures as 64-bit integers; the currency in the file's metadata."""
    # Half a second and 60 MB that only those pay who ask for Parquet.
    import pyarrow as pa
    import pyarrow.parquet as pq

    def kind(name: str) -> pa.DataType:
        return pa.date32() if name in _dates else pa.int64() if name in _integers else pa.string()

    def values(name: str) -> list[Any]:
        found = [row[name] for row in rows]
        return found if name in _dates | _integers else [None if value is None else str(value) for value in found]

    schema = pa.schema([(name, kind(name)) for name in columns], metadata={"currency": currency})
    arrays = [pa.array(values(name), type=kind(name)) for name in columns]
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_arrays(arrays, schema=schema), sink, compression="zstd")
    return sink.getvalue()


Writer = Callable[[Sequence[ReportRow], Sequence[str], str], bytes]

WRITERS: Final[dict[str, Writer]] = {json_type: as_json, csv_type: as_csv, parquet_type: as_parquet}


def accepted(accept: str | None) -> str:
    """The media type that a caller likes best of those that a report can be had in. Raises `NotAcceptable`."""
    if not accept or not accept.strip():
        return json_type
    liked: dict[str, tuple[int, float]] = {}
    for part in accept.split(","):
        name, *parameters = [piece.strip().lower() for piece in part.split(";")]
        quality = _quality(parameters)
        for offered in WRITERS:
            closeness = _closeness(name, offered)
            if closeness and closeness >= liked.get(offered, (0, 0.0))[0]:
                liked[offered] = (closeness, quality)
    best = max(WRITERS, key=lambda offered: liked.get(offered, (0, 0.0))[1])
    if liked.get(best, (0, 0.0))[1] <= 0:
        raise NotAcceptable("a report is given as " + ", ".join(WRITERS))
    return best


def _closeness(name: str, offered: str) -> int:
    """3 for the type itself, 2 for its kind, 1 for anything, 0 for none."""
    if name == offered:
        return 3
    if name == offered.split("/")[0] + "/*":
        return 2
    return 1 if name == "*/*" else 0


def _quality(parameters: Sequence[str]) -> float:
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return min(1.0, max(0.0, float(parameter[2:])))
            except ValueError:
                return 0.0
    return 1.0


def _cell(name: str, value: Any) -> Any:
    if value is None:
        return ""
    if name in _texts and value.startswith(_formula_starts):
        return f"'{value}"
    return value
