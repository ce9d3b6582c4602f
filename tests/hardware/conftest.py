"""Simulated devices on real sockets and real pseudo-terminals for the hardware tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hardware.printers.document import Barcode, Columns, Cut, Document, Rule, Text
from hardware.printers.profiles import profile
from hardware.printers.rendering import render
from hardware.simulated import SimulatedPrinter, SimulatedScanner


@pytest.fixture(scope="session")
def pickle_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("escpos", numbered=True)


@pytest.fixture(params=["tcp", "pseudo-terminal"])
async def printer(request: pytest.FixtureRequest) -> AsyncIterator[SimulatedPrinter]:
    async with SimulatedPrinter(pty=request.param == "pseudo-terminal") as simulated:
        yield simulated


@pytest.fixture(params=["tcp", "pseudo-terminal"])
async def scanner(request: pytest.FixtureRequest) -> AsyncIterator[SimulatedScanner]:
    async with SimulatedScanner(listen="127.0.0.1:0" if request.param == "tcp" else None) as simulated:
        yield simulated


@pytest.fixture
def receipt() -> Document:
    return Document(
        (
            Text("CORNER SHOP", "center", bold=True, double=True),
            Rule(),
            Columns("COFFEE 250 g", "3.50"),
            Columns("TOTAL EUR", "3.50", bold=True),
            Barcode("CODE128", "R-000042"),
            Text("Thank you"),
            Cut(),
        )
    )


@pytest.fixture
def receipt_bytes(receipt: Document, pickle_dir: Path) -> bytes:
    return render(receipt, profile("TM-T88V"), job_id=42, pickle_dir=pickle_dir)
