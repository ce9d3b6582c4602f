-- post --
-- Entries under the tenant's next numbers, event by event, each event's in one run; and what they move, added up by day,
-- location and account in the order of the key. The counter's row comes first and stays locked until the end of the
-- transaction: a later number cannot commit first, and no two transactions meet at the balances.
with taken as (
    update till.tenant_counters set entry_number = entry_number + $2
    where tenant_id = $1
    returning tenant_id, entry_number - $2 as before
),
added as (
    insert into till.daily_balances as b (tenant_id, business_date, location_id, account, amount_minor)
    select k.tenant_id, u.business_date, u.location_id, u.account, u.amount_minor
    from taken k,
         unnest($13::text::date[], $14::text::uuid[], $15::text::text[], $16::text::numeric[])
             u (business_date, location_id, account, amount_minor)
    where k.tenant_id = $1
    on conflict (tenant_id, business_date, location_id, account) do update
    set amount_minor = b.amount_minor + excluded.amount_minor
)
insert into till.entries (
    tenant_id, entry_number, terminal_id, epoch, branch, sequence, location_id, business_date, account, amount_minor,
    posted_at
)
select k.tenant_id, k.before + e.offset_in_batch, p.terminal_id, p.epoch, p.branch, p.sequence, p.location_id,
       p.business_date, e.account, e.amount_minor, $12
from taken k,
     unnest($3::text::uuid[], $4::text::integer[], $5::text::integer[], $6::text::bigint[], $7::text::uuid[],
            $8::text::date[])
         with ordinality
         p (terminal_id, epoch, branch, sequence, location_id, business_date, position)
     join unnest($9::text::integer[], $10::text::text[], $11::text::bigint[]) with ordinality
         e (position, account, amount_minor, offset_in_batch) on e.position = p.position
where k.tenant_id = $1

-- balances --
-- Movements in a span of business dates.
select account, location_id, sum(amount_minor) as amount_minor
from till.daily_balances
where tenant_id = $1
    and ($2::date is null or business_date >= $2) and ($3::date is null or business_date <= $3)
    and ($4::uuid is null or location_id = $4)
group by account, location_id
having sum(amount_minor) <> 0
order by account collate "C", location_id

-- entries_after --
-- Every entry past a number, in order.
select entry_number, terminal_id, epoch, branch, sequence, location_id, business_date, account, amount_minor,
       posted_at
from till.entries
where tenant_id = $1 and entry_number > $2
    and ($3::date is null or business_date >= $3) and ($4::date is null or business_date <= $4)
    and ($5::uuid is null or location_id = $5) and ($6::text is null or account = $6)
order by entry_number
limit $7

-- last_number --
select entry_number from till.tenant_counters where tenant_id = $1

-- in_suspense --
-- What an event has in suspense, by the location that it was booked at.
select location_id, sum(amount_minor) as amount_minor
from till.entries
where tenant_id = $1 and terminal_id = $2 and epoch = $3 and branch = $4 and sequence = $5 and account = 'suspense'
group by location_id
having sum(amount_minor) <> 0
order by location_id
