"""Price rules: which price and discount a cart's lines get, when and where.

A cart is priced anew from its list prices at each change; nothing of an earlier pricing is carried over. Rules are
taken by priority, highest first, then by id as text; a line that one rule claims is out for those after it. Lines with
a cashier's own price or discount, with a price inside the barcode, and voucher lines are in no rule
(`CartLine.in_rules`). Contract, section 6.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, time
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

from protocol.money import percent_of, round_half_up
from protocol.multibuy import Multibuy, RulePieces, multibuy_discounts
from protocol.totals import undiscounted_amount

RuleKind = Literal["fixed_price", "percent_off", "amount_off", "multibuy"]


class PriceRule(msgspec.Struct, frozen=True):
    """A rule as head office made it; null admits all. A rule without products and category admits nothing.

    `value` is a price (`fixed_price`), ppm (`percent_off`) or minor units (`amount_off`), each per the product's own
    price quantity, or a `Multibuy`. `days_of_week` are ISO, 1 = Monday.
    """

    price_rule_id: str
    kind: RuleKind
    value: int | Multibuy
    product_ids: tuple[str, ...] | None = None
    category: str | None = None
    location_ids: tuple[str, ...] | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    days_of_week: tuple[int, ...] | None = None
    time_from: time | None = None
    time_to: time | None = None
    min_quantity_milli: int = 0
    priority: int = 0

    def admits_product(self, product_id: str | None, category: str | None) -> bool:
        """Whether the rule names the product, or its category."""
        by_id = self.product_ids is not None and product_id in self.product_ids
        return by_id or (self.category is not None and category == self.category)

    def admits_moment(self, at: datetime, zone: ZoneInfo) -> bool:
        """Whether it counts at a moment (aware), its days and times read on the wall clock of the location's zone.

        Spans hold their beginning and not their end; a `time_from` after its `time_to` goes over midnight.
        """
        if self.starts_at is not None and at < self.starts_at:
            return False
        if self.ends_at is not None and at >= self.ends_at:
            return False
        local = at.astimezone(UTC).astimezone(zone)
        if self.days_of_week is not None and local.isoweekday() not in self.days_of_week:
            return False
        return _within(local.time(), self.time_from, self.time_to)


class CartLine(msgspec.Struct, frozen=True):
    """A line before rules: its list price, and the quantity for which rules of its product are meant.

    `price_quantity_milli` is what `list_price_minor` buys (a barcode's own quantity, where it has its own price);
    `rule_quantity_milli` is the product's price quantity.
    """

    line: int
    product_id: str | None
    category: str | None
    quantity_milli: int
    list_price_minor: int
    price_quantity_milli: int = 1_000
    rule_quantity_milli: int = 1_000
    in_rules: bool = True

    @property
    def list_amount_minor(self) -> int:
        """What the line costs without a rule."""
        return undiscounted_amount(self.list_price_minor, self.quantity_milli, self.price_quantity_milli)


class PricedLine(msgspec.Struct, frozen=True):
    """What the rules made of a line; `price_rule_id` is null where none claimed it."""

    line: int
    list_price_minor: int
    unit_price_minor: int
    price_quantity_milli: int
    discount_minor: int = 0
    price_rule_id: str | None = None


def price_cart(
    lines: Sequence[CartLine], rules: Iterable[PriceRule], at: datetime, location_id: str, zone: ZoneInfo
) -> list[PricedLine]:
    """The lines with prices and discounts by the rules that count at this moment and place, in the order given."""
    priced = {line.line: _unruled(line) for line in lines}
    free = sorted((line for line in lines if line.in_rules), key=lambda line: line.line)
    for rule in _in_order(rules, at, location_id, zone):
        admitted = [line for line in free if rule.admits_product(line.product_id, line.category)]
        if not admitted or sum(line.quantity_milli for line in admitted) < rule.min_quantity_milli:
            continue
        claimed = _claim(rule, admitted)
        if claimed:
            priced.update(claimed)
            free = [line for line in free if line.line not in claimed]
    return [priced[line.line] for line in lines]


def lookup_price(
    line: CartLine, rules: Iterable[PriceRule], at: datetime, location_id: str, zone: ZoneInfo
) -> PricedLine:
    """What one of a product costs in an empty cart: `line.quantity_milli` is 1000, or the barcode's own quantity."""
    return price_cart([line], rules, at, location_id, zone)[0]


def _in_order(rules: Iterable[PriceRule], at: datetime, location_id: str, zone: ZoneInfo) -> list[PriceRule]:
    counting = [
        rule
        for rule in rules
        if (rule.location_ids is None or location_id in rule.location_ids) and rule.admits_moment(at, zone)
    ]
    return sorted(counting, key=lambda rule: (-rule.priority, rule.price_rule_id))


def _within(moment: time, start: time | None, end: time | None) -> bool:
    after_start = start is None or moment >= start
    before_end = end is None or moment < end
    if start is not None and end is not None and start > end:
        return after_start or before_end
    return after_start and before_end


def _unruled(line: CartLine) -> PricedLine:
    return PricedLine(line.line, line.list_price_minor, line.list_price_minor, line.price_quantity_milli)


def _claim(rule: PriceRule, admitted: list[CartLine]) -> dict[int, PricedLine]:
    """The lines that the rule claims, as it prices them; none where it lowers nothing, or its value fits no kind."""
    if isinstance(rule.value, Multibuy):
        return _claim_multibuy(rule, rule.value, admitted) if rule.kind == "multibuy" else {}
    if rule.kind == "multibuy":
        return {}
    claimed: dict[int, PricedLine] = {}
    for line in admitted:
        if rule.kind == "fixed_price":
            priced = _at_fixed_price(rule, rule.value, line)
        else:
            priced = _discounted(rule, line, _discount(rule, rule.value, line))
        if priced is not None:
            claimed[line.line] = priced
    return claimed


def _at_fixed_price(rule: PriceRule, price_minor: int, line: CartLine) -> PricedLine | None:
    """The rule's price in place of the line's, per the product's quantity, where that lowers the line's amount."""
    amount_minor = undiscounted_amount(price_minor, line.quantity_milli, line.rule_quantity_milli)
    if amount_minor >= line.list_amount_minor:
        return None
    return PricedLine(
        line.line,
        line.list_price_minor,
        price_minor,
        line.rule_quantity_milli,
        price_rule_id=rule.price_rule_id,
    )


def _discount(rule: PriceRule, value: int, line: CartLine) -> int:
    if rule.kind == "percent_off":
        return percent_of(line.list_amount_minor, value)
    return round_half_up(value * line.quantity_milli, line.rule_quantity_milli)


def _discounted(rule: PriceRule, line: CartLine, discount_minor: int) -> PricedLine | None:
    """The line with a discount, at most all of it; null where that lowers nothing."""
    discount_minor = min(discount_minor, line.list_amount_minor)
    if discount_minor <= 0:
        return None
    return PricedLine(
        line.line,
        line.list_price_minor,
        line.list_price_minor,
        line.price_quantity_milli,
        discount_minor,
        rule.price_rule_id,
    )


def _claim_multibuy(rule: PriceRule, value: Multibuy, admitted: list[CartLine]) -> dict[int, PricedLine]:
    """All admitted lines, pieces left over too, if the rule saves anything."""
    discounts = multibuy_discounts(
        value,
        [
            RulePieces(
                line.quantity_milli,
                line.list_price_minor,
                line.price_quantity_milli,
                line.list_amount_minor,
            )
            for line in admitted
        ],
    )
    if not any(discounts):
        return {}
    return {
        line.line: PricedLine(
            line.line,
            line.list_price_minor,
            line.list_price_minor,
            line.price_quantity_milli,
            discount_minor,
            rule.price_rule_id,
        )
        for line, discount_minor in zip(admitted, discounts, strict=True)
    }
