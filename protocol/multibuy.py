"""Multibuy: "3 for the price of 2", "3 for 5.00", over pieces of unlike price.

Of the whole pieces under the rule, dearest first (then lowest line), each full group of `take` costs its dearest
`pay_for`, or `price_minor`; a group that would not save is left alone. Pieces keep their exact prices (a third of
10.00 stays a third); the sum of the savings is rounded once and shared out to the lines that have a piece in a group
that saves, by their line amounts. Contract, section 6.

Pieces are counted in runs of one price, never one by one, so a line of a million pieces is as cheap as one of two.
"""

from collections.abc import Iterator, Sequence
from fractions import Fraction

import msgspec

from protocol.money import round_half_up, share_out


class Multibuy(msgspec.Struct, frozen=True):
    """What a group of `take` pieces costs: its dearest `pay_for` pieces, or a price. One of the two is given."""

    take: int
    pay_for: int | None = None
    price_minor: int | None = None


class RulePieces(msgspec.Struct, frozen=True):
    """A line under the rule: its quantity and price, and its amount, which no discount may pass."""

    quantity_milli: int
    unit_price_minor: int
    price_quantity_milli: int
    amount_minor: int


class _Run(msgspec.Struct):
    """Pieces of one price, all of one line."""

    index: int
    price: Fraction
    pieces: int


def multibuy_discounts(rule: Multibuy, lines: Sequence[RulePieces]) -> list[int]:
    """Each line's `discount_minor`, lines given in order of their number; all 0 where no group saves.

    A rule that takes fewer than 1, or has neither `pay_for` nor a price, saves nothing.
    """
    if rule.take < 1 or (rule.pay_for is None and rule.price_minor is None):
        return [0] * len(lines)
    saved = Fraction(0)
    saving: set[int] = set()
    for group, times in _groups(rule.take, _runs(lines)):
        saves = _saving(rule, group)
        if saves > 0:
            saved += saves * times
            saving.update(run.index for run in group)
    weights = [line.amount_minor if index in saving else 0 for index, line in enumerate(lines)]
    return share_out(min(round_half_up(saved), sum(weights)), weights)


def _runs(lines: Sequence[RulePieces]) -> list[_Run]:
    runs = [
        _Run(index, Fraction(line.unit_price_minor * 1_000, line.price_quantity_milli), line.quantity_milli // 1_000)
        for index, line in enumerate(lines)
    ]
    return sorted((run for run in runs if run.pieces), key=lambda run: -run.price)


def _groups(take: int, runs: list[_Run]) -> Iterator[tuple[list[_Run], int]]:
    """Full groups, dearest first, each with how many times it stands in a row; what is left over is passed over."""
    group: list[_Run] = []
    missing = take
    for run in runs:
        pieces = run.pieces
        while pieces:
            if missing == take and pieces >= take:
                yield [_Run(run.index, run.price, take)], pieces // take
                pieces %= take
                continue
            taken = min(missing, pieces)
            group.append(_Run(run.index, run.price, taken))
            pieces -= taken
            missing -= taken
            if not missing:
                yield group, 1
                group, missing = [], take


def _saving(rule: Multibuy, group: list[_Run]) -> Fraction:
    """What the group costs piece by piece, less what it costs under the rule; below 0 where the rule is dearer."""
    costs = sum((run.price * run.pieces for run in group), Fraction(0))
    if rule.price_minor is not None:
        return costs - rule.price_minor
    paid, left = Fraction(0), rule.pay_for or 0
    for run in group:
        pieces = min(left, run.pieces)
        paid += run.price * pieces
        left -= pieces
    return costs - paid
