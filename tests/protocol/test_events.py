"""The lines of a journal: what is written reads back, and what is no event is refused for a reason."""

import contextlib
import json
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.events import Line, LineTax, Sale, TaxRow, Tender, TillLog
from protocol.lines import (
    EnvelopeError,
    RawEnvelope,
    UnknownTypeError,
    UnreadableError,
    line_bytes_max,
    read_line,
    read_payload,
    write_line,
    write_time,
)

AT = datetime(2026, 11, 24, 12, 0, 0, 250_000, UTC)
TODAY = date(2026, 11, 24)
PREV = "a" * 64
COFFEE = Line(
    line=1,
    product_id=UUID(int=7),
    sku="COFFEE",
    name="Coffee “to go”",
    quantity_milli=2000,
    list_price_minor=350,
    unit_price_minor=350,
    gross_minor=700,
    net_minor=588,
    taxes=(LineTax("VAT", 190_000, 112),),
)
SALE = Sale(
    sale_id=UUID(int=1),
    receipt_number="A1-1",
    cashier_id=UUID(int=2),
    shift_id=UUID(int=3),
    currency="EUR",
    price_mode="tax_inclusive",
    lines=(COFFEE,),
    taxes=(TaxRow("VAT", 190_000, 588, 112),),
    net_minor=588,
    tax_minor=112,
    gross_minor=700,
    tenders=(Tender(method="CASH", amount_minor=700, tendered_minor=1000, change_minor=300),),
)


def line_of(payload: Any = SALE, sequence: int = 1) -> bytes:
    return write_line(sequence=sequence, prev=PREV, payload=payload, created_at=AT, business_date=TODAY)


def changed(**fields: Any) -> bytes:
    """The line of a sale with other fields in its envelope; `...` takes one out."""
    envelope = json.loads(line_of()) | fields
    return json.dumps({name: value for name, value in envelope.items() if value is not ...}).encode()


def sold(**fields: Any) -> RawEnvelope:
    """The envelope of a sale with other fields in its payload; `...` takes one out."""
    envelope = json.loads(line_of())
    payload = envelope["payload"] | fields
    envelope["payload"] = {name: value for name, value in payload.items() if value is not ...}
    return read_line(json.dumps(envelope).encode())


def test_a_sale_that_was_written_reads_back_as_it_was() -> None:
    event = read_payload(read_line(line_of()))

    assert event.payload == SALE
    assert event.created_at == AT
    assert event.business_date == TODAY


def test_the_envelope_stands_in_the_order_of_the_contract() -> None:
    assert list(json.loads(line_of())) == [
        "sequence",
        "prev",
        "type",
        "version",
        "created_at",
        "business_date",
        "payload",
    ]


def test_a_time_is_written_in_utc_to_the_millisecond() -> None:
    assert write_time(AT) == "2026-11-24T12:00:00.250Z"


@given(st.datetimes(datetime(2000, 1, 2), datetime(2099, 12, 30)), st.integers(-14 * 60, 14 * 60))  # noqa: DTZ001
def test_a_time_reads_back_to_the_millisecond_whatever_its_zone(naive: datetime, minutes: int) -> None:
    from datetime import timezone

    aware = naive.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    line = write_line(sequence=1, prev=PREV, payload=TillLog(kind="x"), created_at=aware, business_date=TODAY)

    assert abs(read_payload(read_line(line)).created_at - aware) < timedelta(milliseconds=1)


def test_a_line_that_central_would_not_take_is_not_written() -> None:
    with pytest.raises(ValueError, match="more than the 262,144"):
        line_of(TillLog(kind="x", data="y" * line_bytes_max))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        pytest.param(b"", "empty", id="an empty line"),
        pytest.param(b"  ", "empty", id="blanks alone"),
        pytest.param(b"\xef\xbb\xbf" + line_of(), "byte order mark", id="a byte order mark"),
        pytest.param(b"[]", "object", id="an array"),
        pytest.param(b"17", "object", id="a number"),
        pytest.param(b"{", "not JSON", id="half an object"),
        pytest.param(line_of()[:-1], "not JSON", id="a line cut short"),
        pytest.param(line_of() + b"}", "not JSON", id="something behind the object"),
        pytest.param(line_of().replace(b"COFFEE", b"\xff"), "UTF-8", id="bytes that are not UTF-8"),
        pytest.param(line_of()[:-1] + b',"x":NaN}', "NaN", id="not a number"),
        pytest.param(line_of()[:-1] + b',"sequence":2}', "twice", id="a key twice"),
        pytest.param(line_of().replace(b'"line":1', b'"line":1,"line":2'), "twice", id="a key twice inside"),
        pytest.param(line_of()[:-1] + b',"x":' + b"[" * 32 + b"]" * 32 + b"}", "deeper", id="nested 33 deep"),
        pytest.param(line_of()[:-1] + b',"x":' + b"[" * 9999 + b"]" * 9999 + b"}", "deeper", id="nested 10,000 deep"),
        pytest.param(changed(sequence=0), "sequence", id="sequence 0"),
        pytest.param(changed(sequence=1.0), "sequence", id="a sequence with a fraction"),
        pytest.param(changed(sequence=True), "sequence", id="a sequence of true"),
        pytest.param(changed(sequence=2**53), "sequence", id="a sequence past 2^53 - 1"),
        pytest.param(changed(sequence=...), "sequence", id="no sequence"),
        pytest.param(changed(prev="A" * 64), "prev", id="prev in capitals"),
        pytest.param(changed(prev="a" * 63), "prev", id="a short prev"),
        pytest.param(changed(prev="a" * 64 + "\n"), "prev", id="prev with a newline"),
        pytest.param(changed(type="sale"), "type", id="a type in small letters"),
        pytest.param(changed(type="A" * 65), "type", id="a type of 65 letters"),
        pytest.param(changed(type="SALE\n"), "type", id="a type with a newline"),
        pytest.param(changed(version="1"), "version", id="a version in quotes"),
        pytest.param(changed(created_at=5), "created_at", id="a time that is a number"),
        pytest.param(changed(business_date=None), "business_date", id="no date"),
        pytest.param(changed(payload=...), "payload", id="no payload"),
        pytest.param(changed(payload=[]), "payload", id="a payload that is no object"),
        pytest.param(changed(clock_offset_ms="1"), "clock_offset_ms", id="an offset in quotes"),
    ],
)
def test_a_line_that_is_no_event_is_refused_and_says_why(line: bytes, reason: str) -> None:
    with pytest.raises(EnvelopeError) as refusal:
        read_line(line)

    assert reason in refusal.value.reason


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(b" " + line_of() + b"\r", id="white space around it"),
        pytest.param(changed(), id="blanks between"),
        pytest.param(changed(note="ünïcode", more={"deep": [1.5, 1e300, None, "😀"]}), id="more fields"),
        pytest.param(line_of()[:-1] + b',"x":' + b"[" * 31 + b"]" * 31 + b"}", id="nested 32 deep"),
        pytest.param(line_of().replace(b"COFFEE", b"[{[{[{"), id="brackets inside a text"),
    ],
)
def test_a_line_may_be_written_in_any_way_that_json_allows(line: bytes) -> None:
    assert read_payload(read_line(line)).type == "SALE"


@given(st.binary(max_size=300))
def test_any_bytes_are_an_event_or_refused(line: bytes) -> None:
    try:
        envelope = read_line(line)
    except EnvelopeError:
        return
    assert envelope.sequence >= 1


@given(st.data())
def test_a_line_with_any_byte_changed_is_read_or_refused_and_never_breaks(data: st.DataObject) -> None:
    line = bytearray(line_of())
    line[data.draw(st.integers(0, len(line) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(EnvelopeError, UnknownTypeError, UnreadableError):
        assert read_payload(read_line(bytes(line))).sequence >= 1


def test_a_type_or_version_of_a_newer_till_is_unknown_not_unreadable() -> None:
    with pytest.raises(UnknownTypeError):
        read_payload(read_line(changed(type="DELIVERY")))
    with pytest.raises(UnknownTypeError):
        read_payload(read_line(changed(version=2)))


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"lines": ...}, id="without lines"),
        pytest.param({"gross_minor": "700"}, id="an amount in quotes"),
        pytest.param({"gross_minor": 700.0}, id="an amount with a fraction"),
        pytest.param({"gross_minor": 10**12 + 1}, id="an amount past 10^12"),
        pytest.param({"sale_id": "17"}, id="an id that is none"),
        pytest.param({"price_mode": "tax_free"}, id="an unknown price mode"),
        pytest.param({"tenders": [{"method": "SHELLS", "amount_minor": 700}]}, id="an unknown method"),
        pytest.param({"receipt_number": "A1-\0"}, id="U+0000"),
        pytest.param({"note": {"deep": ["\ud800"]}}, id="half a surrogate pair in a field that nobody knows"),
        pytest.param({"lines": [json.loads(line_of())["payload"]["lines"][0]] * 2}, id="two lines with one number"),
    ],
)
def test_a_sale_that_cannot_be_read_is_unreadable(fields: dict[str, Any]) -> None:
    with pytest.raises(UnreadableError):
        read_payload(sold(**fields))


@pytest.mark.parametrize(
    "time", ["2026-11-24", "2026-11-24T12:00:00", "2026-11-24T12:00:00+01:00", "1999-12-31T23:59:59Z", "tomorrow", ""]
)
def test_a_time_that_is_not_utc_of_this_century_is_unreadable(time: str) -> None:
    with pytest.raises(UnreadableError, match="created_at"):
        read_payload(read_line(changed(created_at=time)))


@pytest.mark.parametrize("day", ["2026-02-30", "20261124", "2026-W48-2", "1999-12-31", "2100-01-01", "24.11.2026"])
def test_a_date_that_is_none_of_this_century_is_unreadable(day: str) -> None:
    with pytest.raises(UnreadableError, match="business_date"):
        read_payload(read_line(changed(business_date=day)))


def test_fields_of_a_newer_version_are_passed_over() -> None:
    assert read_payload(sold(fiscal={"signature": "x"}, loyalty=[1, 2])).payload == SALE
