"""Wrong guesses of enrolment codes, counted where all nodes see them: by address and in all, in windows of a minute."""

from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import text

from central.database import Database

by_address_max: Final = 30
in_all_max: Final = 600
window_seconds: Final = 60
kept_windows: Final = 10
_KIND: Final = "enrolment"
_EVERYBODY: Final = ""

_COUNT: Final = text(
    """
    insert into till.deployment_guesses as g (kind, address, window_start, guesses)
    values (:kind, :address, :window, 1)
    on conflict (kind, address, window_start) do update set guesses = g.guesses + 1
    returning guesses
    """
)
_FORGET: Final = text("delete from till.deployment_guesses where kind = :kind and window_start < :before")


async def count_wrong_guess(database: Database, address: str, now: datetime) -> int | None:
    """Count one; the seconds to wait where there were too many of this address, or in all, else None."""
    seconds = int(now.timestamp())
    window = datetime.fromtimestamp(seconds - seconds % window_seconds, tz=UTC)
    async with database.connection() as connection:
        row = {"kind": _KIND, "window": window}
        of_address: int = (await connection.execute(_COUNT, {**row, "address": address[:100]})).scalar_one()
        in_all: int = (await connection.execute(_COUNT, {**row, "address": _EVERYBODY})).scalar_one()
        if in_all == 1:
            before = window - timedelta(seconds=kept_windows * window_seconds)
            await connection.execute(_FORGET, {"kind": _KIND, "before": before})
    if of_address <= by_address_max and in_all <= in_all_max:
        return None
    return window_seconds - seconds % window_seconds
