"""The database: its pools, the SQL that is read as SQL, its migrations, and the PostgreSQL that central can embed."""

from central.database.arrays import packed, sparse
from central.database.database import Database
from central.database.errors import DatabaseUnavailableError, is_outage, sqlstate
from central.database.sql import Queries, load_queries

__all__ = [
    "Database",
    "DatabaseUnavailableError",
    "Queries",
    "is_outage",
    "load_queries",
    "packed",
    "sparse",
    "sqlstate",
]
