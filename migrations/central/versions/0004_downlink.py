"""The change log that terminals follow: for each entity of each scope, the revision at which it last changed."""

from migrations.central.walls import protect, run

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    run(
        """
        -- scope is the tenant's own id for what every location needs, else a location's. No foreign key: every sale
        -- writes a row here. dated_on is the business date of what a terminal keeps for some days only.
        create table till.changes (
            tenant_id uuid not null,
            scope uuid not null,
            entity text collate "C" not null,
            entity_id text collate "C" not null,
            revision bigint not null,
            deleted boolean not null,
            dated_on date,
            primary key (tenant_id, scope, entity, entity_id)
        );
        create unique index changes_by_revision on till.changes (tenant_id, scope, revision);
        """
    )
    protect("changes")
