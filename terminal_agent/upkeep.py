"""What keeps a task of the daemon going: it begins again after whatever ended it, since the sale must go on."""

import asyncio
import sqlite3
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

import structlog

from terminal_agent.database import DatabaseError
from terminal_agent.journal import JournalError

wait_seconds_min: Final = 1.0
wait_seconds_max: Final = 30.0
_KNOWN: Final = (JournalError, DatabaseError, sqlite3.Error, OSError)
_log = structlog.get_logger()


async def kept_up(
    name: str,
    work: Callable[[], Coroutine[Any, Any, None]],
    *,
    wait: Callable[[float], Awaitable[None]] = asyncio.sleep,
    monotonic: Callable[[], float] = time.monotonic,
) -> None:
    """Run a task until it comes back by itself; between two tries it waits for longer each time, 30 s at most.

    A disk that is full or fails is said once in a line, as long as it is the same; a mistake of ours each time, with
    its traceback.
    """
    said, seconds = "", wait_seconds_min
    while True:
        begun = monotonic()
        try:
            await work()
            return
        except _KNOWN as error:
            reason = " ".join(str(error).split())
            if reason != said:
                _log.error("task-waits", task=name, reason=reason)
            said = reason
        except Exception:
            _log.exception("task-failed", task=name)
        if monotonic() - begun > wait_seconds_max:
            said, seconds = "", wait_seconds_min
        await wait(seconds)
        seconds = min(2 * seconds, wait_seconds_max)
