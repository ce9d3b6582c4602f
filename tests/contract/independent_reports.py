"""The sales report once more, counted from the events alone as section 8 tells it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

columns_of = {
    "location": ("location_id",),
    "business_date": ("business_date",),
    "hour": ("hour",),
    "product": ("product_id",),
    "category": ("category",),
    "cashier": ("cashier_id",),
    "terminal": ("terminal_id",),
    "price_rule": ("price_rule_id",),
    "approved_by": ("approved_by",),
    "tax": ("tax_code", "rate_ppm"),
}
line_dimensions = {"product", "category", "price_rule", "approved_by", "tax"}
sale_figures = ("sales_count", "quantity_milli", "gross_minor", "net_minor", "tax_minor", "discount_minor")
refund_figures = (
    *("refund_count", "refunds_quantity_milli", "refunds_gross_minor"),
    *("refunds_net_minor", "refunds_tax_minor", "refunds_discount_minor"),
)
page_order = (
    *("location_id", "business_date", "hour", "product_id", "category", "cashier_id", "terminal_id"),
    *("price_rule_id", "approved_by", "tax_code", "rate_ppm"),
)


@dataclass(frozen=True)
class Receipted:
    """A sale or refund, or (with `sign` −1) its void, at the place and time where it counts."""

    payload: Mapping[str, Any]
    location_id: str
    terminal_id: str
    business_date: str
    hour: int
    sign: int = 1

    @property
    def is_sale(self) -> bool:
        return "sale_id" in self.payload and "refund_id" not in self.payload

    def place(self) -> dict[str, Any]:
        return {
            "location_id": self.location_id,
            "business_date": self.business_date,
            "hour": self.hour,
            "cashier_id": self.payload["cashier_id"],
            "terminal_id": self.terminal_id,
        }


@dataclass
class Row:
    """The figures of one row."""

    figures: dict[str, int] = field(default_factory=lambda: dict.fromkeys((*sale_figures, *refund_figures), 0))

    def add(self, figures: Sequence[str], sign: int, amounts: Sequence[int]) -> None:
        for name, amount in zip(figures, amounts, strict=True):
            self.figures[name] += sign * amount


def local_hour(created_at: str, zone: str) -> int:
    return datetime.fromisoformat(created_at.replace("Z", "+00:00")).astimezone(ZoneInfo(zone)).hour


def columns(group_by: Iterable[str]) -> list[str]:
    """The columns asked for, in the order of the page."""
    asked = {column for name in group_by for column in columns_of[name]}
    return [column for column in page_order if column in asked]


def report(receipts: Iterable[Receipted], group_by: Sequence[str]) -> list[dict[str, Any]]:
    """The rows by these dimensions in their order, without rows of zeros."""
    names = columns(group_by)
    rows: dict[tuple[Any, ...], Row] = {}
    for one in receipts:
        counted: dict[tuple[Any, ...], list[int]] = {}
        for key, amounts in _shares(one, group_by, names):
            have = counted.setdefault(key, [0] * 5)
            counted[key] = [a + b for a, b in zip(have, amounts, strict=True)]
        for key, sums in counted.items():
            figures = sale_figures if one.is_sale else refund_figures
            rows.setdefault(key, Row()).add(figures, one.sign, [1, *sums])
    ordered = sorted(rows, key=lambda key: [(value is not None, value) for value in key])
    return [
        {**dict(zip(names, key, strict=True)), **rows[key].figures}
        for key in ordered
        if any(rows[key].figures.values())
    ]


def _shares(
    one: Receipted, group_by: Sequence[str], names: Sequence[str]
) -> Iterable[tuple[tuple[Any, ...], tuple[int, int, int, int, int]]]:
    """What each line adds to which row: quantity, gross, net, tax, discount."""
    lines = [line for line in one.payload["lines"] if line["kind"] != "voucher"]
    if not one.payload["lines"] and not line_dimensions & set(group_by):
        yield tuple(one.place()[name] for name in names), (0, 0, 0, 0, 0)
    for line in lines:
        place = {**one.place(), **{name: line[name] for name in ("product_id", "category")}}
        place |= {name: line[name] for name in ("price_rule_id", "approved_by")}
        quantity, discount, net = line["quantity_milli"], line["discount_minor"], line["net_minor"]
        if "tax" not in group_by:
            tax = sum(tax["amount_minor"] for tax in line["taxes"])
            yield tuple(place[name] for name in names), (quantity, line["gross_minor"], net, tax, discount)
            continue
        for code, rate_ppm, amount in _tax_rows(line):
            place |= {"tax_code": code, "rate_ppm": rate_ppm}
            yield tuple(place[name] for name in names), (quantity, net + amount, net, amount, discount)


def _tax_rows(line: Mapping[str, Any]) -> Iterable[tuple[str | None, int | None, int]]:
    if not line["taxes"]:
        yield None, None, 0
    for tax in line["taxes"]:
        yield tax["code"], tax["rate_ppm"], tax["amount_minor"]
