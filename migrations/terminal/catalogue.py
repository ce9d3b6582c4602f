"""The schema of `catalogue.sqlite`: a replica, which a new snapshot from central makes again."""

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

migrations = Migrations("tillstream-catalogue")


@migrations()
def m001_replica(db: Database) -> None:
    """Products by barcode and sku, receipts by number, and the small entities that are read whole."""
    for statement in _M001:
        db.execute(statement)


_M001 = (
    """create table products (
        product_id text primary key,
        sku text not null,
        name text not null,
        generation integer not null,
        data blob not null
    ) strict, without rowid""",
    "create index products_skus on products (sku)",
    """create table barcodes (
        barcode text primary key,
        product_id text not null,
        quantity_milli integer not null,
        price_minor integer
    ) strict, without rowid""",
    "create index barcodes_products on barcodes (product_id)",
    """create table receipts (
        id text primary key,
        receipt_number text not null,
        business_date text not null,
        generation integer not null,
        data blob not null
    ) strict""",
    "create index receipts_numbers on receipts (receipt_number)",
    """create table entities (
        entity text not null,
        id text not null,
        generation integer not null,
        data blob not null,
        primary key (entity, id)
    ) strict, without rowid""",
    """create table progress (
        only integer primary key check (only = 1),
        cursor text,
        catalogue_through text,
        generation integer not null,
        sweeping integer not null,
        owner text not null
    ) strict""",
)
