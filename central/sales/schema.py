"""The table of exceptions as composed queries name it."""

from typing import Final

from sqlalchemy import BigInteger, Column, Date, DateTime, Integer, MetaData, Table, Text, Uuid

_metadata: Final = MetaData(schema="till")

exceptions: Final = Table(
    "exceptions",
    _metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("exception_id", Uuid, primary_key=True),
    Column("terminal_id", Uuid, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("branch", Integer, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("code", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("subject", Text),
    Column("status", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("resolved_at", DateTime(timezone=True)),
    Column("resolved_by", Text),
    Column("action", Text),
    Column("note", Text),
    Column("moved_account", Text),
    Column("moved_minor", BigInteger),
    Column("moved_on", Date),
)
