"""Section 6: central's own arithmetic agrees with exact fractions, and sees each figure that is off by one."""

import copy
import random
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.contract.independent_arithmetic import (
    Item,
    Tax,
    cash_rounding,
    refund_line,
    round_half_up,
    share_out,
    totals,
)
from tests.contract.independent_shop import Register, Shop, cash

modes = [(mode, rounding) for mode in ("tax_inclusive", "tax_exclusive") for rounding in ("receipt", "line")]
groups: list[tuple[Tax, ...]] = [
    (),
    (Tax("VAT", 200_000),),
    (Tax("VAT", 55_000),),
    (Tax("VAT", 0),),
    (Tax("GST", 50_000), Tax("PST", 99_750, True)),
    (Tax("A", 100_000), Tax("B", 20_000), Tax("C", 33_333, True)),
    (Tax("VAT", 1_000_000),),
]


def random_items(chance: random.Random, shop: Shop) -> list[Item]:
    items = []
    for _ in range(chance.randint(1, 8)):
        item = Item(
            shop.wine_id,
            chance.choice([0, 1, 3, 99, 333, 2599, chance.randint(0, 100_000)]),
            chance.choice(groups),
            chance.choice([1, 333, 1000, 1337, 3000, 10_000]),
            chance.choice([1000, 1000, 3000, 10_000]),
        )
        most = item.undiscounted_minor
        items.append(Item(**{**vars(item), "discount_minor": chance.choice([0, 0, most, chance.randint(0, most)])}))
    return items


@pytest.mark.parametrize("unit", [1, 5, 10])
@pytest.mark.parametrize(("price_mode", "tax_rounding"), modes)
def test_a_hundred_receipts_of_every_shape_raise_nothing(
    shop: Shop, price_mode: str, tax_rounding: str, unit: int
) -> None:
    chance = random.Random(f"{price_mode} {tax_rounding} {unit}")
    book = shop.register(price_mode=price_mode, tax_rounding=tax_rounding, cash_unit=unit)
    for _ in range(100):
        book.sell(*random_items(chance, shop))

    assert book.till.push()["exceptions"] == []


@pytest.mark.parametrize(("price_mode", "tax_rounding"), modes)
def test_refunds_by_the_cumulative_share_raise_nothing_and_give_back_exactly_the_line(
    shop: Shop, price_mode: str, tax_rounding: str
) -> None:
    chance = random.Random(f"refunds {price_mode} {tax_rounding}")
    book = shop.register(price_mode=price_mode, tax_rounding=tax_rounding)
    for _ in range(12):
        sale = book.sell(*random_items(chance, shop))
        left = {line["line"]: line["quantity_milli"] for line in sale["lines"]}
        parts: list[dict[str, Any]] = []
        while any(left.values()):
            quantities = {place: chance.randint(1, rest) for place, rest in left.items() if rest}
            if len(parts) > 3:
                quantities = {place: rest for place, rest in left.items() if rest}
            parts.append(book.refund(sale, quantities, earlier=parts))
            for place, quantity in quantities.items():
                left[place] -= quantity
        given_back = {name: sum(part[name] for part in parts) for name in ("net_minor", "tax_minor", "gross_minor")}
        assert given_back == {name: sale[name] for name in given_back}

    assert book.till.push()["exceptions"] == []
    balances = shop.balances()
    assert balances.get("sales_revenue", 0) + balances.get("sales_returns", 0) == 0


def off(name: str) -> Callable[[dict[str, Any]], None]:
    def change(payload: dict[str, Any]) -> None:
        payload[name] += 1

    return change


def line_off(name: str) -> Callable[[dict[str, Any]], None]:
    def change(payload: dict[str, Any]) -> None:
        payload["lines"][0][name] += 1

    return change


def tax_moved_between_lines(payload: dict[str, Any]) -> None:
    """The receipt's tax is right in sum, and stands on the wrong line."""
    for line, amount in zip(payload["lines"][:2], (1, -1), strict=True):
        line["taxes"][0]["amount_minor"] += amount
        line["net_minor"] -= amount


def tax_row_off(payload: dict[str, Any]) -> None:
    payload["taxes"][0]["amount_minor"] += 1


def base_off(payload: dict[str, Any]) -> None:
    payload["taxes"][0]["base_minor"] += 1


def tax_row_missing(payload: dict[str, Any]) -> None:
    del payload["taxes"][0]


def tax_of_all_off(payload: dict[str, Any]) -> None:
    """Line, row and header agree with each other, and not with the rate."""
    payload["lines"][0]["taxes"][0]["amount_minor"] += 1
    payload["lines"][0]["net_minor"] -= 1
    payload["taxes"][0]["amount_minor"] += 1
    payload["taxes"][0]["base_minor"] -= 1
    payload["net_minor"] -= 1
    payload["tax_minor"] += 1


mistakes: dict[str, tuple[Callable[[dict[str, Any]], None], set[str]]] = {
    "net": (off("net_minor"), {"totals-mismatch"}),
    "tax": (off("tax_minor"), {"totals-mismatch"}),
    "gross": (off("gross_minor"), {"totals-mismatch", "tender-mismatch"}),
    "rounding": (off("rounding_minor"), {"tender-mismatch", "totals-mismatch"}),
    "a line's net": (line_off("net_minor"), {"totals-mismatch", "tax-mismatch"}),
    "a line's gross": (line_off("gross_minor"), {"totals-mismatch"}),
    "a line's discount": (line_off("discount_minor"), {"totals-mismatch"}),
    "tax on another line": (tax_moved_between_lines, {"tax-mismatch"}),
    "a row of taxes": (tax_row_off, {"totals-mismatch", "tax-mismatch"}),
    "a base": (base_off, {"totals-mismatch", "tax-mismatch"}),
    "no row of taxes": (tax_row_missing, {"totals-mismatch", "tax-mismatch"}),
    "all taxes alike": (tax_of_all_off, {"tax-mismatch"}),
}


@pytest.mark.parametrize(("mistake", "codes"), mistakes.values(), ids=mistakes)
def test_a_figure_that_is_off_by_one_is_seen(
    shop: Shop, register: Register, mistake: Callable[[dict[str, Any]], None], codes: set[str]
) -> None:
    payload = copy.deepcopy(register.sale_payload([shop.wine(), shop.wine(998), shop.bread()]))
    mistake(payload)
    register.commit("SALE", payload)

    raised = {one["code"] for one in register.till.push()["exceptions"]}

    assert raised
    assert raised <= codes | {"tender-mismatch"}
    assert raised & codes


@pytest.mark.parametrize(
    ("value", "rounded"),
    [(Fraction(1, 2), 1), (Fraction(-1, 2), -1), (Fraction(5, 2), 3), (Fraction(-5, 2), -3), (Fraction(49, 100), 0)],
)
def test_halves_are_rounded_away_from_zero(value: Fraction, rounded: int) -> None:
    assert round_half_up(value) == rounded


def test_a_sale_at_a_petrol_pump_is_priced_by_its_own_quantity(shop: Shop, register: Register) -> None:
    """2.599 a litre is 2599 per 10000 thousandths: 41.37 l cost 107.52."""
    litres = Item(shop.wine_id, 2599, shop.wine().taxes, 41_370, 10_000)

    assert totals([litres], "tax_inclusive", "receipt")["gross_minor"] == 10_752
    register.sell(litres)
    assert register.till.push()["exceptions"] == []


def test_a_cash_part_that_rounds_to_nothing_bears_a_tender_of_0(shop: Shop, register: Register) -> None:
    register.cash_unit = 5
    sale = register.sell(shop.wine(2), tenders=[cash(0)])

    assert sale["rounding_minor"] == -2
    assert register.till.push()["exceptions"] == []


@given(st.integers(0, 10**7), st.lists(st.integers(0, 10**6), min_size=1, max_size=12))
def test_shares_add_up_and_stay_within_one_of_their_quota(amount: int, weights: list[int]) -> None:
    shares = share_out(amount, [Fraction(weight) for weight in weights])
    whole = sum(weights)

    assert sum(shares) == (amount if whole else 0)
    assert all(
        abs(share - Fraction(amount * weight, whole or 1)) < 1 for share, weight in zip(shares, weights, strict=True)
    )


@given(st.integers(0, 10**7), st.sampled_from([1, 5, 10, 50, 100]))
def test_a_rounded_cash_part_is_payable_and_near(amount: int, unit: int) -> None:
    rounding = cash_rounding(amount, unit)

    assert (amount + rounding) % unit == 0
    assert abs(rounding) * 2 <= unit


def test_the_third_of_gross_net_and_tax_may_alone_come_out_below_0(shop: Shop, register: Register) -> None:
    """Three thirds of a line of 1 cent at 100 %: a share of the line may be 0 where its tax is 1."""
    sale = register.sell(Item(shop.wine_id, 1, (Tax("VAT", 1_000_000),), 3000, 3000))
    parts: list[dict[str, Any]] = []
    for quantity in (1400, 200, 1400):
        parts.append(register.refund(sale, {1: quantity}, earlier=parts))

    assert sum(part["gross_minor"] for part in parts) == 1
    assert refund_line(sale["lines"][0], 1, 3000, [], "tax_inclusive")["gross_minor"] == 1
    assert register.till.push()["exceptions"] == []
