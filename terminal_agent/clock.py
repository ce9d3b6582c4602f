"""The terminal's clock: its own, put right by what the server last said, and never trusted further than that."""

import sqlite3
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from protocol.events import UnreadableError, read_time, write_time

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

    def now(self) -> datetime:
        """The time by which events are dated, kept within the years that the contract knows."""
        time = self._source() + timedelta(milliseconds=self.offset_ms or 0)
        return min(max(time, datetime(2000, 1, 2, tzinfo=UTC)), datetime(2099, 12, 30, tzinfo=UTC))

    def own(self) -> datetime:
        """The machine's clock as it stands."""
        return self._source()

    def today(self, zone: ZoneInfo) -> date:
        """The date on the wall at the location."""
        return self.now().astimezone(zone).date()

    def server_date(self, zone: ZoneInfo) -> date | None:
        """The date of the last server time heard, there."""
        return None if self.server_time is None else self.server_time.astimezone(zone).date()

    def learn(self, server_time: str, asked_at: datetime) -> None:
        """Take the server's word; `asked_at` is this machine's clock when the request went out."""
        try:
            heard = read_time(server_time)
        except UnreadableError:
            return
        middle = asked_at + (self._source() - asked_at) / 2
        self.offset_ms = round((heard - middle) / timedelta(milliseconds=1))
        self.server_time = heard

    def keep(self, connection: sqlite3.Connection) -> None:
        """Write down what was learned; to be called inside a transaction."""
        rows = [] if self.offset_ms is None else [(_OFFSET, str(self.offset_ms))]
        if self.server_time is not None:
            rows.append((_SERVER, write_time(self.server_time)))
        connection.executemany("insert or replace into facts (name, value) values (?, ?)", rows)
