"""Terminals that are enrolled for real."""

from tests.central.terminals_fixture import location_id, terminal

__all__ = ["location_id", "terminal"]
