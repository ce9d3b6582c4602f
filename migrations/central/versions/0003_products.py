"""The catalogue: tax groups, products, barcodes, prices, price rules.

Who changes a catalogue first takes its row of `till.catalogues`, so the writers of a tenant stand in line. A product
that was withdrawn keeps its row, without a tax group: its id stays known, its SKU and barcodes are free.
"""

from migrations.central.walls import protect, run

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    run(
        """
        -- The stamp is new with each change and never comes again, also not after a restored backup.
        create table till.catalogues (
            tenant_id uuid not null references till.tenants,
            revision bigint not null,
            stamp uuid not null,
            primary key (tenant_id)
        );

        create table till.tax_groups (
            tenant_id uuid not null references till.tenants,
            tax_group_id uuid not null,
            code text not null,
            name text not null,
            components jsonb not null,
            revision bigint not null,
            created_at timestamptz not null,
            primary key (tenant_id, tax_group_id),
            unique (tenant_id, code)
        );

        create table till.products (
            tenant_id uuid not null references till.tenants,
            product_id uuid not null,
            sku text not null,
            name text not null,
            unit text not null,
            price_minor bigint not null,
            price_quantity_milli bigint not null,
            open_price boolean not null,
            age_min integer,
            tax_group_id uuid,
            category text,
            attributes jsonb not null,
            revision bigint not null,
            created_at timestamptz not null,
            withdrawn_at timestamptz,
            primary key (tenant_id, product_id),
            foreign key (tenant_id, tax_group_id) references till.tax_groups,
            check (withdrawn_at is not null or tax_group_id is not null)
        );
        create unique index products_by_sku on till.products (tenant_id, sku) where withdrawn_at is null;
        create index products_by_tax_group on till.products (tenant_id, tax_group_id);

        -- barcode_key is the form that is looked up (a GTIN's 14 digits), barcode what was given.
        create table till.product_barcodes (
            tenant_id uuid not null references till.tenants,
            barcode_key text not null,
            product_id uuid not null,
            position integer not null,
            barcode text not null,
            quantity_milli bigint not null,
            price_minor bigint,
            primary key (tenant_id, barcode_key),
            foreign key (tenant_id, product_id) references till.products
        );
        create index barcodes_by_product on till.product_barcodes (tenant_id, product_id);

        create table till.prices (
            tenant_id uuid not null references till.tenants,
            price_id uuid not null,
            product_id uuid not null,
            barcode text,
            barcode_key text,
            location_ids uuid[],
            price_minor bigint not null,
            valid_from date,
            valid_to date,
            revision bigint not null,
            created_at timestamptz not null,
            primary key (tenant_id, price_id),
            foreign key (tenant_id, product_id) references till.products
        );
        create index prices_by_product on till.prices (tenant_id, product_id, price_id);

        create table till.price_rules (
            tenant_id uuid not null references till.tenants,
            price_rule_id uuid not null,
            name text not null,
            kind text not null,
            value jsonb not null,
            product_ids uuid[],
            category text,
            location_ids uuid[],
            starts_at timestamptz,
            ends_at timestamptz,
            days_of_week smallint[],
            time_from time,
            time_to time,
            min_quantity_milli bigint not null,
            priority integer not null,
            revision bigint not null,
            created_at timestamptz not null,
            primary key (tenant_id, price_rule_id)
        );
        create index price_rules_by_category on till.price_rules (tenant_id, category) where category is not null;

        -- The rules that name a product: an index of price_rules.product_ids.
        create table till.price_rule_products (
            tenant_id uuid not null references till.tenants,
            product_id uuid not null,
            price_rule_id uuid not null,
            primary key (tenant_id, product_id, price_rule_id),
            foreign key (tenant_id, price_rule_id) references till.price_rules
        );
        create index products_by_price_rule on till.price_rule_products (tenant_id, price_rule_id);
        """
    )
    protect("catalogues", "products", rights=("select", "insert", "update"))
    protect("tax_groups", "product_barcodes", "prices", "price_rules", "price_rule_products")
