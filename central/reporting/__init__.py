"""Roll-ups, reports and their exports."""

from central.reporting.roll_ups import roll_up

__all__ = ["roll_up"]
