-- record --
-- Give the next revisions to what changed, in the order given, and note them. The counter's row is locked until the
-- end of the transaction, so a later revision cannot commit first.
with taken as (
    update till.tenant_counters set revision = revision + $2 where tenant_id = $1 returning tenant_id, revision
)
insert into till.changes as c (tenant_id, scope, entity, entity_id, revision, deleted, dated_on)
select k.tenant_id, u.scope, u.entity, u.entity_id, k.revision - $2 + u.place, u.deleted, u.dated_on
from taken k,
     unnest($3::text::uuid[], $4::text::text[], $5::text::text[], $6::text::boolean[], $7::text::date[])
         with ordinality as u (scope, entity, entity_id, deleted, dated_on, place)
where k.tenant_id = $1
on conflict (tenant_id, scope, entity, entity_id) do update
set revision = excluded.revision, deleted = excluded.deleted, dated_on = excluded.dated_on

-- head --
-- The revision of the last change that is committed.
select revision from till.tenant_counters where tenant_id = $1

-- walk --
-- The next ids of one entity that a location needs, up to the revision at which the snapshot began.
select w.entity_id
from (
    (
        select c.entity_id from till.changes c
        where c.tenant_id = $1 and c.scope = $1 and c.entity = $3 and c.entity_id > $4
            and not c.deleted and c.revision <= $5 and (c.dated_on is null or c.dated_on >= $6)
        order by c.entity_id limit $7
    )
    union
    (
        select c.entity_id from till.changes c
        where c.tenant_id = $1 and c.scope = $2 and c.entity = $3 and c.entity_id > $4
            and not c.deleted and c.revision <= $5 and (c.dated_on is null or c.dated_on >= $6)
        order by c.entity_id limit $7
    )
) as w
order by w.entity_id
limit $7

-- deltas --
-- What changed for a location after a revision, in the order of revisions.
select d.entity, d.entity_id, d.revision
from (
    (
        select c.entity, c.entity_id, c.revision from till.changes c
        where c.tenant_id = $1 and c.scope = $1 and c.revision > $3
            and (c.dated_on is null or c.dated_on >= $4)
        order by c.revision limit $5
    )
    union all
    (
        select c.entity, c.entity_id, c.revision from till.changes c
        where c.tenant_id = $1 and c.scope = $2 and c.revision > $3
            and (c.dated_on is null or c.dated_on >= $4)
        order by c.revision limit $5
    )
) as d
order by d.revision
limit $5

-- prune --
-- Forget receipts that every terminal of a location has dropped by itself.
delete from till.changes where tenant_id = $1 and scope = $2 and entity = 'receipt' and dated_on < $3
