"""The catalogue: tax groups, products, barcodes, prices, price rules."""

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    pass
