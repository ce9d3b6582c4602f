"""The contract's table of postings, row by row."""

import pytest

from central.ledger.posting import Entries, entries_of, negated
from protocol.events import Payload, Sale, Tender
from tests.trade import (
    card,
    cart,
    cash,
    cash_in,
    cash_out,
    exchange,
    no_sale,
    refund,
    refund_without_receipt,
    sale,
    shift_close,
    shift_open,
    till_log,
    voucher,
)


def sums(entries: Entries) -> dict[str, int]:
    """Entries added up by account; each event's come to 0 and none is 0."""
    assert sum(amount for _, amount in entries) == 0
    assert all(amount for _, amount in entries)
    accounts: dict[str, int] = {}
    for account, amount in entries:
        accounts[account] = accounts.get(account, 0) + amount
    return {account: amount for account, amount in accounts.items() if amount}


def test_a_sale_paid_in_cash_with_change() -> None:
    """What was tendered goes in, the change goes out, revenue and tax are owed."""
    sold = sale(cart("2 x COFFEE @ 3.60"), tenders=[cash(720, 1000)])

    assert entries_of(sold) == (("cash", 1000), ("cash", -280), ("sales_revenue", -600), ("tax:VAT-S", -120))


def test_a_sale_paid_in_several_ways() -> None:
    """Each method has its account, followed by the tender's type where it names one."""
    tenders = [card(500, "VISA"), card(100), voucher(100, "V1"), Tender(method="OTHER", amount_minor=20)]

    assert sums(entries_of(sale(cart("2 x COFFEE @ 3.60"), tenders=tenders))) == {
        "card_clearing:VISA": 500,
        "card_clearing": 100,
        "voucher_liability": 100,
        "other_tender": 20,
        "sales_revenue": -600,
        "tax:VAT-S": -120,
    }


def test_a_sale_of_a_voucher_is_no_revenue() -> None:
    """What a voucher sells for is owed to whoever brings it back."""
    sold = sale(cart("1 x VOUCHER-1 @ 50.00", "1 x COFFEE @ 3.60"))

    assert sums(entries_of(sold)) == {"cash": 5360, "voucher_liability": -5000, "sales_revenue": -300, "tax:VAT-S": -60}


def test_a_sale_rounded_to_coins() -> None:
    """What rounding adds to the drawer is booked apart."""
    sold = sale(cart("1 x COFFEE @ 3.58"), cash_rounding_minor=5)

    assert sums(entries_of(sold)) == {"cash": 360, "sales_revenue": -298, "tax:VAT-S": -60, "cash_rounding": -2}


def test_a_refund_is_the_mirror_with_returns() -> None:
    """Revenue stays as it was; what comes back is returns."""
    sold = sale(cart("2 x COFFEE @ 3.60"))

    assert sums(entries_of(refund(sold, {1: 1000}))) == {"cash": -360, "sales_returns": 300, "tax:VAT-S": 60}


def test_a_refund_without_a_receipt_books_alike() -> None:
    back = refund_without_receipt(cart("1 x COFFEE @ 3.60"))

    assert sums(entries_of(back)) == {"cash": -360, "sales_returns": 300, "tax:VAT-S": 60}


def test_the_halves_of_an_exchange_clear_each_other() -> None:
    """What passes between them goes in on one side and out on the other."""
    old = sale(cart("1 x COFFEE @ 3.60"))
    back = refund(old, {1: 1000}, tenders=[exchange(360)])
    new = sale(cart("1 x TEA @ 4.80"), number="K1-3", tenders=[exchange(360), cash(120)])

    assert sums(entries_of(back))["exchange_clearing"] == -360
    assert sums(entries_of(new))["exchange_clearing"] == 360


def test_a_void_negates_each_entry() -> None:
    entries = entries_of(sale(cart("2 x COFFEE @ 3.60"), tenders=[cash(720, 1000)]))

    assert negated(entries) == tuple((account, -amount) for account, amount in entries)


@pytest.mark.parametrize(
    ("payload", "entries"),
    [
        (shift_open(float_minor=10_000), {"cash": 10_000, "cash_transfer": -10_000}),
        (cash_in(500), {"cash": 500, "cash_transfer": -500}),
        (cash_out(500), {"cash": -500, "cash_transfer": 500}),
        (shift_close(9_900, 10_000), {"cash": -10_000, "cash_over_short": 100, "cash_transfer": 9_900}),
        (shift_close(10_000), {"cash": -10_000, "cash_transfer": 10_000}),
        (shift_close(0, 0), {}),
        (no_sale(), {}),
        (till_log(), {}),
    ],
)
def test_the_drawer_s_own_events(payload: Payload, entries: dict[str, int]) -> None:
    """A float, money in and out, a count that is short, and what leaves no money."""
    assert sums(entries_of(payload)) == entries


def test_a_closing_leaves_a_drawer_without_cash() -> None:
    """The difference goes over or short, then what was counted leaves."""
    assert entries_of(shift_close(9_900, 10_000)) == (
        ("cash", -100),
        ("cash_over_short", 100),
        ("cash", -9_900),
        ("cash_transfer", 9_900),
    )


def test_suspense_takes_exactly_what_is_missing() -> None:
    """A receipt that does not add up books its own figures all the same."""
    sold = sale(cart("1 x COFFEE @ 3.60"), tenders=[cash(300)])

    assert sums(entries_of(sold)) == {"cash": 300, "sales_revenue": -300, "tax:VAT-S": -60, "suspense": 60}


def test_the_header_reaches_no_account_where_the_lines_do() -> None:
    sold = sale(cart("1 x COFFEE @ 3.60"))
    values = {name: getattr(sold, name) for name in sold.__struct_fields__}
    lying = Sale(**{**values, "net_minor": 1, "tax_minor": 1, "gross_minor": 2})

    assert entries_of(lying) == entries_of(sold)
