"""`till-terminal --help`: every command, at once."""

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from terminal_agent.cli import commands, main


def test_the_list_of_commands_needs_nothing_that_sells_or_delivers() -> None:
    script = "import sys, terminal_agent.cli as it; it.main(['--help'], standalone_mode=False); print(*sys.modules)"
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    *listed, modules = out.strip().splitlines()

    assert {line.split()[0] for line in listed[-len(commands) :]} == set(commands)
    assert not {"aiohttp", "sqlite_utils", "structlog", "hardware"} & {name.split(".")[0] for name in modules.split()}


@pytest.mark.parametrize("name", commands)
def test_a_command_says_the_same_in_the_list_and_of_itself(name: str) -> None:
    command = main.get_command(click.Context(main), name)

    assert command is not None
    assert (command.help or "").startswith(commands[name].line.removesuffix("."))


def test_a_command_that_is_not_there_is_wrong_usage() -> None:
    ended = CliRunner().invoke(main, ["sell"])

    assert ended.exit_code == 2
    assert "No such command 'sell'" in ended.stderr
