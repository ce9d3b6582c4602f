"""One seed from its first step to the checkers' word; a run that fails prints its seed and its schedule."""

from collections import Counter
from pathlib import Path

import aiohttp
import pytest

from tests.conftest import TestServer
from tests.simulation.checking import CHECKERS
from tests.simulation.evidence import gather
from tests.simulation.faults import Faults
from tests.simulation.schedule import Schedule
from tests.simulation.stock import Stock
from tests.simulation.world import World

steps_min, steps_max = 60, 140
short_turn_lines = 3


class FoundError(AssertionError):
    """A checker found something, or a schedule did not come to its end; the message is the seed and the schedule."""


class BrokenOffError(Exception):
    """A schedule broke off at an error that nobody expects, in the simulation or under it; the message is as above."""


async def run_seed(
    seed: int, stock: Stock, server: TestServer, folder: Path, http: aiohttp.ClientSession
) -> Counter[str]:
    """Run a seed's schedule; answers the faults that it met. Raises `FoundError` and `BrokenOffError`."""
    schedule = Schedule(seed)
    world = World(schedule, stock, server, folder, http)
    try:
        with pytest.MonkeyPatch.context() as patch:
            if seed % 2:
                # What is taken in several transactions is a rare path, and taken often here.
                for module in ("ingest", "turns"):
                    patch.setattr(f"central.uplink.{module}.turn_lines_max", short_turn_lines)
            await world.open()
            await Faults(world).run(schedule.chance.randint(steps_min, steps_max))
            await world.calm_down()
            findings = await _look(world)
    except AssertionError as error:
        raise FoundError(f"{schedule.told()}\n{type(error).__name__}: {error}") from error
    except Exception as error:
        raise BrokenOffError(f"{schedule.told()}\n{type(error).__name__}: {error}") from error
    finally:
        await world.close()
    if findings:
        raise FoundError("\n".join([schedule.told(), "found:", *findings]))
    return schedule.faults


async def _look(world: World) -> list[str]:
    evidence = await gather(world)
    return [f"{check.__module__.rpartition('.')[2]}: {found}" for check in CHECKERS for found in check(evidence)]
