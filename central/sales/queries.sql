-- meet_receipts --
-- Put receipts down by their ids, and stand-ins for those that others name, in the order of the ids so that writers
-- never deadlock. A row that comes back was not there, or only awaited; of one that was there the row is locked.
-- A number that only an adopted branch bears is free: whichever of the two came first, the branch's has its exception.
-- It is looked for with a limit: of a mere `exists` a plan may make a hash of all receipts of the tenant.
insert into till.receipts (
    tenant_id, receipt_id, is_refund, copy, awaited, was_awaited, terminal_id, epoch, branch, sequence, location_id,
    business_date, created_at, applied_at, receipt_number, original_id, exchange_id
)
select k.tenant_id, u.receipt_id, u.is_refund, 0, u.awaited, false, u.terminal_id, u.epoch, u.branch, u.sequence,
       u.location_id, u.business_date, u.created_at, $15, u.receipt_number, u.original_id, u.exchange_id
from till.tenants k,
     unnest($2::text::uuid[], $3::text::boolean[], $4::text::boolean[], $5::text::uuid[], $6::text::integer[],
            $7::text::integer[], $8::text::bigint[], $9::text::uuid[], $10::text::date[], $11::text::timestamptz[],
            $12::text::text[], $13::text::uuid[], $14::text::uuid[])
         u (receipt_id, is_refund, awaited, terminal_id, epoch, branch, sequence, location_id, business_date,
            created_at, receipt_number, original_id, exchange_id)
where k.tenant_id = $1
on conflict (tenant_id, receipt_id, is_refund, copy) do update
set awaited = false, was_awaited = true, terminal_id = excluded.terminal_id, epoch = excluded.epoch,
    branch = excluded.branch, sequence = excluded.sequence, location_id = excluded.location_id,
    business_date = excluded.business_date, created_at = excluded.created_at, applied_at = excluded.applied_at,
    receipt_number = excluded.receipt_number, original_id = excluded.original_id, exchange_id = excluded.exchange_id
where receipts.awaited and not excluded.awaited
returning receipt_id, is_refund, was_awaited,
    (
        select true from till.receipts o
        where o.tenant_id = $1 and o.tenant_id = receipts.tenant_id and o.receipt_number = receipts.receipt_number
            and o.branch = 0
        limit 1
    ) is not null as number_taken

-- add_copy --
-- One more receipt with an id that was used before; its first one is locked.
insert into till.receipts (
    tenant_id, receipt_id, is_refund, copy, awaited, was_awaited, terminal_id, epoch, branch, sequence, location_id,
    business_date, created_at, applied_at, receipt_number, original_id, exchange_id
)
select k.tenant_id, $2, $3,
       (select max(copy) + 1 from till.receipts c where c.tenant_id = $1 and c.receipt_id = $2 and c.is_refund = $3),
       false, false, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14
from till.tenants k
where k.tenant_id = $1
returning (
    select true from till.receipts o where o.tenant_id = $1 and o.receipt_number = $12 and o.branch = 0 limit 1
) is not null as number_taken

-- receipt --
-- The receipt that an id means: the one applied first, where it has come.
select receipt_id, is_refund, terminal_id, epoch, branch, sequence, location_id, business_date, created_at,
       receipt_number, original_id, exchange_id, void_count
from till.receipts
where tenant_id = $1 and receipt_id = $2 and is_refund = $3 and copy = 0 and not awaited

-- places --
-- Time zones of some locations, and what the tenant and each of them override in the settings.
select u.location_id, l.timezone, t.overrides as tenants_own, o.overrides as own
from unnest($2::text::uuid[]) u (location_id)
left join till.locations l on l.tenant_id = $1 and l.location_id = u.location_id
left join till.settings t on t.tenant_id = $1 and t.scope = $1
left join till.settings o on o.tenant_id = $1 and o.scope = u.location_id

-- stored_lines --
-- The exact bytes of some events, as the uplink keeps them.
select e.terminal_id, e.epoch, e.branch, e.sequence, e.line
from unnest($2::uuid[], $3::integer[], $4::integer[], $5::bigint[]) u (terminal_id, epoch, branch, sequence)
join till.events e
    on e.terminal_id = u.terminal_id and e.epoch = u.epoch and e.branch = u.branch and e.sequence = u.sequence
where e.tenant_id = $1

-- count_void --
-- One more VOID of a receipt; how many there are now.
update till.receipts set void_count = void_count + 1
where tenant_id = $1 and receipt_id = $2 and is_refund = $3 and copy = 0
returning void_count

-- keep_void --
-- A VOID by what it voids, until that comes or for good.
insert into till.voids (
    tenant_id, terminal_id, epoch, branch, sequence, receipt_id, is_refund, waiting, location_id, business_date,
    created_at, applied_at
)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)

-- void_applies --
-- A VOID has waited long enough: what it voids is here.
update till.voids set waiting = false
where tenant_id = $1 and terminal_id = $2 and epoch = $3 and branch = $4 and sequence = $5

-- lock_refunded_lines --
-- What the refunds of a sale gave, line by line, locked in that order.
select line, quantity_milli, amount_minor, discount_minor, taxes::text as taxes
from till.refunded_lines
where tenant_id = $1 and sale_id = $2
order by line
for no key update

-- refunded_lines --
-- What the refunds of some sales gave, line by line.
select sale_id, line, quantity_milli, amount_minor, discount_minor, taxes::text as taxes
from till.refunded_lines
where tenant_id = $1 and sale_id = any($2::uuid[])
order by sale_id, line

-- put_refunded_lines --
-- What the refunds of a sale gave now; the sale's row is locked.
insert into till.refunded_lines (tenant_id, sale_id, line, quantity_milli, amount_minor, discount_minor, taxes)
select k.tenant_id, $2, u.line, u.quantity_milli, u.amount_minor, u.discount_minor, u.taxes::jsonb
from till.tenants k,
     unnest($3::integer[], $4::bigint[], $5::bigint[], $6::bigint[], $7::text[])
         u (line, quantity_milli, amount_minor, discount_minor, taxes)
where k.tenant_id = $1
on conflict (tenant_id, sale_id, line) do update
set quantity_milli = excluded.quantity_milli, amount_minor = excluded.amount_minor,
    discount_minor = excluded.discount_minor, taxes = excluded.taxes

-- wait_for --
-- An event waits for what it names.
insert into till.waiting (
    tenant_id, subject, terminal_id, epoch, branch, sequence, location_id, code, amount_minor, since, raised
)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, false)
on conflict (tenant_id, subject, terminal_id, epoch, branch, sequence)
do update set amount_minor = waiting.amount_minor + excluded.amount_minor

-- end_waiting --
-- What some events waited for has come: who waited, and whether an exception was raised for it.
delete from till.waiting
where tenant_id = $1 and subject = any($2::text[])
returning subject, terminal_id, epoch, branch, sequence, location_id, code, amount_minor, since, raised

-- overdue --
-- Events that have waited for too long at a location and nobody was told; taken one by one, past those in work.
select subject, terminal_id, epoch, branch, sequence, location_id, code, since
from till.waiting
where tenant_id = $1 and not raised and since <= $2 and amount_minor > 0
order by since, subject, terminal_id, epoch, branch, sequence
limit $3
for update skip locked

-- mark_overdue --
update till.waiting w set raised = true
from unnest($2::text[], $3::uuid[], $4::integer[], $5::integer[], $6::bigint[])
    u (subject, terminal_id, epoch, branch, sequence)
where w.tenant_id = $1 and w.subject = u.subject and w.terminal_id = u.terminal_id and w.epoch = u.epoch
    and w.branch = u.branch and w.sequence = u.sequence

-- lock_vouchers --
-- The vouchers of a batch, locked in the order of their codes.
insert into till.vouchers (tenant_id, voucher_code, balance_minor, known)
select k.tenant_id, u.voucher_code, 0, false
from till.tenants k, unnest($2::text[]) u (voucher_code)
where k.tenant_id = $1
on conflict (tenant_id, voucher_code) do update set known = vouchers.known
returning voucher_code, balance_minor, known

-- save_vouchers --
update till.vouchers v set balance_minor = u.balance_minor, known = u.known
from unnest($2::text[], $3::numeric[], $4::boolean[]) u (voucher_code, balance_minor, known)
where v.tenant_id = $1 and v.voucher_code = u.voucher_code

-- voucher --
select balance_minor from till.vouchers where tenant_id = $1 and voucher_code = $2 and known

-- add_to_exchanges --
-- What passes between the halves of some exchanges, and how often each half was voided.
insert into till.exchanges (tenant_id, exchange_id, sales, refunds, sale_voids, refund_voids, clearing_minor)
select k.tenant_id, u.*
from till.tenants k,
     unnest($2::uuid[], $3::integer[], $4::integer[], $5::integer[], $6::integer[], $7::bigint[])
         u (exchange_id, sales, refunds, sale_voids, refund_voids, clearing_minor)
where k.tenant_id = $1
on conflict (tenant_id, exchange_id) do update
set sales = exchanges.sales + excluded.sales, refunds = exchanges.refunds + excluded.refunds,
    sale_voids = exchanges.sale_voids + excluded.sale_voids,
    refund_voids = exchanges.refund_voids + excluded.refund_voids,
    clearing_minor = exchanges.clearing_minor + excluded.clearing_minor
returning exchange_id, sales, refunds, sale_voids, refund_voids, clearing_minor

-- add_to_shifts --
-- Cash that names some shifts, and their openings and closings; the first of each stays.
insert into till.shifts (
    tenant_id, shift_id, cash_minor, opens, closes, terminal_id, location_id, cashier_id, opened_at, business_date,
    float_minor, closed_at, close_terminal_id, close_epoch, close_branch, close_sequence, counted_minor,
    expected_minor, z_number
)
select k.tenant_id, u.*
from till.tenants k,
     unnest($2::uuid[], $3::bigint[], $4::integer[], $5::integer[], $6::uuid[], $7::uuid[], $8::uuid[],
            $9::timestamptz[], $10::date[], $11::bigint[], $12::timestamptz[], $13::uuid[], $14::integer[],
            $15::integer[], $16::bigint[], $17::bigint[], $18::bigint[], $19::bigint[])
         u (shift_id, cash_minor, opens, closes, terminal_id, location_id, cashier_id, opened_at, business_date,
            float_minor, closed_at, close_terminal_id, close_epoch, close_branch, close_sequence, counted_minor,
            expected_minor, z_number)
where k.tenant_id = $1
on conflict (tenant_id, shift_id) do update
set cash_minor = shifts.cash_minor + excluded.cash_minor,
    opens = shifts.opens + excluded.opens,
    closes = shifts.closes + excluded.closes,
    terminal_id = coalesce(shifts.terminal_id, excluded.terminal_id),
    location_id = coalesce(shifts.location_id, excluded.location_id),
    cashier_id = coalesce(shifts.cashier_id, excluded.cashier_id),
    opened_at = coalesce(shifts.opened_at, excluded.opened_at),
    business_date = coalesce(shifts.business_date, excluded.business_date),
    float_minor = coalesce(shifts.float_minor, excluded.float_minor),
    closed_at = coalesce(shifts.closed_at, excluded.closed_at),
    close_terminal_id = coalesce(shifts.close_terminal_id, excluded.close_terminal_id),
    close_epoch = coalesce(shifts.close_epoch, excluded.close_epoch),
    close_branch = coalesce(shifts.close_branch, excluded.close_branch),
    close_sequence = coalesce(shifts.close_sequence, excluded.close_sequence),
    counted_minor = coalesce(shifts.counted_minor, excluded.counted_minor),
    expected_minor = coalesce(shifts.expected_minor, excluded.expected_minor),
    z_number = coalesce(shifts.z_number, excluded.z_number)
returning shift_id, cash_minor, opens, closes, close_terminal_id, close_epoch, close_branch, close_sequence,
    expected_minor

-- raise_exceptions --
-- Each event bears a code once; one that was withdrawn is opened again.
insert into till.exceptions (
    tenant_id, exception_id, terminal_id, epoch, branch, sequence, code, detail, subject, status, created_at
)
select k.tenant_id, u.exception_id, u.terminal_id, u.epoch, u.branch, u.sequence, u.code, u.detail, u.subject,
       'open', $10
from till.tenants k,
     unnest($2::uuid[], $3::uuid[], $4::integer[], $5::integer[], $6::bigint[], $7::text[], $8::text[], $9::text[])
         u (exception_id, terminal_id, epoch, branch, sequence, code, detail, subject)
where k.tenant_id = $1
on conflict (tenant_id, terminal_id, epoch, branch, sequence, code) do update
set status = 'open', detail = excluded.detail, created_at = excluded.created_at
where exceptions.status = 'withdrawn'
returning exception_id, terminal_id, epoch, branch, sequence, code, detail, created_at, status

-- withdraw_exceptions --
-- What they said is no longer so.
update till.exceptions e set status = 'withdrawn', resolved_at = $4
from unnest($2::text[], $3::text[]) u (code, subject)
where e.tenant_id = $1 and e.subject = u.subject and e.code = u.code and e.status = 'open'

-- open_exceptions --
-- Those still open for a run of an epoch's lines.
select exception_id, terminal_id, epoch, branch, sequence, code, detail, created_at, status
from till.exceptions
where tenant_id = $1 and terminal_id = $2 and epoch = $3 and branch = $4 and sequence between $5 and $6
    and status = 'open'
order by sequence, code

-- receipts_by_number --
-- The receipts under a number, in the order in which they were applied.
select receipt_id, is_refund, terminal_id, epoch, branch, sequence, location_id, business_date, created_at,
       receipt_number, original_id, exchange_id, void_count
from till.receipts
where tenant_id = $1 and receipt_number = $2 and not awaited
order by applied_at, is_refund, receipt_id, copy
limit $3

-- receipts_at --
-- Some receipts of a location by their ids.
select receipt_id, is_refund, terminal_id, epoch, branch, sequence, location_id, business_date, created_at,
       receipt_number, original_id, exchange_id, void_count
from till.receipts
where tenant_id = $1 and location_id = $2 and receipt_id = any($3::uuid[]) and copy = 0 and not awaited

-- refunds_of --
-- The refunds that name some sales, in the order in which they were applied.
select original_id, receipt_id, receipt_number, void_count
from till.receipts
where tenant_id = $1 and original_id = any($2::uuid[]) and is_refund and not awaited
order by applied_at, terminal_id, epoch, branch, sequence

-- voids_of --
-- The VOIDs of some receipts that have applied, in the order in which they did.
select receipt_id, is_refund, terminal_id, epoch, branch, sequence, location_id, business_date, created_at
from till.voids
where tenant_id = $1 and receipt_id = any($2::uuid[]) and not waiting
order by applied_at, terminal_id, epoch, branch, sequence

-- lock_exception --
select exception_id, terminal_id, epoch, branch, sequence, code, detail, created_at, status
from till.exceptions
where tenant_id = $1 and exception_id = $2
for no key update

-- resolve_exception --
update till.exceptions
set status = 'resolved', resolved_at = $3, resolved_by = $4, action = $5, note = $6, moved_account = $7,
    moved_minor = $8, moved_on = $9
where tenant_id = $1 and exception_id = $2
