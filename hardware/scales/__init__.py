"""Scales: a weight that is fresh, stable, used once, and never a float."""

from hardware.scales.readings import NoWeight, ScaleProtocol, Weight
from hardware.scales.scale_driver import PROTOCOLS, FreshWeight, ScaleDriver, UsedWeight

__all__ = ["PROTOCOLS", "FreshWeight", "NoWeight", "ScaleDriver", "ScaleProtocol", "UsedWeight", "Weight"]
