-- The catalogue's SQL. Whoever changes it takes the tenant's row of till.catalogues first, so writers stand in line.
-- Rows are sought one by one (lateral): before its first statistics the planner would walk the tenant's whole table.

-- begin_change --
-- Lock the tenant's catalogue and give it its next revision; the stamp is new with each change and never comes again.
insert into till.catalogues as c (tenant_id, revision, stamp)
select k.tenant_id, 1, $2::uuid from till.tenants k where k.tenant_id = $1
on conflict (tenant_id) do update set revision = c.revision + 1, stamp = excluded.stamp
returning revision

-- catalogue_stamp --
-- Which catalogue this is: two answers are equal only if nothing was committed between them.
select stamp from till.catalogues where tenant_id = $1

-- products_by_id --
-- Products in the catalogue by their ids.
select p.product_id, p.sku, p.name, p.unit, p.price_minor, p.price_quantity_milli, p.open_price, p.age_min,
    p.tax_group_id, p.category, p.attributes::text as attributes, p.revision
from unnest($2::text::uuid[]) u(product_id)
cross join lateral (
    select * from till.products t where t.tenant_id = $1 and t.product_id = u.product_id offset 0
) p
where p.withdrawn_at is null

-- products_by_sku --
-- Ids of the products that bear these SKUs now.
select p.sku, p.product_id
from unnest($2::text[]) u(sku)
cross join lateral (
    select t.sku, t.product_id from till.products t
    where t.tenant_id = $1 and t.sku = u.sku and t.withdrawn_at is null offset 0
) p

-- barcodes_of --
-- The barcodes of products, each product's in the order given.
select u.product_id, b.barcode, b.quantity_milli, b.price_minor
from unnest($2::text::uuid[]) u(product_id)
cross join lateral (
    select * from till.product_barcodes t where t.tenant_id = $1 and t.product_id = u.product_id offset 0
) b
order by u.product_id, b.position

-- barcode_owners --
-- Which product bears each of these barcodes now.
select u.barcode_key, b.product_id
from unnest($2::text[]) u(barcode_key)
cross join lateral (
    select t.product_id from till.product_barcodes t where t.tenant_id = $1 and t.barcode_key = u.barcode_key offset 0
) b

-- prices_of --
-- The prices of products by place and date, oldest first; of one location alone where it is given.
select p.price_id, p.product_id, p.barcode, p.location_ids, p.price_minor, p.valid_from, p.valid_to, p.revision
from unnest($2::text::uuid[]) u(product_id)
cross join lateral (
    select * from till.prices t where t.tenant_id = $1 and t.product_id = u.product_id offset 0
) p
where $3::uuid is null or p.location_ids is null or $3::uuid = any(p.location_ids)
order by p.product_id, p.price_id

-- known_products --
-- Which of these were ever in the catalogue, withdrawn ones too.
select p.product_id
from unnest($2::uuid[]) u(product_id)
cross join lateral (
    select t.product_id from till.products t where t.tenant_id = $1 and t.product_id = u.product_id offset 0
) p

-- upsert_products --
-- Store products as they now are.
insert into till.products (tenant_id, product_id, sku, name, unit, price_minor, price_quantity_milli, open_price,
    age_min, tax_group_id, category, attributes, revision, created_at)
select k.tenant_id, u.product_id, u.sku, u.name, u.unit, u.price_minor, u.price_quantity_milli, u.open_price,
    u.age_min, u.tax_group_id, u.category, u.attributes::jsonb, $14::bigint, $15::timestamptz
from till.tenants k, unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::bigint[], $8::boolean[],
    $9::int[], $10::uuid[], $11::text[], $12::text[], $13::int[]) u(product_id, sku, name, unit, price_minor,
    price_quantity_milli, open_price, age_min, tax_group_id, category, attributes, position)
where k.tenant_id = $1
order by u.position
on conflict (tenant_id, product_id) do update set sku = excluded.sku, name = excluded.name, unit = excluded.unit,
    price_minor = excluded.price_minor, price_quantity_milli = excluded.price_quantity_milli,
    open_price = excluded.open_price, age_min = excluded.age_min, tax_group_id = excluded.tax_group_id,
    category = excluded.category, attributes = excluded.attributes, revision = excluded.revision

-- delete_barcodes --
-- Free the barcodes of a product.
delete from till.product_barcodes where tenant_id = $1 and product_id = $2

-- insert_barcodes --
-- Give barcodes to products; the caller has found them free.
insert into till.product_barcodes (tenant_id, barcode_key, product_id, position, barcode, quantity_milli, price_minor)
select k.tenant_id, u.* from till.tenants k, unnest($2::text[], $3::uuid[], $4::int[], $5::text[], $6::bigint[],
    $7::bigint[]) u(barcode_key, product_id, position, barcode, quantity_milli, price_minor)
where k.tenant_id = $1

-- withdraw_product --
-- Take a product out of the catalogue: its id stays known, its SKU and barcodes are free again.
update till.products set withdrawn_at = $3, revision = $4, tax_group_id = null
where tenant_id = $1 and product_id = $2 and withdrawn_at is null

-- delete_prices_of --
-- Take away what a product cost by place and date.
delete from till.prices where tenant_id = $1 and product_id = $2

-- insert_prices --
-- Add prices by place and date.
insert into till.prices (tenant_id, price_id, product_id, barcode, barcode_key, location_ids, price_minor, valid_from,
    valid_to, revision, created_at)
select k.tenant_id, u.price_id, u.product_id, u.barcode, u.barcode_key, u.location_ids::uuid[], u.price_minor,
    u.valid_from, u.valid_to, $10::bigint, $11::timestamptz
from till.tenants k, unnest($2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::date[],
    $9::date[]) u(price_id, product_id, barcode, barcode_key, location_ids, price_minor, valid_from, valid_to)
where k.tenant_id = $1

-- delete_price --
-- Take a price away.
delete from till.prices where tenant_id = $1 and price_id = $2

-- sold_by_barcode --
-- What a barcode names: the product, the barcode as the catalogue has it, and the group's taxes.
select b.barcode_key, b.quantity_milli as barcode_quantity_milli, b.price_minor as barcode_price_minor, p.product_id,
    p.sku, p.name, p.unit, p.price_minor, p.price_quantity_milli, p.open_price, p.age_min, p.category, g.tax_group_id,
    g.components::text as components
from till.product_barcodes b
join till.products p on p.tenant_id = $1 and p.product_id = b.product_id
join till.tax_groups g on g.tenant_id = $1 and g.tax_group_id = p.tax_group_id
where b.tenant_id = $1 and b.barcode_key = any($2::text[])
order by array_position($2::text[], b.barcode_key)
limit 1

-- rules_for_product --
-- The price rules that may admit a product at a location.
select r.price_rule_id, r.kind, r.value::text as value, x.product_id is not null as names_product, r.category,
    r.location_ids, r.starts_at, r.ends_at, r.days_of_week, r.time_from, r.time_to, r.min_quantity_milli, r.priority
from till.price_rules r
left join till.price_rule_products x
    on x.tenant_id = $1 and x.price_rule_id = r.price_rule_id and x.product_id = $2
where r.tenant_id = $1 and (x.product_id is not null or r.category = $3)
    and (r.location_ids is null or $4::uuid = any(r.location_ids))

-- delete_rule_products --
-- Forget which products a rule names.
delete from till.price_rule_products where tenant_id = $1 and price_rule_id = $2

-- insert_rule_products --
-- Note which products a rule names, so that a look-up finds it by product.
insert into till.price_rule_products (tenant_id, product_id, price_rule_id)
select k.tenant_id, u.product_id, $2::uuid
from till.tenants k, unnest($3::uuid[]) u(product_id)
where k.tenant_id = $1
on conflict do nothing
