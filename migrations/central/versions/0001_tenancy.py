"""Tenants, their settings, keys and people, and the few tables that have no tenant.

`directory` finds the tenant of what is asked before the tenant is known; `deployment_*` is what nodes share.
"""

from migrations.central.walls import grant, protect, run

revision = "0001"
down_revision = None


def upgrade() -> None:
    run(
        """
        create function till.enter(tenant uuid) returns void language plpgsql as $$
        begin
            execute format('set local app.tenant_id = %L', tenant);
        end $$;
        revoke all on function till.enter(uuid) from public;
        grant execute on function till.enter(uuid) to till_app;

        create table till.tenants (
            tenant_id uuid not null,
            code text not null,
            name text not null,
            currency text not null,
            created_at timestamptz not null,
            primary key (tenant_id)
        );

        -- The numbers that a tenant gives: locked as late as possible, so that a later one cannot commit first.
        create table till.tenant_counters (
            tenant_id uuid not null references till.tenants,
            revision bigint not null default 0,
            entry_number bigint not null default 0,
            primary key (tenant_id)
        );

        -- scope: the tenant's own id, or a location that overrides.
        create table till.settings (
            tenant_id uuid not null references till.tenants,
            scope uuid not null,
            overrides jsonb not null,
            revision bigint not null,
            primary key (tenant_id, scope)
        );

        create table till.audit (
            tenant_id uuid not null references till.tenants,
            audit_id uuid not null,
            at timestamptz not null,
            actor_kind text not null,
            actor_id text not null,
            actor_role text not null,
            action text not null,
            entity text not null,
            entity_id text not null,
            before jsonb,
            after jsonb,
            primary key (tenant_id, audit_id)
        );

        create table till.idempotency (
            tenant_id uuid not null references till.tenants,
            caller text not null,
            route text not null,
            key text not null,
            body_hash bytea not null,
            created_at timestamptz not null,
            status smallint,
            answer bytea,
            primary key (tenant_id, caller, route, key)
        );
        create index idempotency_by_age on till.idempotency (tenant_id, created_at);

        create table till.api_keys (
            tenant_id uuid not null references till.tenants,
            api_key_id uuid not null,
            label text not null,
            role text not null check (role in ('owner', 'manager', 'viewer')),
            secret_hash bytea not null,
            created_at timestamptz not null,
            expires_at timestamptz,
            revision bigint not null,
            primary key (tenant_id, api_key_id)
        );

        create table till.users (
            tenant_id uuid not null references till.tenants,
            user_id uuid not null,
            email text not null,
            password_hash text not null,
            role text not null check (role in ('owner', 'manager', 'viewer')),
            created_at timestamptz not null,
            revision bigint not null,
            primary key (tenant_id, user_id),
            unique (tenant_id, email)
        );

        -- pin_hash is argon2id's raw output: each terminal gets its HMAC under the terminal's own pin_key.
        create table till.cashiers (
            tenant_id uuid not null references till.tenants,
            cashier_id uuid not null,
            name text not null,
            number text not null,
            role text not null check (role in ('cashier', 'supervisor')),
            location_ids uuid[],
            pin_salt bytea not null,
            pin_hash bytea not null,
            pin_parameters jsonb not null,
            created_at timestamptz not null,
            revision bigint not null,
            primary key (tenant_id, cashier_id),
            unique (tenant_id, number)
        );

        create table till.directory (
            kind text not null,
            key text not null,
            tenant_id uuid not null,
            primary key (kind, key)
        );

        create table till.deployment_keys (
            purpose text not null,
            secret bytea not null,
            created_at timestamptz not null default now(),
            primary key (purpose)
        );

        create table till.deployment_state (
            one boolean not null default true check (one),
            deployment_id uuid not null default gen_random_uuid(),
            incarnation uuid not null default gen_random_uuid(),
            primary key (one)
        );
        insert into till.deployment_state default values;

        create table till.deployment_guesses (
            kind text not null,
            address text not null,
            window_start timestamptz not null,
            guesses integer not null,
            primary key (kind, address, window_start)
        );

        -- The password that `migrate` gave the role that central serves as; the owner's alone (decision 0002).
        create table till.deployment_login (
            one boolean not null default true check (one),
            password text not null,
            primary key (one)
        );

        grant select on till.deployment_migration to till_app;
        """
    )
    protect("tenants", "tenant_counters", rights=("select", "insert", "update"))
    protect("audit", rights=("select", "insert"))
    protect("settings", "idempotency", "api_keys", "users", "cashiers")
    grant("directory", rights=("select", "insert", "update", "delete"))
    grant("deployment_keys", rights=("select", "insert"))
    grant("deployment_state", rights=("select", "update"))
    grant("deployment_guesses", rights=("select", "insert", "update", "delete"))
