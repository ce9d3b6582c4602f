"""Devices that speak the real bytes over TCP or a pseudo-terminal, with faults on command; for demos and tests."""

from hardware.simulated.display import SimulatedDisplay
from hardware.simulated.printer import SimulatedPrinter
from hardware.simulated.scale import SimulatedScale
from hardware.simulated.scanner import SimulatedScanner

__all__ = ["SimulatedDisplay", "SimulatedPrinter", "SimulatedScale", "SimulatedScanner"]
