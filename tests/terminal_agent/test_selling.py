"""What the register makes of a cart and of what is handed over for it."""

from datetime import date

import pytest
from hypothesis import given as generated
from hypothesis import settings as effort
from hypothesis import strategies as st

from protocol.pricing import PriceRule
from protocol.totals import line_amount
from terminal_agent.register.commands import (
    AddLine,
    Cancel,
    ChangeQuantity,
    ConfirmAge,
    DiscountLine,
    DiscountReceipt,
    OverridePrice,
    Park,
    RemoveLine,
    RemoveTender,
    Resume,
    Scan,
    TakeTender,
)
from terminal_agent.register.state import cart_lines_max
from terminal_agent.register.terms import Settings, TenderType
from tests.terminal_agent.register_trade import (
    ANN,
    BREAD,
    COFFEE,
    SUE,
    TERMS,
    WINE,
    Counter,
    id_of,
    idle,
    product,
    selling,
)


def test_cash_that_covers_what_is_due_ends_the_sale_with_change() -> None:
    after = selling(COFFEE).when(TakeTender(method="CASH", amount_minor=2_000))

    [tender] = after.sale.tenders
    assert (tender.amount_minor, tender.tendered_minor, tender.change_minor) == (350, 2_000, 1_650)
    assert after.state.cart is None


def test_less_cash_than_is_due_is_kept_as_a_part() -> None:
    after = selling(COFFEE).when(TakeTender(method="CASH", amount_minor=200))

    assert after.payloads == []
    assert after.state.cart is not None
    assert after.state.cart.due_minor == 150
    assert [t.amount_minor for t in after.when(TakeTender(method="CARD")).sale.tenders] == [200, 150]


def test_more_than_is_due_is_taken_in_cash_alone() -> None:
    selling(COFFEE).refuses(TakeTender(method="CARD", amount_minor=351), "overpaid")


def test_nothing_does_not_pay_for_something() -> None:
    selling(COFFEE).refuses(TakeTender(method="CASH", amount_minor=0), "underpaid")


def test_a_tender_that_was_taken_keeps_the_cart_as_it_is_until_it_is_given_back() -> None:
    part = selling(COFFEE).when(TakeTender(method="CASH", amount_minor=100))

    part.refuses(Scan(barcode="0"), "tender-started")
    part.refuses(Cancel(), "tender-started")
    assert part.when(RemoveTender()).when(Cancel()).state.cart is None


@pytest.mark.parametrize(("price", "paid"), [(1_002, 1_000), (1_003, 1_005), (2, 0)])
def test_cash_is_rounded_to_the_coins_that_there_are(price: int, paid: int) -> None:
    till = idle().selling_by(cash_rounding_minor=5).scanned(product("TEA", price))

    sale = till.when(TakeTender(method="CASH")).sale

    assert sale.rounding_minor == paid - price
    assert [tender.amount_minor for tender in sale.tenders] == [paid]


def test_a_card_pays_to_the_cent() -> None:
    till = idle().selling_by(cash_rounding_minor=5).scanned(product("TEA", 1_002))

    assert till.when(TakeTender(method="CARD")).sale.rounding_minor == 0


def test_coins_that_came_before_a_card_and_round_to_too_many_go_back() -> None:
    till = idle().selling_by(cash_rounding_minor=5).scanned(product("TEA", 1_002))
    till = till.when(TakeTender(method="CASH", amount_minor=502))

    sale = till.when(TakeTender(method="CARD", amount_minor=500)).sale

    cash, card = sale.tenders
    assert (cash.amount_minor, cash.tendered_minor, cash.change_minor) == (500, 502, 2)
    assert card.amount_minor == 500
    assert sale.rounding_minor == -2


def test_a_sale_of_nothing_to_pay_bears_no_tender() -> None:
    till = selling(COFFEE).knowing(supervisor=SUE).when(DiscountLine(line=1, percent_ppm=1_000_000))

    assert till.when(TakeTender(method="CASH")).sale.tenders == ()


def test_wine_is_sold_once_the_age_was_checked() -> None:
    till = selling(WINE)

    till.refuses(TakeTender(method="CARD"), "age-check-required")
    [line] = till.when(ConfirmAge(line=1)).when(TakeTender(method="CARD")).sale.lines
    assert line.age_confirmed is True


def test_a_code_that_nobody_knows_is_refused() -> None:
    idle().knowing(sellable=None).refuses(Scan(barcode="12345670"), "unknown-barcode")


def test_an_open_price_is_typed_in() -> None:
    flowers = product("FLOWERS", 0, open_price=True)
    till = idle().knowing(sellable=flowers)

    till.refuses(Scan(barcode="0"), "price-required")
    [line] = till.when(AddLine(sku="FLOWERS", unit_price_minor=725)).when(TakeTender(method="CARD")).sale.lines
    assert line.gross_minor == 725


def test_a_voucher_is_sold_for_what_it_is_worth_without_tax() -> None:
    till = idle().when(AddLine(voucher_code="GIFT-1", unit_price_minor=2_500))

    till.refuses(DiscountLine(line=1, discount_minor=1), "bad-amount")
    sale = till.when(TakeTender(method="CARD")).sale
    assert (sale.gross_minor, sale.tax_minor, sale.lines[0].kind, sale.lines[0].barcode) == (
        2500,
        0,
        "voucher",
        "GIFT-1",
    )


def test_a_voucher_pays_up_to_the_bound() -> None:
    settings = Settings(voucher_offline_max_minor=300)
    till = idle().selling_by(settings=settings).scanned(COFFEE)

    till.refuses(TakeTender(method="VOUCHER", voucher_code="GIFT-1"), "voucher-exceeds-balance")
    till = till.when(TakeTender(method="VOUCHER", voucher_code="GIFT-1", amount_minor=300))
    till.refuses(TakeTender(method="VOUCHER", voucher_code="GIFT-2", amount_minor=50), "voucher-exceeds-balance")


def test_a_shops_own_way_of_paying_stands_in_the_sale() -> None:
    settings = Settings(tender_types=(TenderType("AMEX", "CARD"),))
    till = idle().selling_by(settings=settings).scanned(COFFEE)

    till.refuses(TakeTender(method="CARD", tender_type="VISA"), "unknown-tender")
    [tender] = till.when(TakeTender(method="CARD", tender_type="AMEX")).sale.tenders
    assert tender.tender_type == "AMEX"


def test_a_discount_above_the_bound_needs_another_persons_word() -> None:
    till = selling(COFFEE)

    assert till.when(DiscountLine(line=1, discount_minor=35)).state.cart is not None
    till.refuses(DiscountLine(line=1, discount_minor=36), "approval-required")
    till.refuses(OverridePrice(line=1, unit_price_minor=300), "approval-required")
    till.refuses(DiscountReceipt(percent_ppm=110_000), "approval-required")
    till.knowing(supervisor=ANN).refuses(DiscountLine(line=1, discount_minor=36), "approval-refused")
    approved = till.knowing(supervisor=SUE).when(DiscountLine(line=1, discount_minor=100))
    [line] = approved.when(TakeTender(method="CARD")).sale.lines
    assert (line.discount_minor, line.gross_minor, line.approved_by) == (100, 250, SUE.cashier_id)


def test_a_receipts_discount_is_shared_out_and_names_who_approved_it() -> None:
    till = selling(COFFEE, BREAD, BREAD).knowing(supervisor=SUE).when(DiscountReceipt(discount_minor=374))

    sale = till.when(TakeTender(method="CARD")).sale

    assert [line.discount_minor for line in sale.lines] == [175, 100, 99]
    assert sale.gross_minor == 374
    assert {line.approved_by for line in sale.lines} == {SUE.cashier_id}


def test_a_cashiers_own_price_takes_the_line_out_of_the_rules() -> None:
    rule = PriceRule(str(id_of("HALF")), "percent_off", 500_000, product_ids=(str(COFFEE.product_id),))
    till = idle().selling_by(rules=(rule,)).scanned(COFFEE, COFFEE)

    sale = till.when(OverridePrice(line=2, unit_price_minor=340)).when(TakeTender(method="CARD")).sale

    assert [(line.gross_minor, line.price_rule_id) for line in sale.lines] == [
        (175, id_of("HALF")),
        (340, None),
    ]


def test_a_line_that_is_taken_out_leaves_a_trace_and_its_number_is_not_given_again() -> None:
    till = selling(COFFEE, BREAD).when(RemoveLine(line=2))

    assert till.logs == ["line_removed"]
    till = till.scanned(BREAD)
    assert till.state.cart is not None
    assert [line.line for line in till.state.cart.lines] == [1, 3]
    till.refuses(RemoveLine(line=2), "no-such-line")


def test_cancelling_leaves_a_trace_and_nothing_else() -> None:
    till = selling(COFFEE).when(Cancel())

    assert till.logs == ["sale_cancelled"]
    assert till.state.cart is None


def test_a_parked_sale_waits_until_it_is_resumed() -> None:
    till = selling(COFFEE).when(Park(label="trolley"))
    [parked] = till.state.parked

    assert till.logs == ["sale_parked"]
    resumed = till.when(Resume(parked_id=parked.parked_id))
    assert resumed.state.parked == ()
    assert resumed.when(TakeTender(method="CARD")).sale.gross_minor == 350


def test_a_cart_has_a_last_line() -> None:
    till = idle()
    for _ in range(cart_lines_max):
        till = till.scanned(COFFEE)

    till.knowing(sellable=COFFEE).refuses(Scan(barcode="0"), "cart-full")


def test_a_total_beyond_all_amounts_is_refused() -> None:
    till = selling(product("GOLD", 10**10))

    till.refuses(ChangeQuantity(line=1, quantity_milli=10**9), "bad-amount")


def test_what_looks_like_a_card_number_is_starred_out_before_it_is_kept() -> None:
    sale = selling(COFFEE).when(TakeTender(method="CARD", reference="4111 1111 1111 1111")).sale

    assert sale.tenders[0].reference == "4111 11** **** 1111"


def test_a_full_disk_is_said_before_money_is_taken() -> None:
    selling(COFFEE).knowing(disk_short=True).refuses(TakeTender(method="CASH"), "disk-full")


prices = st.integers(0, 100_000)
quantities = st.integers(1, 20_000)


@st.composite
def carts(draw: st.DrawFn) -> Counter:
    till = idle().selling_by(
        price_mode=draw(st.sampled_from(["tax_inclusive", "tax_exclusive"])),
        tax_rounding=draw(st.sampled_from(["receipt", "line"])),
        cash_rounding_minor=draw(st.sampled_from([1, 5, 10])),
        settings=Settings(discount_max_ppm=1_000_000),
    )
    for number in range(1, draw(st.integers(1, 6)) + 1):
        till = till.scanned(product(f"P{number}", draw(prices)))
        till = till.when(ChangeQuantity(line=number, quantity_milli=draw(quantities)))
        if draw(st.booleans()):
            till = till.when(DiscountLine(line=number, percent_ppm=draw(st.integers(0, 1_000_000))))
    if draw(st.booleans()):
        till = till.when(DiscountReceipt(percent_ppm=draw(st.integers(0, 1_000_000))))
    return till


@effort(max_examples=120, deadline=None)
@generated(
    carts(), st.lists(st.tuples(st.sampled_from(["CASH", "CARD", "OTHER"]), st.integers(1, 400_000)), max_size=4)
)
def test_every_sales_tenders_and_lines_come_to_its_totals(till: Counter, parts: list[tuple[str, int]]) -> None:
    for method, amount in parts:
        if till.state.cart is not None and (method == "CASH" or amount <= till.state.cart.due_minor):
            till = till.when(TakeTender(method=method, amount_minor=amount))  # type: ignore[arg-type]
    if till.state.cart is not None:
        till = till.when(TakeTender(method="CASH"))

    sale = till.sale
    assert sum(tender.amount_minor for tender in sale.tenders) == sale.gross_minor + sale.rounding_minor
    assert all(tender.amount_minor == tender.tendered - tender.change for tender in sale.tenders)
    assert all(tender.amount_minor >= 0 and tender.change >= 0 for tender in sale.tenders)
    assert sum(line.gross_minor for line in sale.lines) == sale.gross_minor == sale.net_minor + sale.tax_minor
    assert sum(row.amount_minor for row in sale.taxes) == sale.tax_minor
    for line in sale.lines:
        amount = line_amount(line.unit_price_minor, line.quantity_milli, line.price_quantity_milli, line.discount_minor)
        assert amount == (line.gross_minor if sale.price_mode == "tax_inclusive" else line.net_minor)
    if abs(sale.rounding_minor):
        others = sum(tender.amount_minor for tender in sale.tenders if tender.method != "CASH")
        assert (sale.gross_minor + sale.rounding_minor - others) % till.terms.cash_rounding_minor == 0


def test_a_sale_says_by_which_catalogue_it_was_rung() -> None:
    till = idle().selling_by(catalogue_through="2026-11-24T11:59:00.000Z").scanned(COFFEE)

    assert till.when(TakeTender(method="CARD")).sale.catalogue_through == "2026-11-24T11:59:00.000Z"
    assert TERMS.catalogue_through is None


def test_a_lines_lot_and_date_travel_into_the_sale() -> None:
    fish = product("FISH", 1_200, lot="L7", expires=date(2026, 11, 27))

    [line] = idle().scanned(fish).when(TakeTender(method="CARD")).sale.lines

    assert (line.lot, line.expires) == ("L7", "2026-11-27")
