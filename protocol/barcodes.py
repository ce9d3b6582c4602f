"""What a scanner read: GTIN, restricted circulation (price or weight inside), GS1 element strings, plain codes.

`read_barcode` is total: any text gives a `Barcode` or raises `BarcodeError` with a reason, and nothing else. A GTIN is
looked up by its 14 digits, so that a UPC-A and its EAN-13 with the leading 0 find each other; catalogues keep their
barcodes in that form too (`canonical_barcode`).

The digits of a barcode with a price or weight inside are `prefix`, item reference, value, check digit, as the setting
`in_store_barcodes` says (contract, section 2). Where they leave one digit over, it is the check digit of the value,
between item and value; how it is reckoned differs by country, and the barcode's own check digit covers it, so it is
passed over.
"""

import re
from collections.abc import Sequence
from datetime import date
from typing import Final, Literal

import msgspec
from stdnum import ean

from protocol.gs1_messages import Gs1Message, UnreadableGs1Error, read_digital_link, read_element_strings
from protocol.money import scaled

BARCODE_BYTES_MAX: Final = 512
"""The longest code, in UTF-8, that a scanner's reading or a catalogue may hold."""

BarcodeKind = Literal["gtin", "in_store", "gs1", "code"]
Reason = Literal["empty", "too-long", "unprintable", "check-digit", "not-digits", "unreadable-gs1", "no-item"]

_AIM_IDENTIFIER: Final = re.compile(r"\][A-Za-z][0-9A-Za-z]")
_AIM_OF_GS1: Final = frozenset({"]C1", "]e0", "]e1", "]e2", "]d2", "]Q3", "]J1"})
_AIM_OF_EAN: Final = frozenset({"]E0", "]E3", "]E4"})
_GROUP_SEPARATOR: Final = "\x1d"
_GTIN_LENGTHS: Final = frozenset({8, 12, 13, 14})
_LINE_ENDS: Final = "\r\n\t \x00\x02\x03"
_MARKED_AS_GS1: Final = re.compile(r"01[0-9]{14}[0-9]")


class BarcodeError(ValueError):
    """What was read names nothing that could be sold; scan it again or type its number."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason: Reason = reason


class InStoreBarcode(msgspec.Struct, frozen=True):
    """One of the setting `in_store_barcodes`: how a shop's own barcodes carry a price or a weight.

    `decimals` is how many of the value's digits stand behind its point: 2 for cents, 3 for grams.
    """

    prefix: str
    value: Literal["price", "weight"]
    item_digits: int
    value_digits: int
    decimals: int


class Barcode(msgspec.Struct, frozen=True):
    """What a barcode says. `lookup_keys` are the catalogue's forms of it, the likeliest first.

    `price_minor` and `quantity_milli` are null where the barcode does not hold them; `text` is what was read, without
    the scanner's marks.
    """

    kind: BarcodeKind
    text: str
    lookup_keys: tuple[str, ...]
    price_minor: int | None = None
    quantity_milli: int | None = None
    lot: str | None = None
    expires: date | None = None
    serial: str | None = None


def read_barcode(
    reading: str,
    *,
    aim_identifier: str | None = None,
    in_store: Sequence[InStoreBarcode] = (),
    currency: str | None = None,
    currency_exponent: int = 2,
) -> Barcode:
    """What a scanner's reading means; the AIM identifier (`]E0`) may stand before it, or beside it, or nowhere.

    Raises `BarcodeError`. A price in another currency than `currency` is not taken for one.
    """
    aim_identifier, text = _without_marks(reading, aim_identifier)
    by_gs1 = aim_identifier in _AIM_OF_GS1
    if by_gs1 or _GROUP_SEPARATOR in text:
        return _of_gs1(text, _element_strings(text, currency, currency_exponent))
    _refuse_unprintable(text)
    if text.isascii() and text.isdigit():
        found = _read_digits(text, aim_identifier, in_store, currency_exponent)
        if found is not None:
            return found
    elif aim_identifier in _AIM_OF_EAN:
        raise BarcodeError("not-digits", f"{text!r} came as an EAN or UPC, but is not of digits alone")
    return _read_unmarked(text, currency, currency_exponent)


def canonical_barcode(text: str) -> str:
    """The form in which a catalogue keeps a barcode, and finds it; raises `BarcodeError`.

    A GTIN of any length becomes its 14 digits, also one within element strings or a Digital Link; any other code stays.
    """
    return read_barcode(text).lookup_keys[0]


def is_gtin(digits: str) -> bool:
    """Whether the text is a GTIN of 8, 12, 13 or 14 digits with a right check digit."""
    return digits.isascii() and digits.isdigit() and len(digits) in _GTIN_LENGTHS and _check_digit_is_right(digits)


def expand_upc_e(digits: str) -> str | None:
    """The UPC-A of a UPC-E of 8 digits, whose first is 0 or 1; null where it is none, or its check digit is wrong."""
    if len(digits) != 8 or not (digits.isascii() and digits.isdigit()) or digits[0] not in "01":
        return None
    body, last, check = digits[:6], digits[6], digits[7]
    if last in "012":
        expanded = body[:3] + last + "0000" + body[3:]
    elif last == "3":
        expanded = body[:4] + "00000" + body[4:]
    elif last == "4":
        expanded = body[:5] + "00000" + body[5:]
    else:
        expanded = body + "0000" + last
    return expanded + check if _check_digit_is_right(expanded + check) else None


def _check_digit_is_right(digits: str) -> bool:
    return bool(ean.calc_check_digit(digits[:-1]) == digits[-1])


def _without_marks(reading: str, aim_identifier: str | None) -> tuple[str | None, str]:
    text = reading.strip(_LINE_ENDS)
    if not text:
        raise BarcodeError("empty", "nothing was read")
    if len(text.encode("utf-8", "surrogatepass")) > BARCODE_BYTES_MAX:
        raise BarcodeError("too-long", f"a code holds {BARCODE_BYTES_MAX} bytes at most")
    if aim_identifier is None and _AIM_IDENTIFIER.match(text):
        aim_identifier, text = text[:3], text[3:].strip(_LINE_ENDS)
        if not text:
            raise BarcodeError("empty", "nothing was read but the kind of barcode")
    return aim_identifier, text


def _refuse_unprintable(text: str) -> None:
    if not text.isprintable():
        raise BarcodeError("unprintable", f"{text!a} holds characters that cannot be printed")


def _read_digits(
    text: str, aim_identifier: str | None, in_store: Sequence[InStoreBarcode], currency_exponent: int
) -> Barcode | None:
    """A GTIN or a shop's own barcode; null where the digits are neither."""
    if aim_identifier == "]E0" and len(text) == 8:
        expanded = expand_upc_e(text)
        if expanded is not None:
            return _of_gtin(text, expanded)
    if is_gtin(text):
        return _read_in_store(text, in_store, currency_exponent) or _of_gtin(text, text)
    expanded = expand_upc_e(text)
    if expanded is not None:
        return _of_gtin(text, expanded)
    if aim_identifier in _AIM_OF_EAN:
        raise BarcodeError("check-digit", f"{text} came as an EAN or UPC, but its check digit is wrong")
    return None


def _of_gtin(text: str, gtin: str) -> Barcode:
    return Barcode("gtin", text, (gtin.zfill(14),))


def _read_in_store(text: str, in_store: Sequence[InStoreBarcode], currency_exponent: int) -> Barcode | None:
    """The reading by the setting with the longest prefix that fits one of the GTIN's lengths."""
    forms = [text]
    if len(text) == 12:
        forms.append("0" + text)
    elif len(text) == 13 and text[0] == "0":
        forms.append(text[1:])
    for setting in sorted(in_store, key=lambda of: -len(of.prefix)):
        for digits in forms:
            found = _by_setting(text, digits, setting, currency_exponent)
            if found is not None:
                return found
    return None


def _by_setting(text: str, digits: str, setting: InStoreBarcode, currency_exponent: int) -> Barcode | None:
    start, stop = len(setting.prefix), len(setting.prefix) + setting.item_digits
    over = len(digits) - 1 - stop - setting.value_digits
    sensible = setting.item_digits >= 1 and setting.value_digits >= 1 and setting.decimals >= 0
    if not sensible or over not in (0, 1) or not digits.startswith(setting.prefix):
        return None
    value = int(digits[stop + over : -1])
    weighed = setting.value == "weight"
    return Barcode(
        "in_store",
        text,
        (*_without_value(digits, stop), digits[start:stop]),
        price_minor=None if weighed else scaled(value, setting.decimals, currency_exponent),
        quantity_milli=scaled(value, setting.decimals, 3) if weighed else None,
    )


def _without_value(digits: str, stop: int) -> tuple[str, str, str]:
    """How catalogues name such goods: with zeros for the value (and a 0 for the check digit), or without it."""
    payload = digits[:stop].ljust(len(digits) - 1, "0")
    return (payload + ean.calc_check_digit(payload)).zfill(14), payload + "0", digits[:stop]


def _element_strings(text: str, currency: str | None, currency_exponent: int) -> Gs1Message:
    try:
        return read_element_strings(text, currency, currency_exponent)
    except UnreadableGs1Error as error:
        raise BarcodeError("unreadable-gs1", str(error)) from error


def _of_gs1(text: str, message: Gs1Message) -> Barcode:
    if message.gtin is None:
        raise BarcodeError("no-item", "the barcode names no item (no GTIN under 01), perhaps a pallet or a place")
    if not is_gtin(message.gtin):
        raise BarcodeError("check-digit", f"the GTIN {message.gtin} has a wrong check digit")
    return Barcode(
        "gs1",
        text,
        (message.gtin.zfill(14),),
        price_minor=message.price_minor,
        quantity_milli=message.quantity_milli,
        lot=message.lot,
        expires=message.expires,
        serial=message.serial,
    )


def _read_unmarked(text: str, currency: str | None, currency_exponent: int) -> Barcode:
    """A Digital Link, element strings whose scanner took the marks off, else a code of the shop's own."""
    try:
        message = None
        if text[:8].lower().startswith(("http://", "https://")):
            message = read_digital_link(text, currency, currency_exponent)
        elif _MARKED_AS_GS1.match(text) and is_gtin(text[2:16]):
            message = read_element_strings(text, currency, currency_exponent)
    except UnreadableGs1Error:
        message = None
    if message is not None and message.gtin is not None and is_gtin(message.gtin):
        return _of_gs1(text, message)
    return Barcode("code", text, (text,))
