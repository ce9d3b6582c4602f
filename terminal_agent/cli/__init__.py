"""`till-terminal`: a file a command. Expected failures exit 1 with one line that names the next step; usage exits 2."""

import sys
from importlib import import_module
from typing import Final, NamedTuple

import click


class _Command(NamedTuple):
    """Where a command stands, and its line in the list."""

    module: str
    line: str


commands: Final = {
    "enrol": _Command("enrol", "Give this terminal its identity."),
    "run": _Command("run", "Work as a till until SIGTERM."),
    "status": _Command("status", "What this terminal is, holds, and still has to deliver."),
    "journal": _Command("journal", "The electronic journal: check it, take it elsewhere, deliver it."),
    "receipt": _Command("receipt", "Receipts of this terminal."),
}


class _OnDemand(click.Group):
    """Imports a command when it is asked for: a till's help need not wait for what sells, prints and delivers."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(commands)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in commands:
            return None
        found = getattr(import_module(f"terminal_agent.cli.{commands[cmd_name].module}"), cmd_name)
        assert isinstance(found, click.Command)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.line) for name, command in commands.items()])


@click.group(cls=_OnDemand, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="tillstream", prog_name="till-terminal")
def main() -> None:
    """The agent on a till: sells with or without a network, and delivers every sale to the central server."""
    import structlog  # a tenth of a second that the list of commands does not need

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
