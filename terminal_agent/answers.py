"""What commands were answered, so that a front end that lost an answer never sells twice.

An answer to a command that committed an event stands in the event's row; a person's word on a slip has one beside
it; one that changed the open sale alone is remembered in memory, its id with the sale on the disk (`suspended.py`).
"""

import hashlib
import sqlite3
from collections import OrderedDict
from datetime import datetime
from typing import Any, Final

import msgspec

from protocol.lines import write_time
from terminal_agent.register.commands import Command, name_of
from terminal_agent.register.refusals import Refused

answers_in_memory_max: Final = 1_000
_encoder: Final = msgspec.json.Encoder(order="deterministic")
_FIND: Final = (
    "select fingerprint, answer from journal where command_id = ?"
    " union all select fingerprint, answer from command_results where command_id = ?"
)
_SECRETS: Final = frozenset({"pin", "approval", "command_id"})


class Answers:
    """Answers by `command_id`."""

    def __init__(self, connection: sqlite3.Connection, recent: list[str]) -> None:
        self._connection = connection
        self._memory: OrderedDict[str, tuple[str, bytes]] = OrderedDict()
        self._without_answer = set(recent)

    def find(self, command: Command) -> bytes | None:
        """The first answer to this command, if it was given before; b"" where only that it was done is known.

        Raises `Refused` where another command came with its id.
        """
        command_id = command.command_id
        if command_id is None:
            return None
        found = self._memory.get(command_id)
        if found is None:
            row = self._connection.execute(_FIND, (command_id, command_id)).fetchone()
            if row is None:
                return b"" if command_id in self._without_answer else None
            found = (row[0], bytes(row[1]))
        if found[0] != fingerprint(command):
            raise Refused("command-id-reused")
        return found[1]

    def keep(self, command: Command, answer: bytes) -> None:
        """Remember an answer in memory."""
        if command.command_id is None:
            return
        self._memory[command.command_id] = (fingerprint(command), answer)
        while len(self._memory) > answers_in_memory_max:
            self._memory.popitem(last=False)


def fingerprint(command: Command) -> str:
    """What tells two commands apart, without anything from which a PIN could be guessed."""
    fields: dict[str, Any] = msgspec.to_builtins(command)
    plain = {name: value for name, value in fields.items() if name not in _SECRETS}
    return hashlib.sha256(_encoder.encode([name_of(command), plain])).hexdigest()


def insert_answer(connection: sqlite3.Connection, command: Command, answer: bytes, at: datetime) -> None:
    """Remember an answer on the disk; to be called inside the transaction of what it answers for."""
    if command.command_id is not None:
        connection.execute(
            "insert into command_results (command_id, fingerprint, answered_at, answer) values (?, ?, ?, ?)",
            (command.command_id, fingerprint(command), write_time(at), answer),
        )
