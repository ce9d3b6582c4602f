-- roll_up --
-- Lines as they count: what a receipt shares is given once, and joined to its lines by its position in the batch. And
-- their figures by day and location, and by hour, terminal and cashier besides, in the order of the keys; PostgreSQL
-- runs these after the lines, so what other transactions add to as well is locked last.
with daily as (
    insert into till.sales_daily as s (
        tenant_id, business_date, location_id, sales_count, quantity_milli, gross_minor, net_minor, tax_minor,
        discount_minor, refund_count, refunds_quantity_milli, refunds_gross_minor, refunds_net_minor, refunds_tax_minor,
        refunds_discount_minor
    )
    select k.tenant_id, u.*
    from till.tenants k,
         unnest($25::text::date[], $26::text::uuid[], $27::text::numeric[], $28::text::numeric[], $29::text::numeric[],
                $30::text::numeric[], $31::text::numeric[], $32::text::numeric[], $33::text::numeric[],
                $34::text::numeric[], $35::text::numeric[], $36::text::numeric[], $37::text::numeric[],
                $38::text::numeric[]) u
    where k.tenant_id = $1
    on conflict (tenant_id, business_date, location_id) do update
    set sales_count = s.sales_count + excluded.sales_count,
        quantity_milli = s.quantity_milli + excluded.quantity_milli,
        gross_minor = s.gross_minor + excluded.gross_minor,
        net_minor = s.net_minor + excluded.net_minor,
        tax_minor = s.tax_minor + excluded.tax_minor,
        discount_minor = s.discount_minor + excluded.discount_minor,
        refund_count = s.refund_count + excluded.refund_count,
        refunds_quantity_milli = s.refunds_quantity_milli + excluded.refunds_quantity_milli,
        refunds_gross_minor = s.refunds_gross_minor + excluded.refunds_gross_minor,
        refunds_net_minor = s.refunds_net_minor + excluded.refunds_net_minor,
        refunds_tax_minor = s.refunds_tax_minor + excluded.refunds_tax_minor,
        refunds_discount_minor = s.refunds_discount_minor + excluded.refunds_discount_minor
),
hourly as (
    insert into till.sales_hourly as s (
        tenant_id, business_date, location_id, hour, terminal_id, cashier_id, sales_count, quantity_milli, gross_minor,
        net_minor, tax_minor, discount_minor, refund_count, refunds_quantity_milli, refunds_gross_minor,
        refunds_net_minor, refunds_tax_minor, refunds_discount_minor
    )
    select k.tenant_id, u.*
    from till.tenants k,
         unnest($39::text::date[], $40::text::uuid[], $41::text::smallint[], $42::text::uuid[], $43::text::uuid[], $44::text::numeric[],
                $45::text::numeric[], $46::text::numeric[], $47::text::numeric[], $48::text::numeric[],
                $49::text::numeric[], $50::text::numeric[], $51::text::numeric[], $52::text::numeric[],
                $53::text::numeric[], $54::text::numeric[], $55::text::numeric[]) u
    where k.tenant_id = $1
    on conflict (tenant_id, business_date, location_id, hour, terminal_id, cashier_id) do update
    set sales_count = s.sales_count + excluded.sales_count,
        quantity_milli = s.quantity_milli + excluded.quantity_milli,
        gross_minor = s.gross_minor + excluded.gross_minor,
        net_minor = s.net_minor + excluded.net_minor,
        tax_minor = s.tax_minor + excluded.tax_minor,
        discount_minor = s.discount_minor + excluded.discount_minor,
        refund_count = s.refund_count + excluded.refund_count,
        refunds_quantity_milli = s.refunds_quantity_milli + excluded.refunds_quantity_milli,
        refunds_gross_minor = s.refunds_gross_minor + excluded.refunds_gross_minor,
        refunds_net_minor = s.refunds_net_minor + excluded.refunds_net_minor,
        refunds_tax_minor = s.refunds_tax_minor + excluded.refunds_tax_minor,
        refunds_discount_minor = s.refunds_discount_minor + excluded.refunds_discount_minor
)
insert into till.report_lines (
    tenant_id, business_date, location_id, terminal_id, maker_id, epoch, branch, sequence, cashier_id, hour, sign,
    is_refund, line, product_id, category, price_rule_id, approved_by, quantity_milli, gross_minor, net_minor,
    tax_minor, discount_minor, taxes
)
select k.tenant_id, m.business_date, m.location_id, m.terminal_id, m.maker_id, m.epoch, m.branch, m.sequence,
       m.cashier_id, m.hour, m.sign, m.is_refund, l.line, l.product_id, l.category, l.price_rule_id, l.approved_by,
       l.quantity_milli, l.gross_minor, l.net_minor, l.tax_minor, l.discount_minor, l.taxes::jsonb
from till.tenants k,
     unnest($2::text::date[], $3::text::uuid[], $4::text::uuid[], $5::text::uuid[], $6::text::integer[],
            $7::text::integer[], $8::text::bigint[], $9::text::uuid[], $10::text::smallint[], $11::text::smallint[],
            $12::text::boolean[])
         with ordinality
         m (business_date, location_id, terminal_id, maker_id, epoch, branch, sequence, cashier_id, hour, sign,
            is_refund, position)
     join unnest($13::text::integer[], $14::text::integer[], $15::text::uuid[], $16::text::text[], $17::text::uuid[],
                 $18::text::uuid[],
                 $19::text::bigint[], $20::text::bigint[], $21::text::bigint[], $22::text::bigint[],
                 $23::text::bigint[], $24::text::text[])
         l (position, line, product_id, category, price_rule_id, approved_by, quantity_milli, gross_minor, net_minor,
            tax_minor, discount_minor, taxes)
         on l.position = m.position
where k.tenant_id = $1
