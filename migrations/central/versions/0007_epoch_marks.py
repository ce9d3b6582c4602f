"""What an epoch's row says at a glance: which missing sequences were declared lost, and whether it ever forked."""

from migrations.central.walls import run

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    run(
        """
        alter table till.epochs
            -- Declared lost; what applied_through has passed may stay in here.
            add column lost int8multirange not null default '{}',
            -- Some line of it stands on a branch, whatever became of that: the same bytes may come to the chain.
            add column branched boolean not null default false;

        update till.epochs e
        set lost = l.ranges
        from (
            select tenant_id, terminal_id, epoch, range_agg(int8range(from_sequence, to_sequence, '[]')) as ranges
            from till.lost_sequences
            group by tenant_id, terminal_id, epoch
        ) l
        where e.tenant_id = l.tenant_id and e.terminal_id = l.terminal_id and e.epoch = l.epoch;

        update till.epochs e
        set branched = true
        from till.branches b
        where e.tenant_id = b.tenant_id and e.terminal_id = b.terminal_id and e.epoch = b.epoch;
        """
    )
