"""Locations, terminals, their enrolment codes, and their epochs: a key, a chain and a position each."""

from migrations.central.walls import protect, run

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    run(
        """
        create table till.locations (
            tenant_id uuid not null references till.tenants,
            location_id uuid not null,
            code text not null,
            name text not null,
            timezone text not null,
            address text,
            tax_number text,
            receipt_header text,
            receipt_footer text,
            locale text,
            receipt_part text not null,
            terminals_made integer not null default 0,
            created_at timestamptz not null,
            revision bigint not null default 1,
            primary key (tenant_id, location_id),
            unique (tenant_id, code),
            unique (tenant_id, receipt_part)
        );

        -- next_epoch is given out with the next enrolment; polling is its
        -- last long poll; reported the last status that it told.
        create table till.terminals (
            tenant_id uuid not null references till.tenants,
            terminal_id uuid not null,
            location_id uuid not null,
            number integer not null,
            label text not null,
            out_of_service_from date,
            next_epoch integer not null default 1,
            branches integer not null default 0,
            polling uuid,
            reported text,
            reported_at timestamptz,
            created_at timestamptz not null,
            revision bigint not null default 1,
            primary key (tenant_id, terminal_id),
            unique (tenant_id, location_id, number),
            foreign key (tenant_id, location_id) references till.locations
        );

        -- A code itself is never stored. answer is what the enrolment answered, but for its pin_key.
        create table till.enrolment_codes (
            tenant_id uuid not null references till.tenants,
            code_hash bytea not null,
            terminal_id uuid not null,
            expires_at timestamptz not null,
            used_epoch integer,
            answer text,
            primary key (tenant_id, code_hash),
            foreign key (tenant_id, terminal_id) references till.terminals
        );
        create index enrolment_codes_of_terminal on till.enrolment_codes (tenant_id, terminal_id);

        -- The uplink moves these rows with every batch: room on the page, and no index over what moves.
        create table till.epochs (
            tenant_id uuid not null references till.tenants,
            terminal_id uuid not null,
            epoch integer not null,
            location_id uuid not null,
            public_key text not null,
            pin_key bytea not null,
            receipt_prefix text not null,
            enrolled_at timestamptz not null,
            replaced_at timestamptz,
            revoked_at timestamptz,
            last_seen_at timestamptz not null,
            applied_through bigint not null default 0,
            applied_hash text not null,
            queued int8multirange not null default '{}',
            stored_lines bigint not null default 0,
            last_created_at timestamptz,
            receipt_counter bigint not null default 0,
            forked boolean not null default false,
            suspect boolean not null default false,
            primary key (tenant_id, terminal_id, epoch),
            unique (tenant_id, public_key),
            unique (tenant_id, receipt_prefix),
            foreign key (tenant_id, terminal_id) references till.terminals
        ) with (fillfactor = 60);

        -- The assertions that were taken, until they would be too old to be taken again.
        create table till.assertions (
            tenant_id uuid not null references till.tenants,
            terminal_id uuid not null,
            jti_hash bytea not null,
            expires_at timestamptz not null,
            primary key (tenant_id, terminal_id, jti_hash)
        );
        """
    )
    protect("locations", "enrolment_codes", "assertions")
    protect("terminals", "epochs", rights=("select", "insert", "update"))
