-- lock_positions --
-- The rows of some epochs, taken in the order of their keys so that two batches never wait for each other in a circle.
select e.terminal_id, e.epoch, e.location_id, e.receipt_prefix, e.enrolled_at, e.replaced_at, e.revoked_at,
       e.applied_through, e.applied_hash, e.queued::text as queued, e.stored_lines, e.last_created_at,
       e.receipt_counter, e.forked, e.branched, e.lost::text as lost
from till.epochs e
join unnest($2::text::uuid[], $3::text::integer[]) as k (terminal_id, epoch)
    on e.terminal_id = k.terminal_id and e.epoch = k.epoch
where e.tenant_id = $1
order by e.terminal_id, e.epoch
for no key update of e

-- move_positions --
-- Write back where the epochs stand after a batch; their rows are locked.
update till.epochs e
set applied_through = m.applied_through,
    applied_hash = m.applied_hash,
    queued = m.queued::int8multirange,
    stored_lines = m.stored_lines,
    last_created_at = m.last_created_at,
    receipt_counter = m.receipt_counter,
    last_seen_at = coalesce($10, e.last_seen_at)
from unnest($2::text::uuid[], $3::text::integer[], $4::text::bigint[], $5::text::text[],
            $6::text::text[], $7::text::bigint[], $8::text::timestamptz[], $9::text::bigint[])
    as m (terminal_id, epoch, applied_through, applied_hash, queued, stored_lines, last_created_at, receipt_counter)
where e.tenant_id = $1 and e.terminal_id = m.terminal_id and e.epoch = m.epoch

-- epochs_in_turn --
-- Epochs, after one of them, whose queue begins where the chain stands, or whose next line was declared lost.
select e.terminal_id, e.epoch
from till.epochs e
where e.tenant_id = $1 and (e.terminal_id, e.epoch) > ($2, $3) and not isempty(e.queued)
  and (lower(e.queued) = e.applied_through + 1 or e.lost @> e.applied_through + 1)
order by e.terminal_id, e.epoch
limit $4

-- position --
-- One epoch's row, not locked.
select e.terminal_id, e.epoch, e.location_id, e.receipt_prefix, e.enrolled_at, e.replaced_at, e.revoked_at,
       e.applied_through, e.applied_hash, e.queued::text as queued, e.stored_lines, e.last_created_at,
       e.receipt_counter, e.forked, e.branched, e.lost::text as lost
from till.epochs e
where e.tenant_id = $1 and e.terminal_id = $2 and e.epoch = $3

-- admission --
-- Whether an epoch may still be served: when it was revoked, and when a newer one took its place.
select revoked_at, replaced_at from till.epochs where tenant_id = $1 and terminal_id = $2 and epoch = $3

-- epoch_key --
-- The key that an epoch was enrolled with.
select public_key from till.epochs where tenant_id = $1 and terminal_id = $2 and epoch = $3

-- mark_forked --
update till.epochs set forked = $4, branched = branched or $4
where tenant_id = $1 and terminal_id = $2 and epoch = $3

-- mark_lost --
-- What of an epoch was declared lost; its row is locked.
update till.epochs set lost = $4::text::int8multirange where tenant_id = $1 and terminal_id = $2 and epoch = $3

-- mark_suspect --
update till.epochs set suspect = true where tenant_id = $1 and terminal_id = $2 and epoch = $3

-- next_branch --
-- Branches are counted in the terminal, over all its epochs.
update till.terminals set branches = branches + 1 where tenant_id = $1 and terminal_id = $2 returning branches

-- seen --
-- The terminal was heard of.
update till.epochs set last_seen_at = $4 where tenant_id = $1 and terminal_id = $2 and epoch = $3

-- take_assertion --
-- Remember an assertion; no row comes back for one that was taken before.
insert into till.assertions (tenant_id, terminal_id, jti_hash, expires_at)
values ($1, $2, $3, $4)
on conflict (tenant_id, terminal_id, jti_hash) do nothing
returning jti_hash

-- forget_assertions --
-- Those that are too old to be taken again.
delete from till.assertions where tenant_id = $1 and terminal_id = $2 and expires_at < $3

-- incarnation --
-- The life of the database; it has no tenant.
select incarnation from till.deployment_state

-- recipient --
-- An epoch and its location, for one who follows the changes.
select e.terminal_id, e.epoch, e.location_id, e.pin_key, e.revoked_at, e.replaced_at,
       l.timezone, l.name, l.code, l.address, l.tax_number, l.receipt_header, l.receipt_footer, l.locale,
       t.polling, s.incarnation
from till.epochs e
join till.terminals t on t.tenant_id = e.tenant_id and t.terminal_id = e.terminal_id
join till.locations l on l.tenant_id = e.tenant_id and l.location_id = e.location_id
cross join till.deployment_state s
where e.tenant_id = $1 and e.terminal_id = $2 and e.epoch = $3

-- begin_poll --
-- The terminal's long poll is this one now; an earlier one that finds another here ends.
update till.terminals set polling = $3 where tenant_id = $1 and terminal_id = $2
