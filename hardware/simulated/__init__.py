"""Devices that speak the real bytes over TCP or a pseudo-terminal, with faults on command; for demos and tests."""

from hardware.simulated.printer import SimulatedPrinter
from hardware.simulated.scanner import SimulatedScanner

__all__ = ["SimulatedPrinter", "SimulatedScanner"]
