"""Two tenants of one running central."""

from tests.central.conftest import central, start_central, tenant
from tests.central.terminals_fixture import location_id, terminal

__all__ = ["central", "location_id", "start_central", "tenant", "terminal"]
