"""The cart: priced anew at each change, by list prices, rules, the cashier's own prices and a receipt-wide discount."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from protocol.money import percent_of
from protocol.pricing import CartLine as ListedLine
from protocol.pricing import PricedLine, price_cart
from protocol.totals import ReceiptTotals, TaxedLine, receipt_discount_shares, receipt_totals, undiscounted_amount
from terminal_agent.register.refusals import Refused
from terminal_agent.register.state import Cart, CartLine, ReceiptDiscount
from terminal_agent.register.terms import Terms


def reprice(
    lines: Sequence[CartLine], discount: ReceiptDiscount | None, terms: Terms, at: datetime
) -> tuple[tuple[CartLine, ...], ReceiptTotals]:
    """What the lines cost now, and the receipt's totals."""
    priced = price_cart([_listed(line) for line in lines], terms.rules, at, terms.location_id, terms.zone)
    costing = [_with_price(line, by_rule) for line, by_rule in zip(lines, priced, strict=True)]
    if discount is not None:
        costing = _discounted(costing, discount)
    taxed = [TaxedLine(line.line, line.amount_minor, line.taxes) for line in costing]
    return tuple(costing), receipt_totals(taxed, terms.price_mode, terms.tax_rounding)


def with_lines(cart: Cart, lines: Sequence[CartLine], terms: Terms, at: datetime, next_line: int | None = None) -> Cart:
    """The cart with other lines, priced anew."""
    priced, totals = reprice(lines, cart.discount, terms, at)
    return msgspec.structs.replace(
        cart, lines=priced, totals=totals, next_line=cart.next_line if next_line is None else next_line
    )


def line_of(cart: Cart, number: int) -> CartLine:
    """The line of that number. Raises `Refused`."""
    for line in cart.lines:
        if line.line == number:
            return line
    raise Refused("no-such-line", line=number)


def replaced(cart: Cart, changed: CartLine) -> list[CartLine]:
    """The cart's lines, one of them changed."""
    return [changed if line.line == changed.line else line for line in cart.lines]


def receipt_discount_minor(discount: ReceiptDiscount, amount_minor: int) -> int:
    """What a receipt-wide discount comes to on line amounts that sum to `amount_minor`."""
    if discount.percent_ppm is not None:
        return percent_of(amount_minor, discount.percent_ppm)
    return min(discount.discount_minor or 0, amount_minor)


def _listed(line: CartLine) -> ListedLine:
    by_hand = (
        line.own_price_minor is not None or line.own_discount_minor is not None or line.own_discount_ppm is not None
    )
    return ListedLine(
        line=line.line,
        product_id=None if line.product_id is None else str(line.product_id),
        category=line.category,
        quantity_milli=line.quantity_milli,
        list_price_minor=line.list_price_minor,
        price_quantity_milli=line.price_quantity_milli,
        rule_quantity_milli=line.rule_quantity_milli,
        in_rules=not (by_hand or line.price_inside or line.kind == "voucher"),
    )


def _with_price(line: CartLine, by_rule: PricedLine) -> CartLine:
    unit_price, per_milli, discount = by_rule.unit_price_minor, by_rule.price_quantity_milli, by_rule.discount_minor
    if line.own_price_minor is not None:
        unit_price = line.own_price_minor
        per_milli = line.own_price_quantity_milli or line.price_quantity_milli
    undiscounted = undiscounted_amount(unit_price, line.quantity_milli, per_milli)
    if line.own_discount_ppm is not None:
        discount = percent_of(undiscounted, line.own_discount_ppm)
    elif line.own_discount_minor is not None:
        discount = min(line.own_discount_minor, undiscounted)
    return msgspec.structs.replace(
        line,
        unit_price_minor=unit_price,
        unit_price_quantity_milli=per_milli,
        discount_minor=discount,
        price_rule_id=by_rule.price_rule_id,
    )


def _discounted(lines: list[CartLine], discount: ReceiptDiscount) -> list[CartLine]:
    """A receipt-wide discount on top, shared out by the line amounts, voucher lines apart (contract, section 6)."""
    bearing = [line for line in lines if line.kind == "product"]
    amounts = [line.amount_minor for line in bearing]
    shares = receipt_discount_shares(receipt_discount_minor(discount, sum(amounts)), amounts)
    share_of = {line.line: share for line, share in zip(bearing, shares, strict=True)}
    return [
        msgspec.structs.replace(line, discount_minor=line.discount_minor + share_of.get(line.line, 0)) for line in lines
    ]
