"""Enrolled terminals whose day is booked over HTTP, for recounts."""

from tests.central.terminals_fixture import location_id
from tests.central.uplink.conftest import new_till, till

__all__ = ["location_id", "new_till", "till"]
