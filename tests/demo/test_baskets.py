"""The grocer's baskets become sales that are exact to the cent."""

from datetime import date

import pytest

from demo.baskets import (
    Basket,
    Price,
    Product,
    demo_from,
    demo_stores,
    demo_through,
    list_prices,
    read_baskets,
    time_zone,
)
from protocol.barcodes import is_gtin


@pytest.fixture(scope="module")
def baskets() -> list[Basket]:
    return read_baskets(demo_stores, demo_from, demo_through)


def test_two_months_of_four_stores_are_the_figures_of_the_data(baskets: list[Basket]) -> None:
    assert len(baskets) == 2_025
    assert sum(len(basket.lines) for basket in baskets) == 18_785
    assert sum(basket.amount_minor for basket in baskets) == 6_907_791


def test_each_line_is_worth_its_price_times_its_quantity_less_its_discount(baskets: list[Basket]) -> None:
    for basket in baskets:
        for line in basket.lines:
            shelf, rest = divmod(line.price.price_minor * line.quantity_milli, line.price.quantity_milli)
            assert (shelf - line.discount_minor, rest) == (line.amount_minor, 0)


def test_a_day_is_the_shops_own_day_and_not_that_of_the_data_s_clock() -> None:
    day = read_baskets((367,), date(2017, 3, 12), date(2017, 3, 12))

    assert {basket.at.astimezone(time_zone).date() for basket in day} == {date(2017, 3, 12)}
    assert {basket.at.date() for basket in read_baskets((367,), date(2017, 1, 1), date(2017, 12, 31))} > {
        date(2018, 1, 1)
    }


def test_no_basket_has_a_product_twice(baskets: list[Basket]) -> None:
    assert all(len({line.product_id for line in basket.lines}) == len(basket.lines) for basket in baskets)


def test_most_lines_are_sold_at_the_stores_own_list_price(baskets: list[Basket]) -> None:
    prices = list_prices(baskets)
    off_list = [
        line
        for basket in baskets
        for line in basket.lines
        if line.price != Price(prices[basket.store_id][line.product_id])
    ]

    assert len(off_list) == 2_079


def test_a_product_gets_a_barcode_that_scanners_accept() -> None:
    barcode = Product(1095275, "BREAD", "GROCERY", "food").barcode

    assert len(barcode) == 13
    assert is_gtin(barcode)
