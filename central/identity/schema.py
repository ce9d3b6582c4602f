"""The tables of identity, for composed queries."""

from sqlalchemy import BigInteger, Column, DateTime, LargeBinary, MetaData, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

metadata = MetaData(schema="till")

api_keys = Table(
    "api_keys",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("api_key_id", Uuid, primary_key=True),
    Column("label", Text),
    Column("role", Text),
    Column("secret_hash", LargeBinary),
    Column("created_at", DateTime(timezone=True)),
    Column("expires_at", DateTime(timezone=True)),
    Column("revision", BigInteger),
)
users = Table(
    "users",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("user_id", Uuid, primary_key=True),
    Column("email", Text),
    Column("password_hash", Text),
    Column("role", Text),
    Column("created_at", DateTime(timezone=True)),
    Column("revision", BigInteger),
)
cashiers = Table(
    "cashiers",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("cashier_id", Uuid, primary_key=True),
    Column("name", Text),
    Column("number", Text),
    Column("role", Text),
    Column("location_ids", ARRAY(Uuid)),
    Column("pin_salt", LargeBinary),
    Column("pin_hash", LargeBinary),
    Column("pin_parameters", JSONB),
    Column("created_at", DateTime(timezone=True)),
    Column("revision", BigInteger),
)
