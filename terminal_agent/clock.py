"""The terminal's clock: its own, put right by what the server last said, and never trusted further than that.

No time is taken for true that lies before this program was released or before the last server time that was heard: a
clock that says so is dead (an empty battery says 1970) or was set back, and time goes on from there by how much it
moves.
"""

import sqlite3
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from protocol.lines import UnreadableError, read_time, write_time

released_at: Final = datetime(2026, 11, 1, tzinfo=UTC)  # to be set anew with each release

_OFFSET = "clock_offset_ms"
_SERVER = "last_server_time"


def system_time() -> datetime:
    """The machine's own clock, aware, in UTC."""
    return datetime.now(UTC)


class Clock:
    """`now()` is the machine's clock plus the offset that the server's answers taught."""

    def __init__(self, connection: sqlite3.Connection, source: Callable[[], datetime] = system_time) -> None:
        self._source = source
        facts = dict(connection.execute("select name, value from facts where name in (?, ?)", (_OFFSET, _SERVER)))
        self.offset_ms: int | None = int(facts[_OFFSET]) if _OFFSET in facts else None
        self.server_time: datetime | None = read_time(facts[_SERVER]) if _SERVER in facts else None
        self._floor_at = source()

    @property
    def floor(self) -> datetime:
        """The time before which nothing happens any more."""
        return released_at if self.server_time is None else max(released_at, self.server_time)

    def is_dead(self) -> bool:
        """Whether the machine's own clock says a time that is over, so that it cannot date a certificate."""
        return self._source() < self.floor

    def now(self) -> datetime:
        """The time by which events are dated, kept within the years that the contract knows."""
        own = self._source()
        since = self.floor + max(timedelta(), own - self._floor_at)
        time = max(own + timedelta(milliseconds=self.offset_ms or 0), since)
        return min(time, datetime(2099, 12, 30, tzinfo=UTC))

    def own(self) -> datetime:
        """The machine's clock as it stands."""
        return self._source()

    def today(self, zone: ZoneInfo) -> date:
        """The date on the wall at the location."""
        return self.now().astimezone(zone).date()

    def server_date(self, zone: ZoneInfo) -> date | None:
        """The date of the last server time heard, there."""
        return None if self.server_time is None else self.server_time.astimezone(zone).date()

    def learn(self, server_time: str, asked_at: datetime, *, is_proved: bool = True) -> None:
        """Take the server's word; `asked_at` is this machine's clock when the request went out.

        A time before the release is nobody's. One before the last that was heard counts only from a server whose
        certificate was dated (`is_proved`): central's own clock may have been put right.
        """
        try:
            heard = read_time(server_time)
        except UnreadableError:
            return
        if heard < (released_at if is_proved else self.floor):
            return
        middle = asked_at + (self._source() - asked_at) / 2
        self.offset_ms = round((heard - middle) / timedelta(milliseconds=1))
        self.server_time = heard
        self._floor_at = middle

    def keep(self, connection: sqlite3.Connection) -> None:
        """Write down what was learned; to be called inside a transaction."""
        rows = [] if self.offset_ms is None else [(_OFFSET, str(self.offset_ms))]
        if self.server_time is not None:
            rows.append((_SERVER, write_time(self.server_time)))
        connection.executemany("insert or replace into facts (name, value) values (?, ?)", rows)
