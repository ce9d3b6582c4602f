"""`till-central`: a file a command. Expected failures exit 1 with one line that names the next step; usage exits 2."""

import sys

import click
import structlog

from central.cli.after_restore import after_restore
from central.cli.api_key import api_key
from central.cli.exceptions import exceptions
from central.cli.journal import journal
from central.cli.migrate import migrate_command
from central.cli.serve import serve
from central.cli.tenant import tenant
from central.cli.user import user
from central.cli.verify import verify
from central.cli.worker import worker


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="tillstream")
def main() -> None:
    """Tillstream's central server: tenants, tills and their one ledger."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(20),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


main.add_command(serve)
main.add_command(migrate_command)
main.add_command(tenant)
main.add_command(api_key)
main.add_command(user)
main.add_command(after_restore)
main.add_command(worker)
main.add_command(exceptions)
main.add_command(journal)
main.add_command(verify)
