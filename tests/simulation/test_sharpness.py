"""The checkers can fail: each planted bug is found within a few seeds, and by what it breaks."""

from pathlib import Path

import aiohttp
import pytest

from tests.conftest import TestServer
from tests.simulation.planted_bugs import PLANTS, Plant
from tests.simulation.run import FoundError, run_seed
from tests.simulation.stock import stock

seeds_max = 12
QUICK = ("entries_that_are_posted_twice", "a_page_that_is_half_applied")


async def seeds_until_found(plant: Plant, server: TestServer, folder: Path) -> int | None:
    """How many seeds it took to find the bug; None where it stayed hidden."""
    async with aiohttp.ClientSession() as http:
        stocked = await stock(server, http)
        with pytest.MonkeyPatch.context() as patch:
            plant(patch)
            for seed in range(1, seeds_max + 1):
                try:
                    await run_seed(seed, stocked, server, folder / str(seed), http)
                except FoundError as found:
                    print(f"{plant.__name__}: seed {seed}: {str(found).splitlines()[-1][:300]}")  # noqa: T201
                    return seed
    return None


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "plant",
    [pytest.param(of, id=of.__name__, marks=() if of.__name__ in QUICK else pytest.mark.long) for of in PLANTS],
)
async def test_a_planted_bug_is_found_within_a_few_seeds(plant: Plant, test_server: TestServer, tmp_path: Path) -> None:
    assert await seeds_until_found(plant, test_server, tmp_path) is not None
