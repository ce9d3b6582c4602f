"""Many tills, central, clock and network under one seed: whatever goes wrong, the books come out right."""

from pathlib import Path

import aiohttp
import pytest

from tests.central.conftest import StartCentral
from tests.conftest import TestServer
from tests.simulation.run import run_seed
from tests.simulation.stock import stock

SEEDS = tuple(range(1, 11))


async def test_whatever_goes_wrong_the_books_come_out_right(
    test_server: TestServer, start_central: StartCentral, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    given = request.config.getoption("seed", None)
    stocked = await stock(test_server, start_central)
    async with aiohttp.ClientSession() as http:
        for seed in SEEDS if given is None else [given]:
            await run_seed(seed, stocked, test_server, tmp_path / str(seed), http)
