"""The tables of the catalogue, for queries that are composed; migration 0003 makes them."""

from typing import Final

from sqlalchemy import BigInteger, Column, Date, DateTime, Integer, MetaData, SmallInteger, Table, Text, Time
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID

metadata: Final = MetaData(schema="till")

tax_groups: Final = Table(
    "tax_groups",
    metadata,
    Column("tenant_id", UUID, primary_key=True),
    Column("tax_group_id", UUID, primary_key=True),
    Column("code", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("components", JSONB, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
)

products: Final = Table(
    "products",
    metadata,
    Column("tenant_id", UUID, primary_key=True),
    Column("product_id", UUID, primary_key=True),
    Column("sku", Text, nullable=False),
    Column("category", Text),
    Column("tax_group_id", UUID, nullable=False),
    Column("withdrawn_at", DateTime(timezone=True)),
)
"""The columns that lists choose by; products themselves are read with `products_by_id`."""

product_barcodes: Final = Table(
    "product_barcodes",
    metadata,
    Column("tenant_id", UUID, primary_key=True),
    Column("barcode_key", Text, primary_key=True),
    Column("product_id", UUID, nullable=False),
)

prices: Final = Table(
    "prices",
    metadata,
    Column("tenant_id", UUID, primary_key=True),
    Column("price_id", UUID, primary_key=True),
    Column("product_id", UUID, nullable=False),
    Column("barcode", Text),
    Column("barcode_key", Text),
    Column("location_ids", ARRAY(UUID)),
    Column("price_minor", BigInteger, nullable=False),
    Column("valid_from", Date),
    Column("valid_to", Date),
    Column("revision", BigInteger, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
)

price_rules: Final = Table(
    "price_rules",
    metadata,
    Column("tenant_id", UUID, primary_key=True),
    Column("price_rule_id", UUID, primary_key=True),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("value", JSONB, nullable=False),
    Column("product_ids", ARRAY(UUID)),
    Column("category", Text),
    Column("location_ids", ARRAY(UUID)),
    Column("starts_at", DateTime(timezone=True)),
    Column("ends_at", DateTime(timezone=True)),
    Column("days_of_week", ARRAY(SmallInteger)),
    Column("time_from", Time),
    Column("time_to", Time),
    Column("min_quantity_milli", BigInteger, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
)
