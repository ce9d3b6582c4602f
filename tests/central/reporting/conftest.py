"""A tenant's books for each test."""

import pytest

from central.database import Database
from tests.central.books import Books
from tests.trade import id_of


@pytest.fixture
async def books(database: Database) -> Books:
    """The books of a fresh tenant in euros."""
    return await Books(database, id_of("tenant LISBON")).create()
