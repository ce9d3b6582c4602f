"""`till-hardware watch` beside a till that runs: each scan with what that till sells under it, by its local API."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from hardware.simulated import SimulatedScanner
from tests.terminal_agent.conftest import BARCODES, Till, central, make_till, shop, start_central, tenant, till

__all__ = ["central", "make_till", "shop", "start_central", "tenant", "till"]

PROGRAM = "from hardware.cli import main; main(prog_name='till-hardware')"


async def watched(scanner: SimulatedScanner, codes: list[str], *arguments: str, state: Path | None = None) -> str:
    """What `watch` shows of these scans."""
    watch = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PROGRAM, "watch", scanner.address, "--kind", "scanner"),
        *("--count", str(len(codes)), *arguments),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": ":".join(sys.path), "TILL_TERMINAL_STATE_DIR": str(state or "")},
    )
    await scanner.attended()
    for code in codes:
        scanner.scan(code)
    shown, _ = await asyncio.wait_for(watch.communicate(), 60)
    assert watch.returncode == 0
    return shown.decode()


async def test_a_scan_is_looked_up_in_the_till_that_runs_beside(till: Till) -> None:
    async with SimulatedScanner(listen="127.0.0.1:0") as scanner:
        shown = await watched(
            scanner,
            [BARCODES["WINE"], "COFFEE", "NOTHING-LIKE-IT"],
            *("--till", till.url),
            state=till.folder,
        )

    assert "Wine (sku WINE, price 999)" in shown
    assert "Coffee (sku COFFEE, price 350)" in shown
    assert "the till knows no such product" in shown


@pytest.mark.parametrize(("token", "says"), [("nonsense", "401"), ("", "not looked up")])
async def test_a_till_that_does_not_answer_does_not_end_the_watching(
    till: Till, token: str, says: str, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text(token or "x")
    url = till.url if token else "http://127.0.0.1:9"
    async with SimulatedScanner(listen="127.0.0.1:0") as scanner:
        shown = await watched(scanner, ["COFFEE"], "--till", url, "--till-token", str(tmp_path / "token"))

    assert "'COFFEE'" in shown
    assert says in shown
