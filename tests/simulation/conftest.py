"""`pytest tests/simulation --seed 123` replays one seed; without it a fixed few run."""

import pytest

from tests.central.conftest import start_central

__all__ = ["start_central"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--seed", type=int, default=None, help="replay this seed of the simulation alone")
    parser.addoption("--first-seed", type=int, default=1, help="where the seeds of the long simulation begin")
