"""Section 8: the sales report by each dimension, in three formats, tied to the ledger."""

import csv
import io
import itertools
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow.parquet
import pytest

from tests.contract.independent_arithmetic import Item, Tax
from tests.contract.independent_client import Server
from tests.contract.independent_reports import (
    Receipted,
    columns,
    columns_of,
    local_hour,
    refund_figures,
    report,
    sale_figures,
)
from tests.contract.independent_shop import Register, Shop, Tenant, make_tenant, new_id

zones = ("Europe/Vienna", "America/New_York")
figures = (*sale_figures, *refund_figures)


@dataclass
class Chain:
    """Two stores with three tills that sold, refunded and voided on three days."""

    tenant: Tenant
    receipts: list[Receipted]
    events: list[tuple[str, dict[str, Any]]]

    def rows(self, group_by: str | None = None, **query: Any) -> list[dict[str, Any]]:
        answer = self.tenant.owner.get("/v1/reports/sales", group_by=group_by, **query).ok()
        assert answer["currency"] == "EUR"
        kept: list[dict[str, Any]] = [row for row in answer["rows"] if any(row[name] for name in figures)]
        return kept


def opened(tenant: Tenant, zone: str) -> Shop:
    location_id = tenant.location(timezone=zone)["location_id"]
    tenant.set(location_id, clock_skew_seconds_max=0)
    return Shop(tenant, location_id, tenant.product()["product_id"], tenant.product()["product_id"])


class Storyteller:
    """Rings a seeded mixture, and notes where each receipt counts."""

    def __init__(self, tenant: Tenant, seed: int) -> None:
        self.chance = random.Random(seed)
        self.shops = [opened(tenant, zone) for zone in zones]
        cashiers = [new_id(), new_id()]
        self.tills = [
            (self.shops[place], zones[place], self.shops[place].register(cashier_id=cashiers[number % 2]))
            for number, place in enumerate((0, 0, 1))
        ]
        self.rules = [new_id(), None]
        self.approvers = [new_id(), None]
        self.receipts: list[Receipted] = []
        self.sales: list[tuple[Receipted, Register]] = []
        self.refunded: list[Receipted] = []

    def tell(self, receipts: int) -> None:
        for _ in range(receipts):
            self.one_more()
        for _, _, book in self.tills:
            assert book.till.push()["applied_through"] == len(book.events)

    def one_more(self) -> None:
        shop, zone, book = self.chance.choice(self.tills)
        day = self.chance.randint(1, 3)
        created_at = f"2026-11-0{day}T{self.chance.randint(0, 23):02}:{self.chance.randint(0, 59):02}:00Z"
        envelope = {"created_at": created_at, "business_date": f"2026-11-0{day}"}
        place = (shop.location_id, book.till.terminal_id, envelope["business_date"], local_hour(created_at, zone))
        kind = self.chance.choice(["sell", "sell", "sell", "refund", "void", "void a refund"])
        if kind == "refund" and self.sales:
            sale, _ = self.sales.pop(0)
            payload = book.refund(sale.payload, {1: 500}, envelope=envelope)
            self.receipts.append(Receipted(payload, *place))
            self.refunded.append(self.receipts[-1])
        elif kind == "void" and self.sales:
            sale, its_book = self.sales.pop()
            self.void(sale, its_book, envelope, zone)
        else:
            payload = book.sell(*self.basket(shop), envelope=envelope)
            self.receipts.append(Receipted(payload, *place))
            if payload["lines"][0]["kind"] == "product":
                self.sales.append((self.receipts[-1], book))

    def void(self, sale: Receipted, book: Register, envelope: dict[str, str], zone: str) -> None:
        zone = next(its_zone for _, its_zone, one in self.tills if one is book)
        book.void(sale.payload, envelope=envelope)
        hour = local_hour(envelope["created_at"], zone)
        date = envelope["business_date"]
        self.receipts.append(Receipted(sale.payload, sale.location_id, sale.terminal_id, date, hour, -1))

    def basket(self, shop: Shop) -> Iterator[Item]:
        if self.chance.random() < 0.15:
            yield Item(None, 2500, (), kind="voucher", barcode=new_id(), sku=None, name="Gift card")
            return
        for _ in range(self.chance.randint(1, 4)):
            taxes = self.chance.choice(
                [(), (Tax("VAT", 200_000),), (Tax("VAT", 100_000),), (Tax("VAT", 200_000), Tax("CITY", 15_000, True))]
            )
            yield Item(
                self.chance.choice([shop.wine_id, shop.bread_id, None]),
                self.chance.randint(50, 5000),
                taxes,
                self.chance.choice([1000, 2000, 1337]),
                discount_minor=self.chance.choice([0, 0, 25]),
                category=self.chance.choice(["drinks", "food", "Äpfel", None]),
                price_rule_id=self.chance.choice(self.rules),
                approved_by=self.chance.choice(self.approvers),
            )


@pytest.fixture(scope="module")
def chain(server: Server) -> Chain:
    tenant = make_tenant(server)
    story = Storyteller(tenant, seed=8)
    story.tell(60)
    return Chain(tenant, story.receipts, [event for _, _, book in story.tills for event in book.events])


def test_without_a_dimension_there_is_one_row(chain: Chain) -> None:
    assert chain.rows() == report(chain.receipts, [])


@pytest.mark.parametrize("dimension", columns_of)
def test_each_dimension_counts_what_the_events_say(chain: Chain, dimension: str) -> None:
    assert chain.rows(dimension) == report(chain.receipts, [dimension])


@pytest.mark.parametrize("pair", list(itertools.combinations(columns_of, 2)), ids=",".join)
def test_two_dimensions_together_count_what_the_events_say(chain: Chain, pair: tuple[str, str]) -> None:
    assert chain.rows(",".join(pair)) == report(chain.receipts, pair)


@pytest.mark.parametrize("group_by", [list(columns_of), list(reversed(columns_of))], ids=["of the page", "reversed"])
def test_all_dimensions_together_count_what_the_events_say(chain: Chain, group_by: list[str]) -> None:
    assert chain.rows(",".join(group_by)) == report(chain.receipts, group_by)


@pytest.mark.parametrize("span", [("2026-11-02", None), (None, "2026-11-02"), ("2026-11-02", "2026-11-02")], ids=str)
def test_a_span_counts_both_its_ends(chain: Chain, span: tuple[str | None, str | None]) -> None:
    first, last = span
    counted = [one for one in chain.receipts if (first or "") <= one.business_date <= (last or "9")]

    assert chain.rows("business_date,terminal", from_=first, to=last) == report(counted, ["business_date", "terminal"])


def test_the_report_ties_to_the_ledger(chain: Chain) -> None:
    (row,) = chain.rows()
    balances: dict[str, int] = {}
    for one in chain.tenant.owner.get("/v1/ledger/balances").ok()["balances"]:
        account = one["account"].partition(":")[0]
        balances[account] = balances.get(account, 0) + one["amount_minor"]

    assert row["net_minor"] == -balances["sales_revenue"]
    assert row["refunds_net_minor"] == balances["sales_returns"]
    assert row["refunds_tax_minor"] - row["tax_minor"] == balances["tax"]


def rows_of(shop: Shop, group_by: str) -> list[dict[str, Any]]:
    rows = shop.tenant.owner.get("/v1/reports/sales", group_by=f"location,{group_by}").ok()["rows"]
    return [row for row in rows if row["location_id"] == shop.location_id]


def test_a_void_on_another_day_counts_out_there(tenant: Tenant) -> None:
    shop = opened(tenant, "UTC")
    book = shop.register()
    sale = book.sell(shop.wine(), envelope={"business_date": "2026-11-01", "created_at": "2026-11-01T10:00:00Z"})
    book.void(sale, envelope={"business_date": "2026-11-02", "created_at": "2026-11-02T15:00:00Z"})
    book.till.push()

    rows = rows_of(shop, "business_date,hour")

    assert [(row["business_date"], row["hour"], row["sales_count"], row["gross_minor"]) for row in rows] == [
        ("2026-11-01", 10, 1, 999),
        ("2026-11-02", 15, -1, -999),
    ]


def test_a_sale_without_lines_counts_only_where_no_line_column_is_asked(tenant: Tenant) -> None:
    shop = opened(tenant, "UTC")
    book = shop.register()
    book.sell()
    book.till.push()

    assert [row["sales_count"] for row in rows_of(shop, "terminal")] == [1]
    assert [row for row in rows_of(shop, "product") if row["sales_count"]] == []


def test_json_bears_the_currency_and_every_figure(chain: Chain) -> None:
    answer = chain.tenant.owner.get("/v1/reports/sales", group_by="tax", headers={"Accept": "application/json"})

    assert answer.headers["content-type"].split(";")[0] == "application/json"
    assert {frozenset(row) for row in answer.json["rows"]} == {frozenset({"tax_code", "rate_ppm", *figures})}


def test_csv_has_a_header_and_the_columns_in_the_order_of_the_page(chain: Chain) -> None:
    group_by = ["tax", "category", "location"]
    answer = chain.tenant.owner.get("/v1/reports/sales", group_by=",".join(group_by), headers={"Accept": "text/csv"})
    assert answer.headers["content-type"].split(";")[0] == "text/csv"
    header, *rows = csv.reader(io.StringIO(answer.body.decode(), newline=""))
    written = [dict(zip(header, row, strict=True)) for row in rows]

    assert header == [*columns(group_by), *figures]
    assert [row for row in written if any(row[name] != "0" for name in figures)] == [
        {name: "" if value is None else str(value) for name, value in row.items()}
        for row in report(chain.receipts, group_by)
    ]


def test_parquet_holds_the_same_rows(chain: Chain) -> None:
    group_by = ["business_date", "hour", "tax"]
    answer = chain.tenant.owner.get(
        "/v1/reports/sales", group_by=",".join(group_by), headers={"Accept": "application/vnd.apache.parquet"}
    )
    assert answer.headers["content-type"] == "application/vnd.apache.parquet"
    table = pyarrow.parquet.read_table(io.BytesIO(answer.body))
    rows = json.loads(json.dumps(table.to_pylist(), default=str))

    assert table.column_names == [*columns(group_by), *figures]
    assert [row for row in rows if any(row[name] for name in figures)] == report(chain.receipts, group_by)


@pytest.mark.parametrize("accept", ["text/html", "application/pdf", "application/xml"])
def test_another_accept_is_not_acceptable(chain: Chain, accept: str) -> None:
    assert chain.tenant.owner.get("/v1/reports/sales", headers={"Accept": accept}).refusal == (406, "not-acceptable")


def test_an_unknown_dimension_is_invalid(chain: Chain) -> None:
    answer = chain.tenant.owner.get("/v1/reports/sales", group_by="location,weather")

    assert answer.refusal == (422, "invalid")
    assert answer.json["field"] == "group_by"


def test_a_report_spans_400_days_at_most(chain: Chain) -> None:
    fits = chain.tenant.owner.get("/v1/reports/sales", from_="2025-10-22", to="2026-11-25")
    over = chain.tenant.owner.get("/v1/reports/sales", from_="2025-10-01", to="2026-11-25")

    assert fits.status == 200
    assert over.refusal == (422, "invalid")


def test_another_tenants_sales_are_in_no_row(chain: Chain, stranger: Tenant) -> None:
    rows = stranger.owner.get("/v1/reports/sales", group_by="location").ok()["rows"]

    assert not {row["location_id"] for row in rows} & {one.location_id for one in chain.receipts}
