"""A disk that fails at any call of a sale, by `strace`: no receipt without its event, no event lost, none sold twice.

The real journal, register and spool work in a process of their own; the system answers its n-th write or sync with an
error, or kills it there. Then the till starts again on what is left, and the front end repeats the tender.
"""

import asyncio
import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from terminal_agent.journal_tools import verify_journal
from terminal_agent.state_directory import StateDirectory
from tests.terminal_agent.lone_counter import BARCODES, counter, open_shift, sell_one, stock
from tests.terminal_agent.sale_on_a_faulty_disk import ACT, ACTS, TENDER

SECONDS_MAX = 60
FILES = ("journal.sqlite", "journal.sqlite-wal", "journal.sqlite-shm", "open-sale-0", "open-sale-1")
SOLD = ["COFFEE", "BREAD"]
needs_strace = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")


@dataclass
class Ended:
    """What the process had said when it ended."""

    said: list[dict[str, Any]]
    exit_code: int

    def of(self, command: str) -> list[dict[str, Any]]:
        return [line for line in self.said if line.get("command") == command]

    @property
    def seen(self) -> list[str]:
        """What the cashier saw in the cart: the scans that were done."""
        done = {line["barcode"] for line in self.of("scan") if line["what"] == "done"}
        return [sku for sku in SOLD if BARCODES[sku] in done]

    @property
    def sale(self) -> dict[str, Any] | None:
        """The answer that bears the SALE, if one came."""
        return next((line for line in self.of("tender") if line["what"] == "done" and line["events"]), None)

    @property
    def refusal(self) -> dict[str, Any] | None:
        """The last word on the tender that ends the sale, where it is a refusal."""
        after = self.said[self.said.index({"what": "asked"}) + 1 :] if {"what": "asked"} in self.said else []
        return after[-1] if after and after[-1]["what"] == "refused" else None


async def at_work(folder: Path, fault: str, *how: str) -> Ended:
    """Run the sale, or the act that is named, under a fault of `strace`."""
    calls = fault.split(":", 1)[0]
    paths = [argument for name in FILES for argument in ("-P", str(folder / name))]
    process = await asyncio.create_subprocess_exec(
        *("strace", "-f", "-qq", "-o", "/dev/null", "--seccomp-bpf", "-e", f"trace={calls}", "-e", f"inject={fault}"),
        *paths,
        *(sys.executable, "-m", "tests.terminal_agent.sale_on_a_faulty_disk", str(folder), *how),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, _ = await asyncio.wait_for(process.communicate(), SECONDS_MAX)
    assert process.returncode is not None
    return Ended([json.loads(line) for line in out.splitlines()], process.returncode)


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    """A till's disk, its shift open."""
    await stock(tmp_path)
    async with counter(tmp_path) as at:
        await open_shift(at)
    return tmp_path


async def check(folder: Path, ended: Ended) -> None:
    """Start again on what is left, and let the front end repeat what it had no answer to."""
    seen = ended.seen
    async with counter(folder) as at:
        kept = at.sales()
        if ended.sale is not None:
            assert kept == [seen], "what was answered is lost"
        if ended.refusal is not None and "nothing was kept" in ended.refusal["detail"]:
            assert kept == [], "what was refused is there"
        if kept == []:
            if at.cart == []:
                assert seen == [], "what the cashier saw is lost"
                return
            assert at.cart[: len(seen)] == seen  # a scan whose answer was cut off may be there
            seen = at.cart
        number = (await at.command("tender", TENDER, method="CASH", amount_minor=1_000))["state"]["last_receipt_number"]
        assert at.sales() == [seen]
        papers = at.journal.reader.execute("select slip_receipt_number from journal where slip is not null").fetchall()
        assert papers == [(number,)]
        if ended.sale is not None:
            assert number == ended.sale["number"]
    [line] = verify_journal(StateDirectory(folder))
    assert line.endswith("chain whole")


SYNCS = [f"fdatasync:error=EIO:when={number}" for number in range(1, 7)]
WRITES = [
    f"{call}:error={error}:when={when}"
    for call, calls_max in (("pwrite64", 36), ("write", 2), ("ftruncate", 2), ("openat", 8))
    for error in ("EIO", "ENOSPC", "EINTR")
    for number in range(1, calls_max + 1)
    for when in (str(number), f"{number}+")
    if error == "ENOSPC" or when == str(number)  # a full disk stays full
]
DEAD = [f"fdatasync:error={error}:when={number}+" for error in ("EIO", "ENOSPC") for number in range(1, 7)]
KILLS = [
    f"{call}:signal=KILL:when={number}"
    for call, calls_max in (("fdatasync", 6), ("pwrite64", 36), ("write", 2), ("ftruncate", 2), ("openat", 8))
    for number in range(1, calls_max + 1)
]


@needs_strace
@pytest.mark.parametrize("how", ["retry", "crash"])
@pytest.mark.parametrize(
    "fault", ["fdatasync:error=EIO:when=4", "fdatasync:error=EIO:when=4+", "pwrite64:error=ENOSPC:when=20+"]
)
async def test_a_disk_that_fails_amid_a_sale(folder: Path, fault: str, how: str) -> None:
    await check(folder, await at_work(folder, fault, how))


@needs_strace
@pytest.mark.long
@pytest.mark.parametrize("how", ["retry", "crash"])
@pytest.mark.parametrize("fault", [*SYNCS, *DEAD, *WRITES])
async def test_a_disk_that_fails_at_any_call_of_a_sale(folder: Path, fault: str, how: str) -> None:
    await check(folder, await at_work(folder, fault, how))


@needs_strace
@pytest.mark.long
@pytest.mark.parametrize("fault", KILLS)
async def test_a_till_killed_at_any_call_of_a_sale(folder: Path, fault: str) -> None:
    await check(folder, await at_work(folder, fault, "retry"))


TYPES = {"refund": "REFUND", "cash_movement": "CASH_MOVEMENT", "close_shift": "SHIFT_CLOSE"}
ACT_FAULTS = [
    *(f"fdatasync:{fault}:when={number}" for fault in ("error=EIO", "signal=KILL") for number in range(1, 4)),
    *(f"fdatasync:error=EIO:when={number}+" for number in range(1, 4)),
    *(
        f"pwrite64:{fault}:when={number}"
        for fault in ("error=EIO", "error=ENOSPC", "signal=KILL")
        for number in range(1, 32, 3)
    ),
    *(f"pwrite64:error=ENOSPC:when={number}+" for number in range(1, 32, 3)),
]


async def acted_under(folder: Path, command: str, fault: str, how: str) -> None:
    """The act under a fault; then the till starts again, and the front end repeats it."""
    async with counter(folder) as at:
        await sell_one(at, "COFFEE")
    ended = await at_work(folder, fault, how, command)
    answers = ended.of(command)
    async with counter(folder) as at:

        def kept() -> int:
            rows = at.journal.reader.execute("select count(*) from journal where type = ?", (TYPES[command],))
            return int(rows.fetchone()[0])

        if answers and answers[-1]["what"] == "done":
            assert kept() == 1, "what was answered is lost"
        elif answers and "nothing was kept" in answers[-1]["detail"]:
            assert kept() == 0, "what was refused is there"
        assert (await at.command(command, ACT, **ACTS[command]))["events"] == [{"sequence": 3, "type": TYPES[command]}]
        assert kept() == 1
    [line] = verify_journal(StateDirectory(folder))
    assert line.endswith("chain whole")


@needs_strace
@pytest.mark.parametrize("command", list(ACTS))
async def test_a_disk_that_fails_when_money_moves_otherwise(folder: Path, command: str) -> None:
    await acted_under(folder, command, "fdatasync:error=EIO:when=2", "crash")


@needs_strace
@pytest.mark.long
@pytest.mark.parametrize("command", list(ACTS))
@pytest.mark.parametrize("fault", ACT_FAULTS)
async def test_a_disk_that_fails_at_any_call_when_money_moves_otherwise(folder: Path, command: str, fault: str) -> None:
    await acted_under(folder, command, fault, "crash")
