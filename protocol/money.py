"""Money in minor units: currencies, rounding half up, cash rounding, sharing out by largest remainder.

An amount is an integer in the currency's minor unit. Nothing here is a float: what is not whole is a `Fraction`, or a
numerator and a denominator, until it is rounded once. Contract, section 6.
"""

from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from math import lcm
from typing import Final

AMOUNT_MAX: Final = 10**12
"""The largest magnitude of an amount or a quantity that may stand in an event (contract, conventions)."""

PPM: Final = 1_000_000
"""Parts in a whole: 200_000 ppm are 20 %."""

_BY_EXPONENT: Final = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF "
    "CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD "
    "HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT "
    "MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR "
    "SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU "
    "UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}

CURRENCY_EXPONENTS: Final[dict[str, int]] = {
    code: exponent for exponent, codes in _BY_EXPONENT.items() for code in codes.split()
}
"""ISO 4217: how many digits of each currency's amount stand behind the decimal point."""


class UnknownCurrencyError(ValueError):
    """The code is not a currency of ISO 4217; use one such as EUR."""


def currency_exponent(code: str) -> int:
    """Digits behind the point of a currency's amounts; raises `UnknownCurrencyError`."""
    try:
        return CURRENCY_EXPONENTS[code]
    except KeyError:
        raise UnknownCurrencyError(f"{code!r} is not an ISO 4217 currency with a minor unit") from None


def round_half_up(numerator: int | Fraction, denominator: int = 1) -> int:
    """The nearest integer to numerator / denominator; halves go away from zero, so that −x is the mirror of x.

    The denominator is 1 or more.
    """
    if not isinstance(numerator, int):
        numerator, denominator = numerator.numerator, numerator.denominator * denominator
    if numerator < 0:
        return -((denominator - 2 * numerator) // (2 * denominator))
    return (2 * numerator + denominator) // (2 * denominator)


def percent_of(amount_minor: int, percent_ppm: int) -> int:
    """So many parts per million of an amount, rounded half up."""
    return round_half_up(amount_minor * percent_ppm, PPM)


def cash_rounding(cash_part_minor: int, unit_minor: int) -> int:
    """`rounding_minor`: what must be added to the cash part so that coins of `unit_minor` can pay it."""
    return round_half_up(cash_part_minor, unit_minor) * unit_minor - cash_part_minor


def share_out(amount: int, weights: Sequence[int | Fraction]) -> list[int]:
    """Shares of `amount` in proportion to `weights`, to the last unit, by the largest remainder.

    Each gets the floor of its quota; the units left go one each to the largest fractions, ties to the earlier weight.
    Where the weights sum to 0 all get 0. A negative amount is shared as the mirror of the positive one.
    """
    denominator = lcm(*[weight.denominator for weight in weights])
    return share_out_whole(amount, [weight.numerator * (denominator // weight.denominator) for weight in weights])


def share_out_whole(amount: int, weights: list[int]) -> list[int]:
    """`share_out` by whole weights alone, without the way through fractions."""
    total = sum(weights)
    if not amount or not total:
        return [0] * len(weights)
    if total < 0:
        weights, total = [-weight for weight in weights], -total
    if amount < 0:
        return [-share for share in _largest_remainder(-amount, weights, total)]
    return _largest_remainder(amount, weights, total)


def _largest_remainder(amount: int, weights: list[int], total: int) -> list[int]:
    shares = [amount * weight // total for weight in weights]
    left = amount - sum(shares)
    if left:
        short = [share * total - amount * weight for share, weight in zip(shares, weights, strict=True)]
        for index in sorted(range(len(short)), key=short.__getitem__)[:left]:
            shares[index] += 1
    return shares


@lru_cache(maxsize=16)
def ten_to(exponent: int) -> int:
    """10 to the power of `exponent`, which is 0 or more."""
    return int(10**exponent)


def scaled(digits: int, decimals: int, exponent: int) -> int:
    """The integer that a printed number with `decimals` digits behind its point is in units of 10^−exponent."""
    return round_half_up(digits * ten_to(exponent), ten_to(decimals))
