-- Sales that never were, in the reports' own tables: two lines each, spread evenly over stores, of two tills
-- each, over hours and two cashiers a day at each till.

-- make_lines --
-- The lines of one business date, in the order of the table's key.
insert into till.report_lines (
    tenant_id, business_date, location_id, terminal_id, maker_id, cashier_id, product_id, price_rule_id, approved_by,
    sequence, quantity_milli, gross_minor, net_minor, tax_minor, discount_minor, epoch, branch, line, hour, sign,
    is_refund, category, taxes
)
select $1::uuid, $2::date, s.location_id, s.terminal_id, s.terminal_id, s.cashier_id, md5((s.n * 7 + l.line)::text)::uuid,
       null, null, s.n, 1000 * (1 + s.n % 3), 120 + s.n % 480 + l.line, 100 + s.n % 480 + l.line, 20, s.n % 5, 1, 0,
       l.line, s.hour, 1, false, 'CATEGORY-' || s.n % 40, '[["VAT-S", 200000, 20]]'::jsonb
from (
    select n, md5('store' || n % $4)::uuid as location_id, md5('till' || n % ($4 * 2))::uuid as terminal_id,
           md5('cashier' || n % ($4 * 2) || (n / ($4 * 2) % 12 < 6))::uuid as cashier_id, 8 + n / ($4 * 2) % 12 as hour
    from generate_series(1, $3::integer) n
) s, generate_series(1, 2) as l (line)
order by s.terminal_id, s.n, l.line

-- make_hourly --
-- The roll-up by hour, terminal and cashier, from the lines.
insert into till.sales_hourly
select tenant_id, business_date, location_id, hour, terminal_id, cashier_id, count(*) filter (where line = 1),
       sum(quantity_milli), sum(gross_minor), sum(net_minor), sum(tax_minor), sum(discount_minor), 0, 0, 0, 0, 0, 0
from till.report_lines where tenant_id = $1
group by tenant_id, business_date, location_id, hour, terminal_id, cashier_id
order by business_date, location_id, hour, terminal_id, cashier_id

-- make_daily --
-- The roll-up by day and location, from that by hour.
insert into till.sales_daily
select tenant_id, business_date, location_id, sum(sales_count), sum(quantity_milli), sum(gross_minor), sum(net_minor),
       sum(tax_minor), sum(discount_minor), 0, 0, 0, 0, 0, 0
from till.sales_hourly where tenant_id = $1
group by tenant_id, business_date, location_id
order by business_date, location_id

-- recount --
-- A report's twelve figures by location in one pass over the lines; the first line stands for its receipt.
select location_id,
       coalesce(sum(sign) filter (where not is_refund and line = 1), 0) as sales_count,
       coalesce(sum(quantity_milli) filter (where not is_refund), 0) as quantity_milli,
       coalesce(sum(gross_minor) filter (where not is_refund), 0) as gross_minor,
       coalesce(sum(net_minor) filter (where not is_refund), 0) as net_minor,
       coalesce(sum(tax_minor) filter (where not is_refund), 0) as tax_minor,
       coalesce(sum(discount_minor) filter (where not is_refund), 0) as discount_minor,
       coalesce(sum(sign) filter (where is_refund and line = 1), 0) as refund_count,
       coalesce(sum(quantity_milli) filter (where is_refund), 0) as refunds_quantity_milli,
       coalesce(sum(gross_minor) filter (where is_refund), 0) as refunds_gross_minor,
       coalesce(sum(net_minor) filter (where is_refund), 0) as refunds_net_minor,
       coalesce(sum(tax_minor) filter (where is_refund), 0) as refunds_tax_minor,
       coalesce(sum(discount_minor) filter (where is_refund), 0) as refunds_discount_minor
from till.report_lines
where tenant_id = $1 and business_date between $2 and $3
group by location_id
