"""What the database's errors mean: an outage, which a caller may try again, or something else."""

from typing import Final

import asyncpg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

# Classes of SQLSTATE that say "not now" rather than "not this": lost connection, serialization and deadlock, too few
# resources (a full disk), operator's intervention, system error.
_outage_classes: Final = frozenset({"08", "40", "53", "57", "58"})
# A lock that was not given in time, a server that turned read-only.
_outage_states: Final = frozenset({"55P03", "25006"})
# asyncpg says InternalClientError where a statement meets the end of a connection that the server is just closing.
_lost_connections: Final = OSError | asyncpg.InterfaceError | asyncpg.InternalClientError


class DatabaseUnavailableError(Exception):
    """The database does not answer, or cannot take the work at the moment; nothing was promised. Try again."""


def sqlstate(error: BaseException) -> str | None:
    """The SQLSTATE of an error of asyncpg or of SQLAlchemy around it; None where it is no error of the server."""
    if isinstance(error, DBAPIError):
        state = getattr(error.orig, "sqlstate", None)
        return state if isinstance(state, str) else None
    if isinstance(error, asyncpg.PostgresError):
        state = error.sqlstate
        return state if isinstance(state, str) else None
    return None


def is_outage(error: BaseException) -> bool:
    """Whether an error is the database's condition, and no fault of the statement or its values."""
    if isinstance(error, DatabaseUnavailableError):
        return True
    if isinstance(getattr(error, "orig", None) or error, asyncpg.InvalidCachedStatementError):
        return True  # the schema changed under a cached plan; the next attempt plans anew
    state = sqlstate(error)
    if state is not None:
        return state[:2] in _outage_classes or state in _outage_states
    if isinstance(error, DBAPIError):
        return error.connection_invalidated or isinstance(error.orig, _lost_connections)
    return isinstance(error, PoolTimeoutError | TimeoutError | _lost_connections)
