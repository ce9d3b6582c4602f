"""The tables of tenancy, for composed queries."""

from sqlalchemy import BigInteger, Column, DateTime, MetaData, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData(schema="till")

tenants = Table(
    "tenants",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("code", Text),
    Column("name", Text),
    Column("currency", Text),
    Column("created_at", DateTime(timezone=True)),
)
tenant_counters = Table(
    "tenant_counters",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("revision", BigInteger),
    Column("entry_number", BigInteger),
)
directory = Table(
    "directory",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("tenant_id", Uuid),
)
settings = Table(
    "settings",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("scope", Uuid, primary_key=True),
    Column("overrides", JSONB(none_as_null=True)),
    Column("revision", BigInteger),
)
audit = Table(
    "audit",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("audit_id", Uuid, primary_key=True),
    Column("at", DateTime(timezone=True)),
    Column("actor_kind", Text),
    Column("actor_id", Text),
    Column("actor_role", Text),
    Column("action", Text),
    Column("entity", Text),
    Column("entity_id", Text),
    Column("before", JSONB(none_as_null=True)),
    Column("after", JSONB(none_as_null=True)),
)
