"""The roll-ups' tables as composed queries name them."""

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Date, Integer, MetaData, Numeric, SmallInteger, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB

from central.reporting.roll_ups import FIGURES

_metadata: Final = MetaData(schema="till")

sales_daily: Final = Table(
    "sales_daily",
    _metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("business_date", Date, primary_key=True),
    Column("location_id", Uuid, primary_key=True),
    *[Column(figure, Numeric, nullable=False) for figure in FIGURES],
)

sales_hourly: Final = Table(
    "sales_hourly",
    _metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("business_date", Date, primary_key=True),
    Column("location_id", Uuid, primary_key=True),
    Column("hour", SmallInteger, primary_key=True),
    Column("terminal_id", Uuid, primary_key=True),
    Column("cashier_id", Uuid, primary_key=True),
    *[Column(figure, Numeric, nullable=False) for figure in FIGURES],
)

report_lines: Final = Table(
    "report_lines",
    _metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("business_date", Date, primary_key=True),
    Column("maker_id", Uuid, primary_key=True),
    Column("epoch", Integer, primary_key=True),
    Column("branch", Integer, primary_key=True),
    Column("sequence", BigInteger, primary_key=True),
    Column("line", Integer, primary_key=True),
    Column("location_id", Uuid, nullable=False),
    Column("terminal_id", Uuid, nullable=False),
    Column("cashier_id", Uuid),
    Column("hour", SmallInteger, nullable=False),
    Column("sign", SmallInteger, nullable=False),
    Column("is_refund", Boolean, nullable=False),
    Column("product_id", Uuid),
    Column("category", Text),
    Column("price_rule_id", Uuid),
    Column("approved_by", Uuid),
    Column("quantity_milli", BigInteger, nullable=False),
    Column("gross_minor", BigInteger, nullable=False),
    Column("net_minor", BigInteger, nullable=False),
    Column("tax_minor", BigInteger, nullable=False),
    Column("discount_minor", BigInteger, nullable=False),
    Column("taxes", JSONB),
)
