"""till-hardware: finds, tries and simulates what stands on a counter."""

from __future__ import annotations

import logging
import sys

import click
import structlog

from hardware.commands.configure_command import configure_command
from hardware.commands.doctor_command import doctor_command
from hardware.commands.list_command import list_command
from hardware.commands.simulate_command import simulate_command
from hardware.commands.status_command import status_command
from hardware.commands.test_command import test_command
from hardware.commands.watch_command import watch_command


@click.group()
@click.version_option(package_name="tillstream")
def main() -> None:
    """Find, try and diagnose the devices of a till.

    Exits: 0 fine, 1 needs a hand, 2 wrong usage, 3 not there, 4 forbidden, 5 unconfirmed; of several the gravest.
    """
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


main.add_command(list_command)
main.add_command(status_command)
main.add_command(doctor_command)
main.add_command(watch_command)
main.add_command(configure_command)
main.add_command(test_command)
main.add_command(simulate_command)
