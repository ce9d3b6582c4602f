"""The reckoning: each store's figures by the data set, the tills' journals, the ledger and the reports.

Each column is counted on its own, from its own source, by sums that share nothing with the programs that made it.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from demo.back_office import BackOffice
from demo.baskets import Basket
from protocol.journal_file import read_header

_ENTRIES_PER_PAGE: Final = 1000
_TAX_EXCLUSIVE: Final = "tax_exclusive"


class Figures(Struct):
    """What a store sold, voided sales apart; None where a source does not know a figure.

    `money_minor` is net where prices are without tax and gross where they include it: the data's own amount.
    """

    sales: int | None = 0
    lines: int | None = 0
    quantity_milli: int | None = 0
    money_minor: int | None = 0

    def agrees_with(self, other: "Figures") -> bool:
        """Whether each figure that both know is the same."""
        pairs = zip(msgspec.structs.astuple(self), msgspec.structs.astuple(other), strict=True)
        return all(mine == theirs for mine, theirs in pairs if mine is not None and theirs is not None)


class JournalLine(Struct, frozen=True):
    """A line of a till's journal, read as plain JSON."""

    terminal_id: str
    epoch: int
    raw: bytes
    event: dict[str, Any]


def by_data(baskets: Iterable[Basket]) -> dict[int, Figures]:
    """Store of the data → its figures."""
    figures: dict[int, Figures] = defaultdict(Figures)
    for basket in baskets:
        _add(
            figures[basket.store_id],
            1,
            len(basket.lines),
            sum(line.quantity_milli for line in basket.lines),
            basket.amount_minor,
        )
    return dict(figures)


def read_journal(file: Path) -> list[JournalLine]:
    """The lines of an exported journal."""
    with file.open("rb") as text:
        header = read_header(text.readline())
        return [
            JournalLine(str(header.terminal_id), header.epoch, line.rstrip(b"\n"), msgspec.json.decode(line))
            for line in text
        ]


def by_journals(journals: Iterable[JournalLine], location_of: Mapping[str, str]) -> dict[str, Figures]:
    """Location → figures. A line that two copies of one disk hold counts once."""
    seen: set[bytes] = set()
    sales: dict[str, tuple[str, dict[str, Any]]] = {}
    voided: list[str] = []
    for line in journals:
        if line.raw in seen:
            continue
        seen.add(line.raw)
        payload = line.event["payload"]
        if line.event["type"] == "SALE":
            sales[payload["sale_id"]] = location_of[line.terminal_id], payload
        elif line.event["type"] == "VOID" and payload["sale_id"] is not None:
            voided.append(payload["sale_id"])
    for sale_id in voided:
        del sales[sale_id]
    figures: dict[str, Figures] = defaultdict(Figures)
    for location_id, sale in sales.values():
        _add(
            figures[location_id],
            1,
            len(sale["lines"]),
            sum(line["quantity_milli"] for line in sale["lines"]),
            sale["net_minor" if sale["price_mode"] == _TAX_EXCLUSIVE else "gross_minor"],
        )
    return dict(figures)


async def by_ledger(office: BackOffice, price_mode: str) -> dict[str, Figures]:
    """Location → figures, from the entries alone: a sale books revenue, its void takes it back."""
    revenue: dict[tuple[str, str, int, int | None, int], int] = Counter()
    taxes: dict[tuple[str, str, int, int | None, int], int] = Counter()
    async for entry in _entries(office):
        event = (
            entry["location_id"],
            entry["terminal_id"],
            entry["epoch"],
            entry.get("branch"),
            entry["sequence"],
        )
        if entry["account"] == "sales_revenue":
            revenue[event] -= entry["amount_minor"]
        elif entry["account"].startswith("tax:"):
            taxes[event] -= entry["amount_minor"]
    figures: dict[str, Figures] = defaultdict(lambda: Figures(lines=None, quantity_milli=None))
    for event, net in revenue.items():
        money = net if price_mode == _TAX_EXCLUSIVE else net + taxes[event]
        _add(figures[event[0]], 1 if net > 0 else -1, None, None, money)
    return dict(figures)


async def by_reports(office: BackOffice, price_mode: str) -> dict[str, Figures]:
    """Location → figures. No basket has a product twice, so the sales of all products together are the lines."""
    figures: dict[str, Figures] = defaultdict(Figures)
    money = "net_minor" if price_mode == _TAX_EXCLUSIVE else "gross_minor"
    for row in (await office.get("/v1/reports/sales?group_by=location"))["rows"]:
        _add(figures[row["location_id"]], row["sales_count"], None, row["quantity_milli"], row[money])
    for row in (await office.get("/v1/reports/sales?group_by=location,product"))["rows"]:
        _add(figures[row["location_id"]], None, row["sales_count"], None, None)
    return dict(figures)


async def ledger_sum(office: BackOffice) -> int:
    """The sum of all balances, which is 0."""
    return sum(balance["amount_minor"] for balance in (await office.get("/v1/ledger/balances"))["balances"])


async def exceptions(office: BackOffice) -> Counter[str]:
    """How many exceptions stand open, by code."""
    return Counter(row["code"] for row in await office.every("/v1/exceptions?status=open", "exceptions"))


async def reachable_by_others(
    offices: Mapping[str, BackOffice], receipts: Mapping[str, list[str]], each_max: int
) -> tuple[int, list[str]]:
    """Ask for each tenant's things with the other's key: how many were asked for, and what was not a plain 404."""
    asked = 0
    leaks: list[str] = []
    for owner, office in offices.items():
        paths = [f"/v1/receipts/{number}" for number in receipts[owner][:each_max]]
        for name in ("terminals", "locations", "products", "cashiers", "tax-groups"):
            rows = (await office.get(f"/v1/{name}?limit={each_max}"))[name.replace("-", "_")]
            key = name.replace("-", "_").removesuffix("s") + "_id"
            paths += [f"/v1/{name}/{row[key]}" for row in rows]
        for stranger in (other for code, other in offices.items() if code != owner):
            for path in paths:
                asked += 1
                answer = await stranger.ask("GET", path)
                if answer.status != 404:
                    leaks.append(f"{path} answered {answer.status}")
    return asked, leaks


async def _entries(office: BackOffice) -> Any:
    after = 0
    while page := (await office.get(f"/v1/ledger/entries?after={after}&limit={_ENTRIES_PER_PAGE}"))["entries"]:
        for entry in page:
            yield entry
        after = page[-1]["entry_number"]


def _add(figures: Figures, *more: int | None) -> None:
    for name, amount in zip(("sales", "lines", "quantity_milli", "money_minor"), more, strict=True):
        if amount is not None:
            setattr(figures, name, getattr(figures, name) + amount)
