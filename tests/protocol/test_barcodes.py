"""What a scanner reads becomes an item, a price, a weight, or an error with a reason; never anything else."""

from datetime import date

import pytest
from biip.gtin import Gtin
from biip.upc import Upc
from hypothesis import example, given
from hypothesis import strategies as st
from stdnum import ean

from protocol.barcodes import (
    BARCODE_BYTES_MAX,
    Barcode,
    BarcodeError,
    InStoreBarcode,
    canonical_barcode,
    expand_upc_e,
    is_gtin,
    read_barcode,
)

GS = "\x1d"
PRICED = InStoreBarcode("21", "price", item_digits=5, value_digits=5, decimals=2)
WEIGHED = InStoreBarcode("28", "weight", item_digits=5, value_digits=5, decimals=3)
PRICED_WITH_ITS_OWN_CHECK_DIGIT = InStoreBarcode("23", "price", item_digits=5, value_digits=4, decimals=2)
PRICED_UPC = InStoreBarcode("2", "price", item_digits=5, value_digits=4, decimals=2)
SETTINGS = (PRICED, WEIGHED, PRICED_WITH_ITS_OWN_CHECK_DIGIT, PRICED_UPC)


def checked(payload: str) -> str:
    """The digits and their check digit."""
    return payload + str(ean.calc_check_digit(payload))


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("4006381333931", "04006381333931"),
        ("036000291452", "00036000291452"),
        ("0036000291452", "00036000291452"),
        ("00036000291452", "00036000291452"),
        ("96385074", "00000096385074"),
        ("14006381333938", "14006381333938"),
        ("04252614", "00042100005264"),
        ("]E04006381333931", "04006381333931"),
        ("]E496385074", "00000096385074"),
        ("]E004252614", "00042100005264"),
        ("4006381333931\r\n", "04006381333931"),
    ],
)
def test_a_gtin_is_looked_up_by_its_14_digits(text: str, key: str) -> None:
    found = read_barcode(text)

    assert (found.kind, found.lookup_keys) == ("gtin", (key,))


def test_an_aim_identifier_may_be_split_off_already() -> None:
    assert read_barcode("4006381333931", aim_identifier="]E0") == read_barcode("]E04006381333931")


def test_a_upc_a_and_its_ean_13_find_each_other() -> None:
    assert canonical_barcode("036000291452") == canonical_barcode("0036000291452")


@pytest.mark.parametrize(
    ("reading", "reason"),
    [
        ("", "empty"),
        ("\r\n", "empty"),
        ("]E0", "empty"),
        ("x" * (BARCODE_BYTES_MAX + 1), "too-long"),
        ("é" * (BARCODE_BYTES_MAX // 2 + 1), "too-long"),
        ("a\x07b", "unprintable"),
        ("a\ud800b", "unprintable"),
        ("]E04006381333932", "check-digit"),
        ("]E0abc", "not-digits"),
        ("]C1ABC", "unreadable-gs1"),
        ("]C100123456789012345675", "no-item"),
        ("]C10104006381333932", "check-digit"),
        ("]d2" + "17261231", "no-item"),
    ],
)
def test_what_names_nothing_is_refused_with_a_reason(reading: str, reason: str) -> None:
    with pytest.raises(BarcodeError) as refused:
        read_barcode(reading)

    assert refused.value.reason == reason


@pytest.mark.parametrize("text", ["COFFEE-1", "1234", "4006381333932", "Größe 40", "http://shop.example/x", "x" * 512])
def test_any_other_printable_text_is_a_code_of_the_shops_own(text: str) -> None:
    assert read_barcode(text) == Barcode("code", text, (text,))


def test_a_price_inside_is_read_by_the_setting_of_its_prefix() -> None:
    found = read_barcode(checked("211234501999"), in_store=SETTINGS)

    assert (found.kind, found.price_minor, found.quantity_milli) == ("in_store", 1_999, None)
    assert found.lookup_keys == ("0" + checked("211234500000"), "2112345000000", "2112345", "12345")


def test_a_weight_inside_is_in_thousandths_of_a_kilogram() -> None:
    found = read_barcode(checked("285432101250"), in_store=SETTINGS)

    assert (found.quantity_milli, found.price_minor, found.lookup_keys[-1]) == (1_250, None, "54321")


def test_a_check_digit_of_the_price_is_passed_over() -> None:
    found = read_barcode(checked("231234571999"), in_store=SETTINGS)

    assert (found.price_minor, found.lookup_keys[-1]) == (1_999, "12345")


@pytest.mark.parametrize("zero", ["", "0"])
def test_a_upc_a_with_a_price_inside_reads_alike_as_12_and_13_digits(zero: str) -> None:
    found = read_barcode(zero + checked("21234571999"), in_store=[PRICED_UPC])

    assert (found.price_minor, found.lookup_keys[-1]) == (1_999, "12345")


def test_a_price_inside_is_in_the_currencys_minor_unit() -> None:
    reading = checked("211234501999")

    assert read_barcode(reading, in_store=SETTINGS, currency_exponent=3).price_minor == 19_990
    assert read_barcode(reading, in_store=SETTINGS, currency_exponent=0).price_minor == 20


def test_a_shops_own_barcode_without_a_setting_is_a_gtin_like_any_other() -> None:
    assert read_barcode(checked("211234501999")).kind == "gtin"


@pytest.mark.parametrize("aim", ["]C1", "]e0", "]d2", "]Q3", ""])
def test_gs1_element_strings_name_item_lot_expiry_serial_weight_and_price(aim: str) -> None:
    found = read_barcode(f"{aim}0109501101530003" + f"10LOT-7{GS}17261231" + f"21S1{GS}3103001250" + "3922001999")

    assert (found.kind, found.lookup_keys) == ("gs1", ("09501101530003",))
    assert (found.lot, found.expires, found.serial) == ("LOT-7", date(2026, 12, 31), "S1")
    assert (found.quantity_milli, found.price_minor) == (1_250, 1_999)


@pytest.mark.parametrize(
    ("elements", "currency", "price", "quantity"),
    [
        ("3922001999", None, 1_999, None),
        ("392119990", None, 199_900, None),
        ("39329780001999", "EUR", 1_999, None),
        ("39328400001999", "EUR", None, None),
        ("3101000125", None, None, 12_500),
        ("3105005000", None, None, 50),
        ("3012", None, None, 12_000),
    ],
)
def test_decimals_stand_in_the_identifier(
    elements: str, currency: str | None, price: int | None, quantity: int | None
) -> None:
    found = read_barcode(f"]e00109501101530003{elements}", currency=currency)

    assert (found.price_minor, found.quantity_milli) == (price, quantity)


@pytest.mark.parametrize(
    ("digits", "expires"),
    [
        ("261231", date(2026, 12, 31)),
        ("280200", date(2028, 2, 29)),
        ("990101", date(2099, 1, 1)),
        ("000000", None),
        ("260230", None),
    ],
)
def test_an_expiry_lies_in_this_century_and_day_00_is_the_months_last(digits: str, expires: date | None) -> None:
    assert read_barcode(f"]d2010950110153000317{digits}").expires == expires


def test_element_strings_without_any_mark_are_found_by_their_gtin() -> None:
    found = read_barcode("010950110153000310LOT")

    assert (found.kind, found.lookup_keys, found.lot) == ("gs1", ("09501101530003",), "LOT")


def test_a_digital_link_names_its_item() -> None:
    found = read_barcode("https://id.gs1.org/01/614141123452/10/ABC1/21/12345?17=261231")

    assert (found.kind, found.lookup_keys) == ("gs1", ("00614141123452",))
    assert (found.lot, found.serial, found.expires) == ("ABC1", "12345", date(2026, 12, 31))


@given(st.from_regex(r"[01][0-9]{6}", fullmatch=True))
def test_a_upc_e_expands_as_biip_expands_it(payload: str) -> None:
    for check in "0123456789":
        expanded = expand_upc_e(payload + check)
        if expanded is not None:
            assert expanded == Upc.parse(payload + check).as_upc_a()


@given(st.from_regex(r"[0-9]{7}|[0-9]{11,13}", fullmatch=True))
def test_a_gtin_has_one_right_check_digit_and_biip_agrees(payload: str) -> None:
    gtin = checked(payload)

    assert [is_gtin(payload + check) for check in "0123456789"].count(True) == 1
    assert canonical_barcode(gtin) == Gtin.parse(gtin).as_gtin_14()


readings = (
    st.text(max_size=40)
    | st.text("0123456789", max_size=30)
    | st.text("0123456789]C1d2eE" + GS + "\x00()/:.htpslx-", max_size=60)
    | st.builds(
        "".join,
        st.lists(
            st.sampled_from(
                ["]C1", "]d2", "]E0", GS, "01", "09501101530003", "10", "AB", "17", "261231", "3922", "3103", "000100"]
            )
            | st.sampled_from(["https://", "id.gs1.org/", "/", "?", "=", "٣", "30", "[", "%2F", "8003", "7003"]),
            max_size=12,
        ),
    )
)
settings_made = st.lists(
    st.builds(
        InStoreBarcode,
        st.sampled_from(["", "2", "20", "21", "02"]),
        st.sampled_from(["price", "weight"]),
        st.integers(-1, 13),
        st.integers(-1, 13),
        st.integers(-1, 6),
    ),
    max_size=3,
)


@given(readings, st.sampled_from([None, "]C1", "]E0", "nonsense"]), settings_made)
@example("https://[", None, [])
@example("]C1" + GS, None, [])
@example("]C130", None, [])
def test_any_reading_is_a_barcode_or_a_barcode_error(
    reading: str, aim_identifier: str | None, in_store: list[InStoreBarcode]
) -> None:
    try:
        found = read_barcode(reading, aim_identifier=aim_identifier, in_store=in_store, currency="EUR")
    except BarcodeError:
        return

    assert found.lookup_keys
    assert all(0 < len(key.encode()) <= BARCODE_BYTES_MAX for key in found.lookup_keys)
    assert (found.price_minor or 0) >= 0
    assert (found.quantity_milli or 0) >= 0


@given(readings)
def test_a_canonical_barcode_is_its_own_canonical_form(reading: str) -> None:
    try:
        canonical = canonical_barcode(reading)
    except BarcodeError:
        return

    assert canonical_barcode(canonical) == canonical
