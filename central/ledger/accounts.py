"""The accounts of a tenant's ledger and the names they go by."""

from functools import lru_cache
from hashlib import sha256
from typing import Final

from protocol.events import Method

cash: Final = "cash"
cash_over_short: Final = "cash_over_short"
cash_rounding: Final = "cash_rounding"
cash_transfer: Final = "cash_transfer"
sales_returns: Final = "sales_returns"
sales_revenue: Final = "sales_revenue"
suspense: Final = "suspense"
voucher_liability: Final = "voucher_liability"

name_characters_max: Final = 120
"""A longer code or tender type is shortened: a name stands in keys, and a key has room for some 2,700 bytes."""

METHOD_ACCOUNTS: Final[dict[Method, str]] = {
    "CASH": cash,
    "CARD": "card_clearing",
    "VOUCHER": voucher_liability,
    "EXCHANGE": "exchange_clearing",
    "OTHER": "other_tender",
}


def shortened(name: str) -> str:
    """A till's word as it may stand in a key: itself, or its start and a hash where it is too long."""
    if len(name) <= name_characters_max:
        return name
    return f"{name[: name_characters_max // 2]}…{sha256(name.encode()).hexdigest()[:32]}"


@lru_cache(maxsize=1_024)
def tender_account(method: Method, tender_type: str | None) -> str:
    """A method's account, followed by `:<tender_type>` where the tender names one (contract, section 7)."""
    account = METHOD_ACCOUNTS[method]
    return f"{account}:{shortened(tender_type)}" if tender_type else account


@lru_cache(maxsize=1_024)
def tax_account(code: str) -> str:
    """The account of a tax code."""
    return f"tax:{shortened(code)}"
