"""What the ledger must hold for a set of events, from the posting table of section 7 alone."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

method_accounts = {
    "CASH": "cash",
    "CARD": "card_clearing",
    "VOUCHER": "voucher_liability",
    "EXCHANGE": "exchange_clearing",
    "OTHER": "other_tender",
}


def tender_account(tender: Mapping[str, Any]) -> str:
    account = method_accounts[tender["method"]]
    return f"{account}:{tender['tender_type']}" if tender.get("tender_type") else account


def sale_entries(payload: Mapping[str, Any], revenue: str = "sales_revenue") -> Counter[str]:
    """The entries of a sale; what is missing to 0 stands in suspense."""
    booked: Counter[str] = Counter()
    for tender in payload["tenders"]:
        tendered = tender["amount_minor"] if tender.get("tendered_minor") is None else tender["tendered_minor"]
        booked[tender_account(tender)] += tendered
        booked["cash"] -= tender.get("change_minor") or 0
    for line in payload["lines"]:
        booked["voucher_liability" if line["kind"] == "voucher" else revenue] -= line["net_minor"]
    for row in payload["taxes"]:
        booked[f"tax:{row['code']}"] -= row["amount_minor"]
    booked["cash_rounding"] -= payload["rounding_minor"]
    booked["suspense"] -= sum(booked.values())
    return booked


def mirror(booked: Mapping[str, int]) -> Counter[str]:
    return Counter({account: -amount for account, amount in booked.items()})


def refund_entries(payload: Mapping[str, Any]) -> Counter[str]:
    return mirror(sale_entries(payload, "sales_returns"))


def shift_close_entries(payload: Mapping[str, Any]) -> Counter[str]:
    counted, difference = payload["counted_minor"], payload["counted_minor"] - payload["expected_minor"]
    booked: Counter[str] = Counter({"cash": difference - counted, "cash_over_short": -difference})
    booked["cash_transfer"] = counted
    return booked


def transfer(amount: int) -> Counter[str]:
    """Money into the drawer: a float, or a movement IN."""
    return Counter({"cash": amount, "cash_transfer": -amount})


def event_entries(type_: str, payload: Mapping[str, Any], receipts: Mapping[str, Counter[str]]) -> Counter[str]:
    """The entries of one event; `receipts` holds those of the sales and refunds that a void may name."""
    if type_ == "SALE":
        return sale_entries(payload)
    if type_ == "REFUND":
        return refund_entries(payload)
    if type_ == "VOID":
        return mirror(receipts.get(payload.get("sale_id") or payload["refund_id"], {}))
    if type_ == "SHIFT_OPEN":
        return transfer(payload["float_minor"])
    if type_ == "CASH_MOVEMENT":
        sign = 1 if payload["direction"] == "IN" else -1
        return transfer(sign * payload["amount_minor"])
    if type_ == "SHIFT_CLOSE":
        return shift_close_entries(payload)
    return Counter()


def books_of(events: Sequence[tuple[str, Mapping[str, Any]]]) -> dict[str, int]:
    """The balances by account that this set of events comes to, whatever order it arrived in; zeros left out."""
    receipts: dict[str, Counter[str]] = {}
    for type_, payload in events:
        if type_ == "SALE":
            receipts.setdefault(payload["sale_id"], sale_entries(payload))
        elif type_ == "REFUND":
            receipts.setdefault(payload["refund_id"], refund_entries(payload))
    balances: Counter[str] = Counter()
    for type_, payload in events:
        for account, amount in event_entries(type_, payload, receipts).items():
            balances[account] += amount
    return {account: amount for account, amount in sorted(balances.items()) if amount}
