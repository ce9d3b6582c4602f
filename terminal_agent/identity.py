"""Who a terminal is: its enrolments, the newest of which sells while older ones only deliver what they hold."""

import sqlite3
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct

from protocol.chain import first_prev
from protocol.enrolment import EnrolAnswer
from protocol.lines import write_time

positions_per_enrolment: Final = 1 << 40


class Enrolment(Struct, frozen=True):
    """One enrolment: a key, an epoch, a chain. `number` counts within the state directory."""

    number: int
    server: str
    public_key: str
    answer: EnrolAnswer

    @property
    def first_prev(self) -> str:
        return first_prev(self.answer.terminal_id, self.answer.epoch, self.public_key)

    @property
    def key_name(self) -> str:
        """The file of the private key below `keys/`."""
        return f"{self.answer.terminal_id}-{self.answer.epoch}.key"

    @property
    def pin_key_name(self) -> str:
        """The file of the PIN key below `keys/`."""
        return f"{self.answer.terminal_id}-{self.answer.epoch}.pin"

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.answer.timezone)

    @property
    def base_position(self) -> int:
        """The position of sequence 0 of this enrolment in the journal."""
        return self.number * positions_per_enrolment


def enrolments(connection: sqlite3.Connection) -> list[Enrolment]:
    """All enrolments of the state directory, oldest first."""
    rows = connection.execute("select enrolment, server, public_key, answer from enrolments order by enrolment")
    return [
        Enrolment(number, server, public_key, msgspec.json.decode(answer, type=EnrolAnswer))
        for number, server, public_key, answer in rows
    ]


def add_enrolment(
    connection: sqlite3.Connection, *, server: str, public_key: str, answer: EnrolAnswer, at: datetime
) -> Enrolment:
    """Write down a new enrolment, nothing delivered of it; to be called inside a transaction. Never the PIN key."""
    kept = msgspec.structs.replace(answer, pin_key="")
    number = connection.execute("select coalesce(max(enrolment), 0) + 1 from enrolments").fetchone()[0]
    enrolment = Enrolment(number, server, public_key, kept)
    connection.execute(
        "insert into enrolments (enrolment, terminal_id, epoch, public_key, server, answer, enrolled_at)"
        " values (?, ?, ?, ?, ?, ?, ?)",
        (
            number,
            answer.terminal_id,
            answer.epoch,
            public_key,
            server,
            msgspec.json.encode(kept).decode(),
            write_time(at),
        ),
    )
    connection.execute("insert into deliveries (enrolment) values (?)", (number,))
    return enrolment


def pending(connection: sqlite3.Connection) -> int:
    """How many lines of all enrolments central has not acknowledged yet."""
    return sum(owed(connection, number) for (number,) in connection.execute("select enrolment from deliveries"))


def owed(connection: sqlite3.Connection, number: int) -> int:
    """How many lines of one enrolment central has not acknowledged yet."""
    base = number * positions_per_enrolment
    (last,) = connection.execute(
        "select max(position) from journal where position between ? and ?", (base, base + positions_per_enrolment - 1)
    ).fetchone()
    (acknowledged,) = connection.execute(
        "select acknowledged_through from deliveries where enrolment = ?", (number,)
    ).fetchone()
    return max(0, (base if last is None else int(last)) - base - int(acknowledged))
