"""Ledger entries, receipts, exceptions and roll-ups.

Tables that every sale writes have no foreign key: a check for each row costs as much as the row, and their inserts
take the tenant from `till.tenants`. Sums are numeric, since no sum of what tills send may overflow.
"""

from migrations.central.walls import protect, run

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    run(_LEDGER)
    run(_SALES)
    run(_REPORTING)
    protect("entries", rights=("select", "insert"))
    protect("report_lines", rights=("select", "insert"))
    protect("daily_balances", "sales_daily", "sales_hourly", rights=("select", "insert", "update"))
    protect("receipts", "refunded_lines", "voids", "waiting", "vouchers", "exchanges", "shifts")
    protect("exceptions", rights=("select", "insert", "update"))


_LEDGER = """
-- An event is known by terminal, epoch, branch (0 = the chain itself) and sequence.
create table till.entries (
    tenant_id uuid not null,
    entry_number bigint not null,
    terminal_id uuid not null,
    location_id uuid not null,
    sequence bigint not null,
    amount_minor bigint not null,
    posted_at timestamptz not null,
    epoch integer not null,
    branch integer not null,
    business_date date not null,
    account text not null,
    primary key (tenant_id, entry_number)
);
create index entries_by_day on till.entries using brin (tenant_id, business_date);
create index entries_in_suspense on till.entries (tenant_id, terminal_id, epoch, branch, sequence)
    where account = 'suspense';

create table till.daily_balances (
    tenant_id uuid not null,
    business_date date not null,
    location_id uuid not null,
    account text not null,
    amount_minor numeric not null,
    primary key (tenant_id, business_date, location_id, account)
) with (fillfactor = 70);
"""

_SALES = """
-- A SALE or a REFUND by its id. Copy 0 is the one applied first, which refunds and voids go to. A row that is only
-- awaited stands for a receipt that others named before it came: whoever names it and whoever brings it meet there.
create table till.receipts (
    tenant_id uuid not null,
    receipt_id uuid not null,
    is_refund boolean not null,
    copy integer not null,
    awaited boolean not null,
    was_awaited boolean not null,
    epoch integer,
    branch integer,
    terminal_id uuid,
    location_id uuid,
    sequence bigint,
    created_at timestamptz,
    applied_at timestamptz,
    business_date date,
    void_count integer not null default 0,
    receipt_number text,
    original_id uuid,
    exchange_id uuid,
    primary key (tenant_id, receipt_id, is_refund, copy)
) with (fillfactor = 90);
create index receipts_by_number on till.receipts (tenant_id, receipt_number);
create index receipts_by_day on till.receipts (tenant_id, location_id, business_date);
create index receipts_by_original on till.receipts (tenant_id, original_id) where original_id is not null;

-- What the refunds of a sale's line gave together, those that were voided apart.
create table till.refunded_lines (
    tenant_id uuid not null,
    sale_id uuid not null,
    line integer not null,
    quantity_milli numeric not null,
    amount_minor numeric not null,
    discount_minor numeric not null,
    taxes jsonb not null,
    primary key (tenant_id, sale_id, line)
);

create table till.voids (
    tenant_id uuid not null,
    terminal_id uuid not null,
    epoch integer not null,
    branch integer not null,
    sequence bigint not null,
    receipt_id uuid not null,
    is_refund boolean not null,
    waiting boolean not null,
    location_id uuid not null,
    business_date date not null,
    created_at timestamptz not null,
    applied_at timestamptz not null,
    primary key (tenant_id, terminal_id, epoch, branch, sequence)
);
create index voids_by_receipt on till.voids (tenant_id, receipt_id, is_refund);

-- Events that wait for what they name; code is the exception that is raised when the wait is over.
create table till.waiting (
    tenant_id uuid not null,
    subject text not null,
    terminal_id uuid not null,
    epoch integer not null,
    branch integer not null,
    sequence bigint not null,
    location_id uuid not null,
    code text not null,
    amount_minor numeric not null,
    since timestamptz not null,
    raised boolean not null,
    primary key (tenant_id, subject, terminal_id, epoch, branch, sequence)
);
create index waiting_by_age on till.waiting (tenant_id, since) where not raised;

create table till.vouchers (
    tenant_id uuid not null,
    voucher_code text not null,
    balance_minor numeric not null,
    known boolean not null,
    primary key (tenant_id, voucher_code)
);

create table till.exchanges (
    tenant_id uuid not null,
    exchange_id uuid not null,
    sales integer not null,
    refunds integer not null,
    sale_voids integer not null,
    refund_voids integer not null,
    clearing_minor numeric not null,
    primary key (tenant_id, exchange_id)
);

-- A drawer's period. cash_minor is all cash that names the shift, but for what its closing takes out.
create table till.shifts (
    tenant_id uuid not null,
    shift_id uuid not null,
    cash_minor numeric not null,
    opens integer not null,
    closes integer not null,
    terminal_id uuid,
    location_id uuid,
    cashier_id uuid,
    opened_at timestamptz,
    business_date date,
    float_minor bigint,
    closed_at timestamptz,
    close_terminal_id uuid,
    close_epoch integer,
    close_branch integer,
    close_sequence bigint,
    counted_minor bigint,
    expected_minor bigint,
    z_number bigint,
    primary key (tenant_id, shift_id)
) with (fillfactor = 70);

create table till.exceptions (
    tenant_id uuid not null,
    exception_id uuid not null,
    terminal_id uuid not null,
    epoch integer not null,
    branch integer not null,
    sequence bigint not null,
    code text not null,
    detail text not null,
    subject text,
    status text not null check (status in ('open', 'resolved', 'withdrawn')),
    created_at timestamptz not null,
    resolved_at timestamptz,
    resolved_by text,
    action text,
    note text,
    moved_account text,
    moved_minor bigint,
    moved_on date,
    primary key (tenant_id, exception_id),
    unique (tenant_id, terminal_id, epoch, branch, sequence, code)
);
create index exceptions_by_subject on till.exceptions (tenant_id, subject, code) where subject is not null;
create index exceptions_by_status on till.exceptions (tenant_id, status, exception_id);
"""

_FIGURES = """
    sales_count numeric not null,
    quantity_milli numeric not null,
    gross_minor numeric not null,
    net_minor numeric not null,
    tax_minor numeric not null,
    discount_minor numeric not null,
    refund_count numeric not null,
    refunds_quantity_milli numeric not null,
    refunds_gross_minor numeric not null,
    refunds_net_minor numeric not null,
    refunds_tax_minor numeric not null,
    refunds_discount_minor numeric not null,
"""

_REPORTING = f"""
create table till.sales_daily (
    tenant_id uuid not null,
    business_date date not null,
    location_id uuid not null,
    {_FIGURES}
    primary key (tenant_id, business_date, location_id)
) with (fillfactor = 70);

-- cashier_id is the nil UUID where the receipt names nobody.
create table till.sales_hourly (
    tenant_id uuid not null,
    business_date date not null,
    location_id uuid not null,
    hour smallint not null,
    terminal_id uuid not null,
    cashier_id uuid not null,
    {_FIGURES}
    primary key (tenant_id, business_date, location_id, hour, terminal_id, cashier_id)
) with (fillfactor = 70);

-- A row for each product line of a SALE or a REFUND, and one more that counts it out for each VOID (sign -1), known
-- by the event that made it. terminal_id is the receipt's; maker_id the VOID's terminal. A line's number in its
-- receipt is line. taxes is [[code, rate_ppm, amount_minor], …], null where it bears none.
create table till.report_lines (
    tenant_id uuid not null,
    business_date date not null,
    location_id uuid not null,
    terminal_id uuid not null,
    maker_id uuid not null,
    cashier_id uuid,
    product_id uuid,
    price_rule_id uuid,
    approved_by uuid,
    sequence bigint not null,
    quantity_milli bigint not null,
    gross_minor bigint not null,
    net_minor bigint not null,
    tax_minor bigint not null,
    discount_minor bigint not null,
    epoch integer not null,
    branch integer not null,
    line integer not null,
    hour smallint not null,
    sign smallint not null,
    is_refund boolean not null,
    category text,
    taxes jsonb,
    primary key (tenant_id, business_date, maker_id, epoch, branch, sequence, line)
);
"""
