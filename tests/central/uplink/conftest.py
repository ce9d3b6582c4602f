"""Enrolled terminals with a journal each, for the uplink's tests."""

from collections.abc import Awaitable, Callable
from uuid import UUID

import pytest

from tests.central.conftest import TenantFixture
from tests.central.terminals_fixture import location_id, new_terminal
from tests.central.uplink.tills import Till

__all__ = ["location_id"]

NewTill = Callable[[str], Awaitable[Till]]


@pytest.fixture
async def till(tenant: TenantFixture, location_id: UUID) -> Till:
    """An enrolled terminal with an empty journal."""
    return Till(await new_terminal(tenant, location_id))


@pytest.fixture
def new_till(tenant: TenantFixture, location_id: UUID) -> NewTill:
    """Enrols one more terminal at the same location."""

    async def make(label: str) -> Till:
        return Till(await new_terminal(tenant, location_id, label))

    return make
