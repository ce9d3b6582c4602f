"""What the checkers look at: tables, disks, papers, replicas and answers as they are, read by nothing of ours."""

import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, TypeAlias

import asyncpg

from tests.simulation.back_office import BackOffice
from tests.simulation.hand_till import HandTill
from tests.simulation.network import Promise
from tests.simulation.printer import Print
from tests.simulation.schedule import dawn
from tests.simulation.till import Till
from tests.simulation.world import World

Key: TypeAlias = tuple[str, int, int, int]
"""An event: terminal, epoch, branch (0 is the chain), sequence."""

reports: tuple[str, ...] = ("", "location,business_date", "hour,terminal", "product", "cashier,category", "tax")
_tables = {
    "events": "select *, convert_from(line, 'utf8') as text from till.events order by tenant_id, terminal_id, epoch,"
    " branch, sequence",
    "branches": "select * from till.branches",
    "lost": "select * from till.lost_sequences",
    "entries": "select * from till.entries order by tenant_id, entry_number",
    "daily_balances": "select * from till.daily_balances",
    "sales_daily": "select * from till.sales_daily",
    "sales_hourly": "select * from till.sales_hourly",
    "report_lines": "select * from till.report_lines",
    "epochs": "select * from till.epochs",
    "receipts": "select * from till.receipts",
    "exceptions": "select * from till.exceptions",
    "changes": "select * from till.changes",
}


@dataclass(frozen=True)
class DiskLine:
    """A line that some disk has."""

    terminal_id: str
    epoch: int
    sequence: int
    hash: str
    type: str
    poison: bool = False


@dataclass(frozen=True)
class Disk:
    """A till's disk: its lines, its print jobs, how far it counts as acknowledged, and the paper of its printer."""

    name: str
    lines: tuple[DiskLine, ...]
    acknowledged: Mapping[tuple[str, int], int]
    jobs: tuple[tuple[str, str, int, str], ...]
    """Of each document: the line's hash, its event's type, whether it is a copy, the state of its print job."""
    paper: tuple[Print, ...] = ()


@dataclass(frozen=True)
class Replica:
    """What a terminal has of its location, and what a fresh terminal would get there."""

    name: str
    followed: Mapping[tuple[str, str], Any]
    fresh: Mapping[tuple[str, str], Any]


@dataclass(frozen=True)
class TenantEvidence:
    """One tenant: who it is, and what the API answers its owner."""

    tenant_id: str
    canary: str
    zones: Mapping[str, str]
    location_of: Mapping[str, str]
    balances: list[dict[str, Any]]
    reports: Mapping[tuple[str, str], list[dict[str, Any]]]
    """By year (a report spans 400 days at most) and dimensions."""
    feed: list[dict[str, Any]]
    heard: tuple[bytes, ...]


@dataclass(frozen=True)
class Evidence:
    """All of it, when everything is delivered."""

    tenants: tuple[TenantEvidence, ...]
    tables: Mapping[str, list[dict[str, Any]]]
    promises: frozenset[Promise]
    broken: frozenset[Promise]
    disks: tuple[Disk, ...]
    replicas: tuple[Replica, ...]

    def of(self, tenant: TenantEvidence, table: str) -> list[dict[str, Any]]:
        return [row for row in self.tables[table] if str(row["tenant_id"]) == tenant.tenant_id]

    def applied(self, tenant: TenantEvidence) -> dict[Key, dict[str, Any]]:
        """The events that count, as their writers wrote them: the chains' and the adopted branches', not the poison.

        A line that stands in two places counts in one: where central says that it booked it.
        """
        adopted = {
            (str(row["terminal_id"]), row["branch"]) for row in self.of(tenant, "branches") if row["state"] == "adopted"
        }
        poison = {line.hash for disk in self.disks for line in disk.lines if line.poison}
        found = {}
        seen: set[tuple[str, int, int, bytes]] = set()
        for row in sorted(self.of(tenant, "events"), key=lambda row: str(row["state"]) == "kept"):
            key = (str(row["terminal_id"]), row["epoch"], row["branch"], row["sequence"])
            counts = key[2] == 0 or (key[0], key[2]) in adopted
            line = (key[0], key[1], key[3], row["line"])
            if counts and row["state"] != "held" and line not in seen and sha256(row["line"]).hexdigest() not in poison:
                seen.add(line)
                found[key] = json.loads(row["text"])
        return found


async def gather(world: World) -> Evidence:
    """Read everything once."""
    connection = await asyncpg.connect(world.central.superuser_address)
    try:
        tables = {name: [dict(row) for row in await connection.fetch(text)] for name, text in _tables.items()}
    finally:
        await connection.close()
    disks = [_disk(till) for till in world.tills + world.disks]
    disks += [_hand_disk(till) for till in world.hand_tills]
    replicas = [await _replica(till) for till in world.tills if _follows(world, till)]
    for hand_till in world.hand_tills:
        fresh = await _fresh_by_hand(hand_till)
        replicas.append(Replica(hand_till.name, hand_till.replica, fresh))
    return Evidence(
        tuple([await _tenant(office, tables) for office in world.offices]),
        tables,
        frozenset(world.network.promises),
        frozenset(world.network.broken),
        tuple(disks),
        tuple(replicas),
    )


async def _tenant(office: BackOffice, tables: Mapping[str, list[dict[str, Any]]]) -> TenantEvidence:
    tenant = office.tenant
    _, balances = await office.ask("GET", "/v1/ledger/balances")
    found = {}
    for year in {str(row["business_date"].year) for row in tables["entries"]} | {str(dawn.year)}:
        for group_by in reports:
            span = {"from": f"{year}-01-01", "to": f"{year}-12-31"}
            status, answer = await office.ask(
                "GET", "/v1/reports/sales", **span, **({"group_by": group_by} if group_by else {})
            )
            assert status == 200, answer
            found[year, group_by] = answer["rows"]
    for path in ("/v1/events", "/v1/exceptions", "/v1/terminals", "/v1/products", "/v1/cashiers", "/v1/audit"):
        await office.ask("GET", path, limit="1000")
    location_of = {terminal: place for place, terminals in tenant.terminals.items() for terminal in terminals}
    return TenantEvidence(
        str(tenant.tenant_id),
        tenant.canary,
        tenant.zones,
        location_of,
        balances["balances"],
        found,
        office.entries,
        tuple(office.heard),
    )


def _disk(till: Till) -> Disk:
    with closing(sqlite3.connect(till.directory.journal)) as connection:
        rows = connection.execute("select enrolment, terminal_id, epoch from enrolments").fetchall()
        epochs = {number: (terminal_id, epoch) for number, terminal_id, epoch in rows}
        rows = connection.execute("select position, type, line from journal order by position").fetchall()
        jobs = connection.execute(
            "select line, type, slip_is_copy, coalesce(state, 'queued')"
            " from journal left join print_jobs on job_id = position where slip is not null order by position"
        ).fetchall()
    lines = tuple(
        DiskLine(*epochs[position >> 40], position & ((1 << 40) - 1), sha256(line).hexdigest(), type_)
        for position, type_, line in rows
    )
    acknowledged = {
        (enrolment.answer.terminal_id, enrolment.answer.epoch): through for enrolment, through in till.acknowledged()
    }
    of_jobs = tuple((sha256(line).hexdigest(), type_, copy, state) for line, type_, copy, state in jobs)
    return Disk(till.name, lines, acknowledged, of_jobs, tuple(till.printer.paper))


def _hand_disk(till: HandTill) -> Disk:
    lines = tuple(
        DiskLine(*till.sender, sequence, sha256(line).hexdigest(), json.loads(line)["type"], sequence in till.poison)
        for sequence, line in enumerate(till.journal.lines, 1)
        if sequence not in till.destroyed
    )
    # What no disk has any more may have come all the same; whether it can be read is known of it too.
    gone = tuple(
        DiskLine(*till.sender, -sequence, sha256(till.journal.lines[sequence - 1]).hexdigest(), "", True)
        for sequence in till.destroyed & till.poison
    )
    return Disk(till.name, lines + gone, {}, ())


def _follows(world: World, till: Till) -> bool:
    return bool(till.identity.epoch == world.newest_epoch(till.identity.terminal_id))


async def _replica(till: Till) -> Replica:
    with closing(sqlite3.connect(till.directory.catalogue)) as connection:
        followed: dict[tuple[str, str], Any] = {}
        for entity, key, data in connection.execute(
            "select 'product', product_id, data from products"
            " union all select 'receipt', id, data from receipts"
            " union all select entity, id, data from entities"
        ):
            followed[entity, key] = json.loads(data)
    fresh: dict[tuple[str, str], Any] = {}
    params = {"limit": "1000", "wait": "0"}
    while True:
        answer = await till.link.request("GET", "/v1/sync/changes", params=params)
        assert answer.status == 200, answer
        page = json.loads(answer.body)
        _apply(fresh, page)
        params["cursor"] = page["cursor"]
        if not page["more"]:
            return Replica(till.name, followed, fresh)


async def _fresh_by_hand(till: HandTill) -> dict[tuple[str, str], Any]:
    fresh: dict[tuple[str, str], Any] = {}
    cursor = ""
    while True:
        heard = await till.ask("GET", f"/v1/sync/changes?limit=1000&wait=0{cursor}", {}, b"")
        assert heard is not None, "the network is good by now"
        assert heard.status == 200, heard
        page = json.loads(heard.body)
        _apply(fresh, page)
        cursor = f"&cursor={page['cursor']}"
        if not page["more"]:
            return fresh


def _apply(into: dict[tuple[str, str], Any], page: Mapping[str, Any]) -> None:
    for change in page["changes"]:
        if change["op"] == "put":
            into[change["entity"], change["id"]] = change["data"]
        else:
            into.pop((change["entity"], change["id"]), None)
