"""The contract's arithmetic once more, by exact fractions and from the page alone (section 6)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import floor
from typing import Any

ppm = 1_000_000


def round_half_up(value: Fraction) -> int:
    """Halves go away from zero."""
    return floor(value + Fraction(1, 2)) if value >= 0 else -floor(-value + Fraction(1, 2))


def share_out(amount: int, weights: Sequence[Fraction]) -> list[int]:
    """Floors by quota, then one unit each to the largest fractions, ties to the earlier; all weights zero: all 0."""
    whole = sum(weights, Fraction(0))
    if whole == 0:
        return [0] * len(weights)
    quotas = [amount * weight / whole for weight in weights]
    shares = [floor(quota) for quota in quotas]
    order = sorted(range(len(weights)), key=lambda place: (shares[place] - quotas[place], place))
    for place in order[: amount - sum(shares)]:
        shares[place] += 1
    return shares


@dataclass(frozen=True)
class Tax:
    """One component of a tax group, in its order of application."""

    code: str
    rate_ppm: int
    compound: bool = False


@dataclass(frozen=True)
class Item:
    """One line of a receipt before its totals are known."""

    product_id: str | None
    unit_price_minor: int
    taxes: tuple[Tax, ...] = ()
    quantity_milli: int = 1000
    price_quantity_milli: int = 1000
    discount_minor: int = 0
    kind: str = "product"
    barcode: str | None = None
    sku: str | None = "SKU"
    name: str = "Thing"
    category: str | None = None
    list_price_minor: int | None = None
    price_rule_id: str | None = None
    approved_by: str | None = None
    more: Mapping[str, Any] = field(default_factory=dict)

    @property
    def undiscounted_minor(self) -> int:
        return round_half_up(Fraction(self.unit_price_minor * self.quantity_milli, self.price_quantity_milli))

    @property
    def amount_minor(self) -> int:
        return self.undiscounted_minor - self.discount_minor


def factors(taxes: Sequence[Tax], price_mode: str) -> list[Fraction]:
    """The exact part of the line amount that each component takes."""
    exact: list[Fraction] = []
    for tax in taxes:
        rate = Fraction(tax.rate_ppm, ppm)
        exact.append(rate * (1 + sum(exact, Fraction(0))) if tax.compound else rate)
    if price_mode == "tax_inclusive":
        whole = 1 + sum(exact, Fraction(0))
        exact = [factor / whole for factor in exact]
    return exact


def totals(items: Sequence[Item], price_mode: str, tax_rounding: str) -> dict[str, Any]:
    """The lines, the tax rows and the three totals of a receipt."""
    exact = [[item.amount_minor * factor for factor in factors(item.taxes, price_mode)] for item in items]
    bearers: dict[tuple[str, int], list[tuple[int, int]]] = {}
    for place, item in enumerate(items):
        for part, tax in enumerate(item.taxes):
            bearers.setdefault((tax.code, tax.rate_ppm), []).append((place, part))
    amounts = [[0] * len(item.taxes) for item in items]
    for places in bearers.values():
        weights = [exact[place][part] for place, part in places]
        if tax_rounding == "receipt":
            shares = share_out(round_half_up(sum(weights, Fraction(0))), weights)
        else:
            shares = [round_half_up(weight) for weight in weights]
        for (place, part), share in zip(places, shares, strict=True):
            amounts[place][part] = share
    lines = [_line(place + 1, item, amounts[place], price_mode) for place, item in enumerate(items)]
    rows = [
        {
            "code": code,
            "rate_ppm": rate_ppm,
            "base_minor": sum(_base(lines[place], items[place], part) for place, part in places),
            "amount_minor": sum(amounts[place][part] for place, part in places),
        }
        for (code, rate_ppm), places in bearers.items()
    ]
    net, gross = (sum(line[name] for line in lines) for name in ("net_minor", "gross_minor"))
    return {"lines": lines, "taxes": rows, "net_minor": net, "tax_minor": gross - net, "gross_minor": gross}


def _base(line: Mapping[str, Any], item: Item, part: int) -> int:
    before = sum(tax["amount_minor"] for tax in line["taxes"][:part]) if item.taxes[part].compound else 0
    return int(line["net_minor"]) + before


def _line(number: int, item: Item, amounts: Sequence[int], price_mode: str) -> dict[str, Any]:
    tax = sum(amounts)
    inclusive = price_mode == "tax_inclusive"
    return {
        "line": number,
        "kind": item.kind,
        "product_id": item.product_id,
        "sku": item.sku,
        "name": item.name,
        "category": item.category,
        "barcode": item.barcode,
        "quantity_milli": item.quantity_milli,
        "list_price_minor": item.unit_price_minor if item.list_price_minor is None else item.list_price_minor,
        "unit_price_minor": item.unit_price_minor,
        "price_quantity_milli": item.price_quantity_milli,
        "discount_minor": item.discount_minor,
        "price_rule_id": item.price_rule_id,
        "approved_by": item.approved_by,
        "gross_minor": item.amount_minor if inclusive else item.amount_minor + tax,
        "net_minor": item.amount_minor - tax if inclusive else item.amount_minor,
        "taxes": [
            {"code": one.code, "rate_ppm": one.rate_ppm, "compound": one.compound, "amount_minor": amount}
            for one, amount in zip(item.taxes, amounts, strict=True)
        ],
        **item.more,
    }


def line_amount(line: Mapping[str, Any], price_mode: str) -> int:
    return int(line["gross_minor"] if price_mode == "tax_inclusive" else line["net_minor"])


def cumulative_share(whole: int, quantity: int, of_quantity: int) -> int:
    """What all refunds of a line together give back once `quantity` of `of_quantity` came back."""
    return round_half_up(Fraction(whole * quantity, of_quantity))


def refund_line(
    line: Mapping[str, Any], number: int, quantity_milli: int, earlier: Sequence[Mapping[str, Any]], price_mode: str
) -> dict[str, Any]:
    """One line of a refund that gives back `quantity_milli` of a sold line, after `earlier` lines gave theirs."""
    reached = quantity_milli + sum(given["quantity_milli"] for given in earlier)

    def share(whole: int, given: int) -> int:
        return cumulative_share(whole, reached, line["quantity_milli"]) - given

    amount = share(line_amount(line, price_mode), sum(line_amount(given, price_mode) for given in earlier))
    taxes = [
        {**tax, "amount_minor": share(tax["amount_minor"], sum(g["taxes"][part]["amount_minor"] for g in earlier))}
        for part, tax in enumerate(line["taxes"])
    ]
    tax_minor = sum(tax["amount_minor"] for tax in taxes)
    inclusive = price_mode == "tax_inclusive"
    return {
        **line,
        "line": number,
        "original_line": line["line"],
        "quantity_milli": quantity_milli,
        "discount_minor": share(line["discount_minor"], sum(given["discount_minor"] for given in earlier)),
        "taxes": taxes,
        "gross_minor": amount if inclusive else amount + tax_minor,
        "net_minor": amount - tax_minor if inclusive else amount,
    }


def refund_totals(lines: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The rows and totals of a refund are the sums of its lines."""
    rows: dict[tuple[str, int], dict[str, Any]] = {}
    for line in lines:
        before = 0
        for tax in line["taxes"]:
            row = rows.setdefault(
                (tax["code"], tax["rate_ppm"]),
                {"code": tax["code"], "rate_ppm": tax["rate_ppm"], "base_minor": 0, "amount_minor": 0},
            )
            row["base_minor"] += line["net_minor"] + (before if tax["compound"] else 0)
            row["amount_minor"] += tax["amount_minor"]
            before += tax["amount_minor"]
    net, gross = (sum(line[name] for line in lines) for name in ("net_minor", "gross_minor"))
    return {
        "lines": list(lines),
        "taxes": list(rows.values()),
        "net_minor": net,
        "tax_minor": gross - net,
        "gross_minor": gross,
    }


def cash_rounding(cash_part: int, unit: int) -> int:
    """What is added to a cash part so that it can be paid in coins of `unit`."""
    return round_half_up(Fraction(cash_part, unit)) * unit - cash_part
