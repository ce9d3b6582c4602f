"""`till-central`: a file a command. Expected failures exit 1 with one line that names the next step; usage exits 2."""

import sys
from importlib import import_module
from typing import Final, NamedTuple

import click


class _Command(NamedTuple):
    """Where a command stands, and its line in the list; an empty line: it is not listed."""

    module: str
    name: str
    line: str


commands: Final = {
    "serve": _Command("serve", "serve", "Serve until SIGTERM or SIGINT."),
    "migrate": _Command("migrate", "migrate_command", "Bring the database to this release."),
    "tenant": _Command("tenant", "tenant", "Make and list tenants."),
    "api-key": _Command("api_key", "api_key", "Make, list and revoke API keys."),
    "user": _Command("user", "user", "Make users of the back office."),
    "exceptions": _Command("exceptions", "exceptions", "Read again what could not be read."),
    "journal": _Command("journal", "journal", "Take a journal that a courier brought."),
    "after-restore": _Command("after_restore", "after_restore", "Go on from a backup that was brought back."),
    "verify": _Command("verify", "verify", "Recount every chain, entry, roll-up and balance."),
    "worker": _Command("worker", "worker", ""),
}


class _OnDemand(click.Group):
    """Imports a command when it is asked for: the list of them costs nothing that they need."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for name, command in commands.items() if command.line]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in commands:
            return None
        command = commands[cmd_name]
        found = getattr(import_module(f"central.cli.{command.module}"), command.name)
        assert isinstance(found, click.Command)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, commands[name].line) for name in self.list_commands(ctx)])


@click.group(cls=_OnDemand, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="tillstream")
def main() -> None:
    """Tillstream's central server: tenants, tills and their one ledger."""
    import structlog  # a tenth of a second that a command's help does not need

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
