"""GS1 element strings and Digital Links, reduced to what a sale needs of them.

biip takes them apart; whatever it raises on a reading that it was not made for comes out as `UnreadableGs1Error`.
"""

from calendar import monthrange
from collections.abc import Iterable
from datetime import date
from typing import Final

import msgspec
from biip import ParseConfig
from biip.gs1_digital_link_uris import GS1DigitalLinkURI
from biip.gs1_element_strings import GS1ElementString
from biip.gs1_messages import GS1Message

from protocol.money import scaled

_CONFIG: Final = ParseConfig(gs1_element_strings_verify_date=False)  # biip's dates go by today's clock; ours don't
_GROUP_SEPARATOR: Final = "\x1d"
_PRICE: Final = "392"
_PRICE_IN_CURRENCY: Final = "393"
_NET_WEIGHT_KG: Final = "310"

ISO_4217_NUMBERS: Final = {
    "AUD": "036", "BRL": "986", "CAD": "124", "CHF": "756", "CNY": "156", "CZK": "203", "DKK": "208", "EUR": "978",
    "GBP": "826", "HUF": "348", "INR": "356", "JPY": "392", "KWD": "414", "MXN": "484", "NOK": "578", "NZD": "554",
    "PLN": "985", "RON": "946", "SEK": "752", "TRY": "949", "USD": "840", "ZAR": "710",
}  # fmt: skip
"""The numbers of the currencies whose prices (393n) are understood; another's price is left to the list price."""


class UnreadableGs1Error(ValueError):
    """The text is no sequence of GS1 element strings, and no Digital Link."""


class Gs1Message(msgspec.Struct, frozen=True):
    """What a message says of one item: the GTIN as it stands under 01, its check digit not looked at yet."""

    gtin: str | None
    price_minor: int | None = None
    quantity_milli: int | None = None
    lot: str | None = None
    expires: date | None = None
    serial: str | None = None


def read_element_strings(text: str, currency: str | None, currency_exponent: int) -> Gs1Message:
    """A message as a GS1-128, GS1 DataMatrix or GS1 DataBar holds it, FNC1 read as GS; raises `UnreadableGs1Error`."""
    try:
        elements = GS1Message.parse(text.strip(_GROUP_SEPARATOR), config=_CONFIG).element_strings
        return _message(elements, currency, currency_exponent)
    except Exception as error:
        raise UnreadableGs1Error(f"{text!a} are no GS1 element strings") from error


def read_digital_link(text: str, currency: str | None, currency_exponent: int) -> Gs1Message:
    """A GS1 Digital Link, `https://…/01/<GTIN>…`; raises `UnreadableGs1Error`."""
    try:
        elements = GS1DigitalLinkURI.parse(text, config=_CONFIG).element_strings
        return _message(elements, currency, currency_exponent)
    except Exception as error:
        raise UnreadableGs1Error(f"{text!a} is no GS1 Digital Link") from error


def _message(elements: Iterable[GS1ElementString], currency: str | None, currency_exponent: int) -> Gs1Message:
    by_identifier = {element.ai.ai: element for element in elements if element.value}
    values = {identifier: element.value for identifier, element in by_identifier.items()}
    return Gs1Message(
        gtin=values.get("01"),
        price_minor=_price(by_identifier, currency, currency_exponent),
        quantity_milli=_quantity(values),
        lot=values.get("10"),
        expires=_expiry(values),
        serial=values.get("21"),
    )


def _price(by_identifier: dict[str, GS1ElementString], currency: str | None, currency_exponent: int) -> int | None:
    """The item's price, its decimals in the identifier's last digit; one in another currency is none."""
    for identifier, element in by_identifier.items():
        groups = element.pattern_groups
        if identifier.startswith(_PRICE):
            return scaled(int(groups[-1]), int(identifier[3]), currency_exponent)
        in_ours = currency is not None and ISO_4217_NUMBERS.get(currency) == groups[0]
        if identifier.startswith(_PRICE_IN_CURRENCY) and in_ours:
            return scaled(int(groups[-1]), int(identifier[3]), currency_exponent)
    return None


def _expiry(values: dict[str, str]) -> date | None:
    """YYMMDD in 2000 to 2099, day 00 the month's last; null where there is none, or it is no date."""
    digits = values.get("17", "")
    try:
        year, month, day = 2_000 + int(digits[:2]), int(digits[2:4]), int(digits[4:])
        return date(year, month, day or monthrange(year, month)[1])
    except ValueError:
        return None


def _quantity(values: dict[str, str]) -> int | None:
    """Kilograms (310n), else a count of pieces (30), in thousandths."""
    for identifier, value in values.items():
        if identifier.startswith(_NET_WEIGHT_KG):
            return scaled(int(value), int(identifier[3]), 3)
    return int(values["30"]) * 1_000 if "30" in values else None
