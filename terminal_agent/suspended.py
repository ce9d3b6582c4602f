"""The unfinished sale and the parked ones: outside the sequence, and there again after a crash or a power cut.

A change of the open sale is in the system's hands before it is answered (`open_sale.py`), so a killed process loses
nothing, and on the disk at most `write_behind_seconds_max` later, so that no scan waits for the disk. What money or a
parked sale hangs on is on the disk before it is answered. What ends a sale (SALE, cancel, park) says so in the same
transaction: a writing counts if its serial is above that of the last end (`open_sale_ended`). Each writing bears the
ids of the commands that made it what it is, so that a front end that repeats one after a crash does not put the line in
twice: either both are there, or neither is.
"""

import sqlite3
from collections import deque
from collections.abc import Iterable
from datetime import datetime
from typing import Final

import msgspec

from protocol.lines import write_time
from terminal_agent.journal_reading import read_open_sale_ended
from terminal_agent.open_sale import OpenSale, OpenSaleFiles
from terminal_agent.register.state import Cart, ParkedSale, RegisterState

write_behind_seconds_max: Final = 1.0
commands_kept_max: Final = 100
_OPEN: Final = "open"

_carts: Final[msgspec.json.Decoder[Cart | None]] = msgspec.json.Decoder(Cart | None)
_parked: Final[msgspec.json.Decoder[ParkedSale]] = msgspec.json.Decoder(ParkedSale)
_command_ids: Final[msgspec.json.Decoder[tuple[str, ...]]] = msgspec.json.Decoder(tuple[str, ...])
_encoder: Final = msgspec.json.Encoder()


class Suspended:
    """What is on the disk of the open and the parked sales, and what is not yet.

    `boot_id` names this run of the machine, "" where nobody said. `is_doubtful`: the open sale was written in an
    earlier run, which ended without a word, so that what was scanned within its last second may be missing.
    """

    def __init__(
        self, connection: sqlite3.Connection, files: OpenSaleFiles | None = None, *, boot_id: str = ""
    ) -> None:
        self._files = files
        self._boot_id = boot_id
        on_disk, self.parked = _read(connection)
        left = files.newest() if files is not None else None
        newest = left if left is not None and left.serial > on_disk.serial else on_disk
        ended = read_open_sale_ended(connection)
        self.cart: Cart | None = newest.cart if newest.serial > ended else None
        self.commands: deque[str] = deque(newest.commands, maxlen=commands_kept_max)
        self.is_doubtful = self.cart is not None and newest.boot_id not in ("", boot_id)
        self._serial = max(newest.serial, ended)
        self._written: tuple[Cart | None, tuple[ParkedSale, ...]] = (
            on_disk.cart if on_disk.serial > ended else None,
            self.parked,
        )

    def is_behind(self, state: RegisterState) -> bool:
        """Whether the disk does not have the state's open and parked sales yet."""
        cart, parked = self._written
        return cart is not state.cart or parked is not state.parked

    def is_ended_by(self, state: RegisterState) -> bool:
        """Whether the state differs from what is on the disk by its open sale alone, which is no more."""
        return state.cart is None and state.parked is self._written[1]

    @property
    def serial(self) -> int:
        """The number of the last writing."""
        return self._serial

    def next_serial(self) -> int:
        """A number above that of every writing so far."""
        self._serial += 1
        return self._serial

    def hand_over(self, state: RegisterState, commands: Iterable[str]) -> None:
        """Give the state's open sale to the system, to outlive this process. Raises `OSError`."""
        if self._files is not None:
            self._files.write(OpenSale(self._serial + 1, self._boot_id, state.cart, tuple(commands)))
        self._serial += 1

    def with_command(self, command_id: str | None) -> tuple[str, ...]:
        """The ids of the commands that the open sale bears, once this one was done too."""
        if command_id is None:
            return tuple(self.commands)
        return (*self.commands, command_id)[-commands_kept_max:]

    def done(self, command_id: str | None) -> None:
        """A command changed the open sale alone."""
        if command_id is not None:
            self.commands.append(command_id)

    def write(
        self,
        connection: sqlite3.Connection,
        state: RegisterState,
        commands: Iterable[str],
        at: datetime,
        *,
        serial: int = 0,
        in_order: bool = False,
    ) -> None:
        """Bring the state's sales to the disk; to be called inside a transaction, on the writer's thread.

        `serial` is a `next_serial`; `in_order` says that nothing follows, so that nothing can be missing.
        """
        row = (
            _OPEN,
            write_time(at),
            _encoder.encode(state.cart),
            _encoder.encode(list(commands)),
            serial,
            "" if in_order else self._boot_id,
        )
        connection.execute(
            "insert or replace into suspended (sale, changed_at, cart, commands, serial, boot_id)"
            " values (?, ?, ?, ?, ?, ?)",
            row,
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


def _read(connection: sqlite3.Connection) -> tuple[OpenSale, tuple[ParkedSale, ...]]:
    rows = connection.execute(
        "select sale, cart, commands, serial, boot_id from suspended order by changed_at, sale"
    ).fetchall()
    on_disk, parked = OpenSale(0, "", None, ()), []
    for sale, cart, commands, serial, boot_id in rows:
        if sale == _OPEN:
            on_disk = OpenSale(serial, boot_id, _carts.decode(cart), _command_ids.decode(commands))
        else:
            parked.append(_parked.decode(cart))
    return on_disk, tuple(parked)
