"""The tables of terminals, for queries that are composed; migration 0002 makes them."""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import UUID

metadata: Final = MetaData(schema="till")

locations: Final = Table(
    "locations",
    metadata,
    Column("tenant_id", UUID, primary_key=True),
    Column("location_id", UUID, primary_key=True),
    Column("code", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("timezone", Text, nullable=False),
    Column("address", Text),
    Column("tax_number", Text),
    Column("receipt_header", Text),
    Column("receipt_footer", Text),
    Column("locale", Text),
    Column("receipt_part", Text, nullable=False),
    Column("terminals_made", Integer, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("revision", BigInteger, nullable=False),
)

terminals: Final = Table(
    "terminals",
    metadata,
    Column("tenant_id", UUID, primary_key=True),
    Column("terminal_id", UUID, primary_key=True),
    Column("location_id", UUID, nullable=False),
    Column("number", Integer, nullable=False),
    Column("label", Text, nullable=False),
    Column("out_of_service_from", Date),
    Column("next_epoch", Integer, nullable=False),
    Column("branches", Integer, nullable=False),
    Column("polling", UUID),
    Column("reported", Text),
    Column("reported_at", DateTime(timezone=True)),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("revision", BigInteger, nullable=False),
)

enrolment_codes: Final = Table(
    "enrolment_codes",
    metadata,
    Column("tenant_id", UUID, primary_key=True),
    Column("code_hash", LargeBinary, primary_key=True),
    Column("terminal_id", UUID, nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("used_epoch", Integer),
    Column("answer", Text),
)

epochs: Final = Table(
    "epochs",
    metadata,
    Column("tenant_id", UUID, primary_key=True),
    Column("terminal_id", UUID, primary_key=True),
    Column("epoch", Integer, primary_key=True),
    Column("location_id", UUID, nullable=False),
    Column("public_key", Text, nullable=False),
    Column("pin_key", LargeBinary, nullable=False),
    Column("receipt_prefix", Text, nullable=False),
    Column("enrolled_at", DateTime(timezone=True), nullable=False),
    Column("replaced_at", DateTime(timezone=True)),
    Column("revoked_at", DateTime(timezone=True)),
    Column("last_seen_at", DateTime(timezone=True), nullable=False),
    Column("applied_through", BigInteger, nullable=False),
    Column("applied_hash", Text, nullable=False),
    Column("queued", Text, nullable=False),
    Column("lost", Text, nullable=False),
    Column("stored_lines", BigInteger, nullable=False),
    Column("last_created_at", DateTime(timezone=True)),
    Column("receipt_counter", BigInteger, nullable=False),
    Column("forked", Boolean, nullable=False),
    Column("suspect", Boolean, nullable=False),
)
"""`queued` and `lost` are `int8multirange`; composed queries read them as text with a cast."""
