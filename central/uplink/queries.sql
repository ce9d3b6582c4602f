-- insert_events --
-- Store lines, in the order of their keys. The tenant comes from its own table, so that the insert stays one statement on
-- the tenant's shard and under row-level security wherever it lies.
insert into till.events (tenant_id, terminal_id, epoch, branch, sequence, state, type, kind, cashier_id, location_id,
                         business_date, received_at, line_hash, signature, line)
select k.tenant_id, u.terminal_id, u.epoch, u.branch, u.sequence, u.state, u.type, u.kind, u.cashier_id, u.location_id,
       u.business_date, u.received_at, u.line_hash, u.signature, u.line
from till.tenants k,
     unnest($2::text::uuid[], $3::text::integer[], $4::text::integer[], $5::text::bigint[],
            $6::text::text[], $7::text::text[], $8::text::text[], $9::text::uuid[], $10::text::uuid[], $11::text::date[],
            $12::text::timestamptz[], $13::bytea[], $14::text::text[], $15::bytea[])
         as u (terminal_id, epoch, branch, sequence, state, type, kind, cashier_id, location_id, business_date,
               received_at, line_hash, signature, line)
where k.tenant_id = $1

-- lines_near --
-- What the chain has from the sequence before a body to the one after it; the bytes only of those outside it.
select e.sequence, e.state, e.line_hash, case when e.sequence < $4 or e.sequence > $5 then e.line end as line
from till.events e
where e.tenant_id = $1 and e.terminal_id = $2 and e.epoch = $3 and e.branch = 0 and e.sequence between $4 - 1 and $5 + 1

-- lines_held --
-- Lines that were lost, turned up, and wait for the rest of their run.
select e.sequence, e.line_hash
from till.events e
where e.tenant_id = $1 and e.terminal_id = $2 and e.epoch = $3 and e.branch = 0 and e.state = 'held'

-- lines_at --
-- The chain's lines at some sequences.
select e.sequence, e.state, e.line_hash, e.line
from till.events e
where e.tenant_id = $1 and e.terminal_id = $2 and e.epoch = $3 and e.branch = 0 and e.sequence = any($4::bigint[])

-- lines_between --
-- Stored lines of the chain or a branch whose turn may have come, in their order.
select e.sequence, e.state, e.received_at, e.line_hash, e.line
from till.events e
where e.tenant_id = $1 and e.terminal_id = $2 and e.epoch = $3 and e.branch = $4
  and e.sequence between $5 and $6 and e.state = any($7::text[])
order by e.sequence
limit $8

-- move_state --
-- Lines whose turn has come, or whose reading failed at last.
update till.events e
set state = u.state
from unnest($2::uuid[], $3::integer[], $4::integer[], $5::bigint[], $6::text[])
    as u (terminal_id, epoch, branch, sequence, state)
where e.tenant_id = $1 and e.terminal_id = u.terminal_id and e.epoch = u.epoch and e.branch = u.branch
  and e.sequence = u.sequence

-- move_to_branch --
-- Lines of the chain that turned out to be another writer's: queued ones, or a held run.
update till.events e
set branch = $4, state = 'kept'
where e.tenant_id = $1 and e.terminal_id = $2 and e.epoch = $3 and e.branch = 0
  and e.sequence between $5 and $6 and $7::text::int8multirange @> e.sequence and e.state in ('queued', 'held')

-- rehang_branches --
-- Branches that hung on such lines hang on them where they are now.
update till.branches b
set hang_branch = $4
where b.tenant_id = $1 and b.terminal_id = $2 and b.epoch = $3 and b.branch <> $4 and b.hang_branch = 0
  and b.hang_sequence between $5 and $6 and $7::text::int8multirange @> b.hang_sequence

-- waiting_hashes --
-- Lines that wait on the chain, in some ranges.
select e.sequence, e.line_hash
from till.events e
where e.tenant_id = $1 and e.terminal_id = $2 and e.epoch = $3 and e.branch = 0
  and e.sequence between $4 and $5 and $6::text::int8multirange @> e.sequence and e.state in ('queued', 'held')

-- unbooked_lines --
-- The first kept lines of a branch whose very bytes are booked nowhere else.
select e.sequence, e.state, e.received_at, e.line_hash, e.line
from till.events e
where e.tenant_id = $1 and e.terminal_id = $2 and e.epoch = $3 and e.branch = $4 and e.state = 'kept'
  and not exists (
      select from till.events twin
      where twin.tenant_id = $1 and twin.terminal_id = $2 and twin.epoch = $3 and twin.branch = any($5::integer[])
        and twin.sequence = e.sequence and twin.line_hash = e.line_hash and twin.state = any($6::text[]))
order by e.sequence
limit $7

-- booked_hashes --
-- What branches have booked between two sequences.
select e.sequence, e.line_hash
from till.events e
where e.tenant_id = $1 and e.terminal_id = $2 and e.epoch = $3 and e.branch = any($4::integer[])
  and e.sequence between $5 and $6 and e.state = any($7::text[])

-- unfinished_epochs --
-- Epochs, after one of them, where a transaction may have left a turn to the next: adopted branches with lines to apply,
-- and lost lines that turned up.
select u.terminal_id, u.epoch
from (
    select b.terminal_id, b.epoch from till.branches b where b.tenant_id = $1 and b.waiting
    union
    select e.terminal_id, e.epoch from till.events e where e.tenant_id = $1 and e.state = 'held'
) u
where (u.terminal_id, u.epoch) > ($2, $3)
order by u.terminal_id, u.epoch
limit $4

-- branches_of_epoch --
select b.branch, b.hang_branch, b.hang_sequence, b.kept::text as kept, b.state, b.waiting
from till.branches b
where b.tenant_id = $1 and b.terminal_id = $2 and b.epoch = $3
order by b.branch

-- branch_lines_at --
-- What an epoch's branches have at some sequences.
select e.branch, e.sequence, e.line_hash, e.line
from till.branches b
join till.events e
    on e.tenant_id = b.tenant_id and e.terminal_id = b.terminal_id and e.epoch = b.epoch and e.branch = b.branch
where b.tenant_id = $1 and e.tenant_id = $1 and b.terminal_id = $2 and b.epoch = $3 and e.sequence = any($4::bigint[])

-- branch_hashes_between --
select e.branch, e.sequence, e.line_hash
from till.branches b
join till.events e
    on e.tenant_id = b.tenant_id and e.terminal_id = b.terminal_id and e.epoch = b.epoch and e.branch = b.branch
where b.tenant_id = $1 and e.tenant_id = $1 and b.terminal_id = $2 and b.epoch = $3 and e.sequence between $4 and $5

-- line_of_branch --
select e.line
from till.events e
where e.tenant_id = $1 and e.terminal_id = $2 and e.epoch = $3 and e.branch = $4 and e.sequence = $5

-- places_of_line --
-- Where a line stands: on the chain, or on branches.
select e.branch
from till.events e
where e.tenant_id = $1 and e.terminal_id = $2 and e.epoch = $3 and e.branch = any($4::integer[])
  and e.sequence = $5 and e.line_hash = $6

-- insert_branch --
insert into till.branches (tenant_id, terminal_id, branch, epoch, hang_branch, hang_sequence, kept, state, created_at)
values ($1, $2, $3, $4, $5, $6, $7::text::int8multirange, 'open', $8)

-- extend_branch --
update till.branches b
set kept = $4::text::int8multirange, hang_branch = $5, hang_sequence = $6, waiting = $7
where b.tenant_id = $1 and b.terminal_id = $2 and b.branch = $3

-- branch --
select b.branch, b.epoch, b.state, b.waiting
from till.branches b
where b.tenant_id = $1 and b.terminal_id = $2 and b.branch = $3

-- resolve_branch --
-- Only an open branch is resolved; a decision on it stands.
update till.branches b
set state = $4, waiting = $5, resolved_at = $6, resolved_by = $7, note = $8
where b.tenant_id = $1 and b.terminal_id = $2 and b.branch = $3 and b.state = 'open'

-- finish_branch --
update till.branches b set waiting = false where b.tenant_id = $1 and b.terminal_id = $2 and b.branch = $3

-- list_branches --
select b.branch, b.epoch, b.state, b.hang_branch, b.hang_sequence, b.kept::text as kept, b.waiting, b.created_at,
       b.resolved_at, b.resolved_by, b.note
from till.branches b
where b.tenant_id = $1 and b.terminal_id = $2 and b.branch > $3
order by b.branch
limit $4

-- state_at --
select e.state
from till.events e
where e.tenant_id = $1 and e.terminal_id = $2 and e.epoch = $3 and e.branch = $4 and e.sequence = $5

-- insert_lost --
insert into till.lost_sequences (tenant_id, terminal_id, epoch, from_sequence, to_sequence, declared_at, declared_by, note)
values ($1, $2, $3, $4, $5, $6, $7, $8)

-- unread --
-- Lines that could not be read or whose type was not known, for another try; in the order of their keys.
select e.terminal_id, e.epoch, e.branch, e.sequence, e.state, e.received_at, e.line_hash, e.line
from till.events e
where e.tenant_id = $1 and e.state in ('unreadable', 'unknown')
  and (e.terminal_id, e.epoch, e.branch, e.sequence) > ($2, $3, $4, $5)
order by e.terminal_id, e.epoch, e.branch, e.sequence
limit $6

-- keep_readings --
-- What lists filter by, of lines that could not be read when they came.
update till.events e
set kind = u.kind, cashier_id = u.cashier_id, business_date = u.business_date
from unnest($2::uuid[], $3::integer[], $4::integer[], $5::bigint[], $6::text[], $7::uuid[], $8::date[])
    as u (terminal_id, epoch, branch, sequence, kind, cashier_id, business_date)
where e.tenant_id = $1 and e.terminal_id = u.terminal_id and e.epoch = u.epoch and e.branch = u.branch
  and e.sequence = u.sequence
