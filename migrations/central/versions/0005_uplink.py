"""Events as terminals sent them, their queue and branches, and what was declared lost."""

from migrations.central.walls import protect, run

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    run(
        """
        -- A line as it came. branch 0 is the chain itself. signature stands where a body ended: it covers the lines
        -- before it through their hashes. No foreign key: an insert takes its tenant from till.tenants (facts of the
        -- hot path: a key checked row by row costs a tenth of the ingest).
        create table till.events (
            tenant_id uuid not null,
            terminal_id uuid not null,
            epoch integer not null,
            branch integer not null,
            sequence bigint not null,
            state text not null
                check (state in ('queued', 'held', 'kept', 'applied', 'unreadable', 'unknown')),
            type text not null,
            kind text,
            cashier_id uuid,
            location_id uuid not null,
            business_date date,
            received_at timestamptz not null,
            line_hash bytea not null,
            signature text,
            line bytea not null,
            primary key (tenant_id, terminal_id, epoch, branch, sequence)
        );
        create index events_by_date on till.events
            (tenant_id, business_date, terminal_id, epoch, branch, sequence);
        -- Few lines wait for a fix or for the rest of a lost run; only those are in here.
        create index events_waiting on till.events (tenant_id, terminal_id, epoch, branch, sequence)
            where state in ('held', 'unreadable', 'unknown');

        -- A line is mostly a little longer than the 2 kB from which PostgreSQL compresses, and its default way of
        -- doing that costs a third of the ingest.
        do $$
        begin
            if exists (select from pg_settings where name = 'default_toast_compression' and 'lz4' = any(enumvals)) then
                alter table till.events alter column line set compression lz4;
            else
                alter table till.events alter column line set storage external;
            end if;
        end $$;

        -- Lines that contradict the chain. They hang on the line hang_sequence of hang_branch (0: the chain), the last
        -- one that both share; null where that is not known. kept: the sequences that are here.
        create table till.branches (
            tenant_id uuid not null references till.tenants,
            terminal_id uuid not null,
            branch integer not null check (branch > 0),
            epoch integer not null,
            hang_branch integer,
            hang_sequence bigint,
            kept int8multirange not null,
            state text not null check (state in ('open', 'adopted', 'discarded')),
            waiting boolean not null default false,
            created_at timestamptz not null,
            resolved_at timestamptz,
            resolved_by text,
            note text,
            primary key (tenant_id, terminal_id, branch)
        );

        -- What an owner declared lost. A line of it that turns up after all stays in here too, and in till.events.
        create table till.lost_sequences (
            tenant_id uuid not null references till.tenants,
            terminal_id uuid not null,
            epoch integer not null,
            from_sequence bigint not null,
            to_sequence bigint not null check (to_sequence >= from_sequence),
            declared_at timestamptz not null,
            declared_by text not null,
            note text,
            primary key (tenant_id, terminal_id, epoch, from_sequence)
        );
        """
    )
    protect("events", "branches", rights=("select", "insert", "update"))
    protect("lost_sequences", rights=("select", "insert"))
