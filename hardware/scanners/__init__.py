"""Barcode scanners: from bytes to one record, whichever way they are plugged in."""

from hardware.scanners.framing import Scan, ScanFramer, ScannerConfig
from hardware.scanners.serial_scanner import SerialScanner

__all__ = ["Scan", "ScanFramer", "ScannerConfig", "SerialScanner"]
