"""Price rules over a cart: order, claims, times in the location's zone, and multibuys to the cent."""

from datetime import UTC, datetime, time
from fractions import Fraction
from math import floor
from random import Random
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.multibuy import Multibuy, RulePieces, multibuy_discounts
from protocol.pricing import CartLine, PricedLine, PriceRule, RuleKind, lookup_price, price_cart
from protocol.totals import line_amount, undiscounted_amount

HERE = "location-here"
BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
THREE_FOR_TWO = Multibuy(take=3, pay_for=2)


def line(number: int, product: str, price: int, quantity: int = 1_000, **more: object) -> CartLine:
    return CartLine(number, product, "drinks", quantity, price, **more)  # type: ignore[arg-type]


def rule(kind: RuleKind, value: int | Multibuy, *products: str, name: str = "rule", **more: object) -> PriceRule:
    return PriceRule(name, kind, value, products or None, None if products else "drinks", **more)  # type: ignore[arg-type]


def priced(lines: list[CartLine], *rules: PriceRule, at: datetime = NOW) -> list[PricedLine]:
    return price_cart(lines, rules, at, HERE, BERLIN)


def figures(lines: list[PricedLine]) -> list[tuple[int, int, str | None]]:
    return [(of.unit_price_minor, of.discount_minor, of.price_rule_id) for of in lines]


def test_a_fixed_price_replaces_the_unit_price_where_that_is_lower() -> None:
    cart = [line(1, "COLA", 200), line(2, "BEER", 150)]

    assert figures(priced(cart, rule("fixed_price", 180))) == [(180, 0, "rule"), (150, 0, None)]


def test_a_percentage_is_of_the_rounded_amount() -> None:
    """A third of 10.00 is 3.33, and half of that 1.67."""
    cart = [line(1, "COLA", 1_000, price_quantity_milli=3_000)]

    assert figures(priced(cart, rule("percent_off", 500_000))) == [(1_000, 167, "rule")]


def test_an_amount_off_counts_for_each_price_quantity_and_takes_the_line_at_most() -> None:
    cart = [line(1, "COLA", 200, 2_500), line(2, "GUM", 30)]

    assert figures(priced(cart, rule("amount_off", 50))) == [(200, 125, "rule"), (30, 30, "rule")]


def test_a_rule_is_meant_for_the_products_quantity_also_where_a_barcode_has_its_own_price() -> None:
    """A six-pack for 9.00; the rule says 1.40 a piece, or 0.10 off each."""
    pack = [line(1, "COLA", 900, 6_000, price_quantity_milli=6_000)]

    [fixed] = priced(pack, rule("fixed_price", 140))
    assert (fixed.unit_price_minor, fixed.price_quantity_milli, fixed.list_price_minor) == (140, 1_000, 900)
    assert figures(priced(pack, rule("amount_off", 10))) == [(900, 60, "rule")]


def test_rules_are_taken_by_priority_and_then_by_id_and_a_claimed_line_is_out() -> None:
    cart = [line(1, "COLA", 200)]
    half, tenth = rule("percent_off", 500_000, name="b"), rule("percent_off", 100_000, name="a")

    assert figures(priced(cart, half, tenth)) == [(200, 20, "a")]
    assert figures(priced(cart, rule("percent_off", 500_000, name="b", priority=1), tenth)) == [(200, 100, "b")]


def test_a_rule_that_lowers_nothing_leaves_the_line_to_the_next() -> None:
    cart = [line(1, "COLA", 200)]

    dear = rule("fixed_price", 200, name="a", priority=9)
    assert figures(priced(cart, dear, rule("percent_off", 100_000, name="b"))) == [(200, 20, "b")]


def test_a_minimum_is_reached_by_the_unclaimed_lines_together() -> None:
    cart = [line(1, "COLA", 200, 2_000), line(2, "BEER", 100)]
    from_three = rule("percent_off", 100_000, name="b", min_quantity_milli=3_000)

    assert figures(priced(cart, from_three)) == [(200, 40, "b"), (100, 10, "b")]
    beer_first = rule("fixed_price", 90, "BEER", name="a", priority=1)
    assert figures(priced(cart, from_three, beer_first)) == [(200, 0, None), (90, 0, "a")]


def test_a_line_with_the_cashiers_own_price_is_out_of_every_rule() -> None:
    cart = [line(1, "COLA", 200, 2_000, in_rules=False), line(2, "COLA", 200)]

    assert figures(priced(cart, rule("percent_off", 100_000, min_quantity_milli=2_000))) == [(200, 0, None)] * 2
    assert figures(priced(cart, rule("percent_off", 100_000))) == [(200, 0, None), (200, 20, "rule")]


@pytest.mark.parametrize(
    ("more", "at", "counts"),
    [
        ({"location_ids": ("elsewhere",)}, NOW, False),
        ({"location_ids": (HERE,)}, NOW, True),
        ({"starts_at": NOW}, NOW, True),
        ({"ends_at": NOW}, NOW, False),
        ({"days_of_week": (2,)}, NOW, True),
        ({"days_of_week": (1, 3)}, NOW, False),
        ({"days_of_week": (3,)}, datetime(2026, 11, 24, 23, 30, tzinfo=UTC), True),
        ({"time_from": time(13), "time_to": time(14)}, NOW, True),
        ({"time_from": time(12), "time_to": time(13)}, NOW, False),
        ({"time_from": time(13)}, NOW, True),
        ({"time_to": time(13)}, NOW, False),
        ({"time_from": time(22), "time_to": time(2)}, datetime(2026, 11, 24, 0, 30, tzinfo=UTC), True),
        ({"time_from": time(22), "time_to": time(2)}, NOW, False),
        ({"time_from": time(9), "time_to": time(9)}, datetime(2026, 11, 24, 8, tzinfo=UTC), False),
        ({"time_from": time(9)}, datetime(2026, 7, 1, 7, tzinfo=UTC), True),
        ({"time_from": time(9)}, datetime(2026, 12, 1, 7, 59, tzinfo=UTC), False),
    ],
)
def test_days_and_times_are_the_wall_clocks_of_the_location(
    more: dict[str, object], at: datetime, counts: bool
) -> None:
    [of] = priced([line(1, "COLA", 200)], rule("percent_off", 100_000, **more), at=at)  # type: ignore[arg-type]

    assert (of.discount_minor > 0) == counts


def test_three_for_two_gives_the_cheapest_away() -> None:
    cart = [line(1, "COLA", 200), line(2, "BEER", 150), line(3, "WATER", 90), line(4, "GUM", 50)]

    assert figures(priced(cart, rule("multibuy", THREE_FOR_TWO))) == [
        (200, 41, "rule"),
        (150, 31, "rule"),
        (90, 18, "rule"),
        (50, 0, "rule"),
    ]


def test_pieces_left_over_are_claimed_too() -> None:
    cart = [line(1, "COLA", 200, 4_000)]
    tenth = rule("percent_off", 100_000, name="later")

    assert figures(priced(cart, rule("multibuy", THREE_FOR_TWO, priority=1), tenth)) == [(200, 200, "rule")]


def test_a_group_that_would_not_save_is_left_alone_and_nothing_is_claimed() -> None:
    cart = [line(1, "COLA", 100, 3_000)]
    for_five = rule("multibuy", Multibuy(take=3, price_minor=500), priority=1)

    assert figures(priced(cart, for_five, rule("percent_off", 100_000, name="b"))) == [(100, 30, "b")]


def test_the_dearer_group_saves_while_the_cheaper_is_left_alone() -> None:
    """Three at 2.00 for 5.00 save 1.00; three at 1.50 would cost more than they do."""
    cart = [line(1, "COLA", 200, 3_000), line(2, "BEER", 150, 3_000)]

    assert figures(priced(cart, rule("multibuy", Multibuy(take=3, price_minor=500)))) == [
        (200, 100, "rule"),
        (150, 0, "rule"),
    ]


def test_a_piece_keeps_its_exact_price() -> None:
    """Pieces at 3 for 10.00, three for two: each third of 10.00 that is given away is 3.33 recurring."""
    cart = [line(1, "COLA", 1_000, 9_000, price_quantity_milli=3_000)]

    assert figures(priced(cart, rule("multibuy", THREE_FOR_TWO))) == [(1_000, 1_000, "rule")]


def test_only_whole_pieces_make_a_group() -> None:
    cart = [line(1, "HAM", 1_000, 2_900), line(2, "EEL", 900, 1_000)]

    assert figures(priced(cart, rule("multibuy", THREE_FOR_TWO))) == [(1_000, 687, "rule"), (900, 213, "rule")]


def test_a_look_up_is_of_one_in_an_empty_cart() -> None:
    rules = [rule("multibuy", THREE_FOR_TWO, name="a", priority=2), rule("amount_off", 20, name="b")]

    one = lookup_price(line(1, "COLA", 200), rules, NOW, HERE, BERLIN)

    assert one == PricedLine(1, 200, 200, 1_000, 20, "b")


@pytest.mark.parametrize(
    ("kind", "value"), [("multibuy", 5), ("fixed_price", THREE_FOR_TWO), ("multibuy", Multibuy(0, 0))]
)
def test_a_rule_whose_value_fits_no_kind_claims_nothing(kind: RuleKind, value: int | Multibuy) -> None:
    assert figures(priced([line(1, "COLA", 200, 9_000)], rule(kind, value))) == [(200, 0, None)]


pieces = st.tuples(st.integers(0, 6_500), st.integers(0, 500), st.sampled_from([1_000, 3_000, 750])).map(
    lambda of: RulePieces(*of, undiscounted_amount(of[1], of[0], of[2]))
)
multibuys = st.builds(Multibuy, st.integers(2, 4), st.integers(0, 3)) | st.builds(
    Multibuy, st.integers(2, 4), st.none(), st.integers(0, 900)
)


def one_by_one(value: Multibuy, lines: list[RulePieces]) -> list[int]:
    """The contract's words, a piece at a time."""
    basket = [
        (Fraction(of.unit_price_minor * 1_000, of.price_quantity_milli), number)
        for number, of in enumerate(lines)
        for _ in range(of.quantity_milli // 1_000)
    ]
    basket.sort(key=lambda piece: (-piece[0], piece[1]))
    saved = Fraction(0)
    saving: set[int] = set()
    for at in range(0, len(basket) - value.take + 1, value.take):
        group = basket[at : at + value.take]
        costs = sum(price for price, _ in group)
        under_rule = (
            sum(price for price, _ in group[: value.pay_for]) if value.price_minor is None else value.price_minor
        )
        if under_rule < costs:
            saved += costs - under_rule
            saving.update(number for _, number in group)
    total = min(floor(saved + Fraction(1, 2)), sum(lines[number].amount_minor for number in saving))
    weights = [of.amount_minor if number in saving else 0 for number, of in enumerate(lines)]
    if not sum(weights):
        return [0] * len(lines)
    quotas = [Fraction(total * weight, sum(weights)) for weight in weights]
    shares = [floor(quota) for quota in quotas]
    for number in sorted(range(len(lines)), key=lambda i: (shares[i] - quotas[i], i))[: total - sum(shares)]:
        shares[number] += 1
    return shares


@given(multibuys, st.lists(pieces, max_size=6))
def test_counting_pieces_in_runs_agrees_with_counting_them_one_by_one(value: Multibuy, lines: list[RulePieces]) -> None:
    assert multibuy_discounts(value, lines) == one_by_one(value, lines)


def test_a_line_of_a_thousand_million_pieces_is_counted_at_once() -> None:
    quantity = 10**12

    assert multibuy_discounts(THREE_FOR_TWO, [RulePieces(quantity, 3, 1_000, 3 * 10**9)]) == [999_999_999]


carts = st.lists(
    st.builds(
        CartLine,
        st.integers(1, 20),
        st.sampled_from(["A", "B", None]),
        st.sampled_from(["drinks", "food", None]),
        st.integers(1, 7_000),
        st.integers(0, 2_000),
        st.sampled_from([1_000, 3_000]),
        st.just(1_000),
        st.booleans(),
    ),
    max_size=6,
    unique_by=lambda of: of.line,
)
plain = st.sampled_from(["fixed_price", "percent_off", "amount_off"])
rules_made = st.lists(
    st.builds(
        rule,
        plain,
        st.integers(0, 1_000_000),
        name=st.sampled_from(["a", "b", "c"]),
        priority=st.integers(0, 2),
        min_quantity_milli=st.integers(0, 5_000),
    )
    | st.builds(rule, st.just("multibuy"), multibuys, st.just("A"), priority=st.integers(0, 2)),
    max_size=4,
)


@given(carts, rules_made, st.randoms())
def test_rules_only_lower_and_no_line_falls_below_nothing(
    cart: list[CartLine], rules: list[PriceRule], random: Random
) -> None:
    found = priced(cart, *rules)
    for before, after in zip(cart, found, strict=True):
        amount = line_amount(
            after.unit_price_minor, before.quantity_milli, after.price_quantity_milli, after.discount_minor
        )
        assert 0 <= amount <= before.list_amount_minor
        assert after.list_price_minor == before.list_price_minor
        assert before.in_rules or after.price_rule_id is None

    random.shuffle(cart)
    assert sorted(priced(cart, *rules), key=lambda of: of.line) == sorted(found, key=lambda of: of.line)
