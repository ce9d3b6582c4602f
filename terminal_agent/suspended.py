"""The unfinished sale and the parked ones: outside the sequence, and there again after a power cut.

The open sale is written behind its changes, at most `write_behind_seconds_max` later, so that no scan waits for the
disk. What ends it (SALE, cancel, park) writes it in the same transaction. Each writing bears the ids of the commands
that made it what it is, so that a front end that repeats one after a crash does not put the line in twice: either both
are there, or neither is.
"""

import sqlite3
from collections import deque
from collections.abc import Iterable
from datetime import datetime
from typing import Final

import msgspec

from protocol.events import write_time
from terminal_agent.register.state import Cart, ParkedSale, RegisterState

write_behind_seconds_max: Final = 1.0
commands_kept_max: Final = 100
_OPEN: Final = "open"

_carts: Final[msgspec.json.Decoder[Cart | None]] = msgspec.json.Decoder(Cart | None)
_parked: Final[msgspec.json.Decoder[ParkedSale]] = msgspec.json.Decoder(ParkedSale)
_command_ids: Final[msgspec.json.Decoder[list[str]]] = msgspec.json.Decoder(list[str])
_encoder: Final = msgspec.json.Encoder()


class Suspended:
    """What is on the disk of the open and the parked sales, and what is not yet."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        rows = connection.execute("select sale, cart, commands from suspended order by changed_at, sale").fetchall()
        self.cart: Cart | None = None
        self.commands: deque[str] = deque(maxlen=commands_kept_max)
        parked: list[ParkedSale] = []
        for sale, cart, commands in rows:
            if sale == _OPEN:
                self.cart = _carts.decode(cart)
                self.commands.extend(_command_ids.decode(commands))
            else:
                parked.append(_parked.decode(cart))
        self.parked: tuple[ParkedSale, ...] = tuple(parked)
        self._written: tuple[Cart | None, tuple[ParkedSale, ...]] = (self.cart, self.parked)

    def is_behind(self, state: RegisterState) -> bool:
        """Whether the disk does not have the state's open and parked sales yet."""
        cart, parked = self._written
        return cart is not state.cart or parked is not state.parked

    def done(self, command_id: str | None) -> None:
        """A command changed the open sale alone."""
        if command_id is not None:
            self.commands.append(command_id)

    def write(
        self, connection: sqlite3.Connection, state: RegisterState, commands: Iterable[str], at: datetime
    ) -> None:
        """Bring the state's sales to the disk; to be called inside a transaction, on the writer's thread."""
        row = (_OPEN, write_time(at), _encoder.encode(state.cart), _encoder.encode(list(commands)))
        connection.execute(
            "insert or replace into suspended (sale, changed_at, cart, commands) values (?, ?, ?, ?)", row
        )
        if state.parked is not self._written[1]:
            connection.execute("delete from suspended where sale <> ?", (_OPEN,))
            connection.executemany(
                "insert into suspended (sale, label, changed_at, cart, commands) values (?, ?, ?, ?, x'5b5d')",
                [(str(of.parked_id), of.label, write_time(of.parked_at), _encoder.encode(of)) for of in state.parked],
            )

    def written(self, state: RegisterState) -> None:
        """The disk has this state's sales."""
        self._written = (state.cart, state.parked)
