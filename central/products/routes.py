"""The HTTP calls of the catalogue: tax groups, products, prices, price rules, imports and the look-up."""

from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import select

from central import terminals
from central.http import EVERYBODY, MANAGER, OWNER, VIEWER, Invalid, NotFound, PageQuery, Request, Route, page
from central.http.bodies import decode, read_body
from central.products import catalogue, imports, lookup, price_import, price_rules, prices, product_import, tax_groups
from central.products.changes import Making
from central.products.schema import price_rules as price_rules_table
from central.products.schema import prices as prices_table
from central.products.schema import products as products_table
from central.products.schema import tax_groups as tax_groups_table
from central.products.shapes import (
    ImportAnswer,
    LookupAnswer,
    LookupQuery,
    PriceAnswer,
    PriceBody,
    PriceRuleAnswer,
    PriceRuleBody,
    PriceRulesPage,
    PricesPage,
    ProductAnswer,
    ProductBody,
    ProductsPage,
    RevisionBody,
    TaxGroupAnswer,
    TaxGroupBody,
    TaxGroupsPage,
)
from central.tenancy import settings
from central.tenant_session import TenantSession, tenant_session
from protocol.barcodes import BarcodeError, InStoreBarcode, read_barcode
from protocol.money import currency_exponent

Patch = dict[str, Any]
revision_bytes_max: Final = 1_024


class ProductQuery(PageQuery, frozen=True, kw_only=True):
    sku: str | None = None
    category: str | None = None
    tax_group_id: UUID | None = None


class PriceQuery(PageQuery, frozen=True, kw_only=True):
    product_id: UUID | None = None


def _making(request: Request) -> Making:
    return Making(request.services.ids, request.services.clock())


async def create_tax_group(request: Request, session: TenantSession, body: TaxGroupBody) -> TaxGroupAnswer:
    return await tax_groups.create(session, body, _making(request))


async def list_tax_groups(request: Request, session: TenantSession) -> TaxGroupsPage:
    chosen = select(tax_groups_table).where(tax_groups_table.c.tenant_id == session.tenant_id)
    rows, next_cursor = await page(session, chosen, [tax_groups_table.c.tax_group_id], request)
    return TaxGroupsPage(tuple(map(tax_groups.of_row, rows)), next_cursor)


async def read_tax_group(request: Request, session: TenantSession) -> TaxGroupAnswer:
    return await tax_groups.find(session, request.path["tax_group_id"])


async def change_tax_group(request: Request, session: TenantSession, patch: Patch) -> TaxGroupAnswer:
    return await tax_groups.change(session, request.path["tax_group_id"], patch, _making(request))


async def delete_tax_group(request: Request, session: TenantSession) -> None:
    await tax_groups.remove(session, request.path["tax_group_id"], _making(request))


async def create_product(request: Request, session: TenantSession, body: ProductBody) -> ProductAnswer:
    return await catalogue.create(session, body, _making(request))


async def list_products(request: Request, session: TenantSession) -> ProductsPage:
    query: ProductQuery = request.query
    chosen = select(products_table.c.product_id).where(
        products_table.c.tenant_id == session.tenant_id, products_table.c.withdrawn_at.is_(None)
    )
    if query.tax_group_id is not None:
        await tax_groups.find(session, query.tax_group_id)
    for name in ("sku", "category", "tax_group_id"):
        if getattr(query, name) is not None:
            chosen = chosen.where(products_table.c[name] == getattr(query, name))
    rows, next_cursor = await page(session, chosen, [products_table.c.product_id], request)
    ids = [row.product_id for row in rows]
    found = await catalogue.load(session, ids)
    return ProductsPage(tuple(found[product_id] for product_id in ids if product_id in found), next_cursor)


async def read_product(request: Request, session: TenantSession) -> ProductAnswer:
    return await catalogue.find(session, request.path["product_id"])


async def change_product(request: Request, session: TenantSession, patch: Patch) -> ProductAnswer:
    return await catalogue.change(session, request.path["product_id"], patch, _making(request))


async def withdraw_product(request: Request) -> None:
    """The body, if there is one, is read before a connection is taken."""
    text = await read_body(request.http, revision_bytes_max)
    asked: Patch = {"revision": decode(text, RevisionBody).revision} if text.strip() else {}
    async with tenant_session(request.services.database, request.caller) as session:
        await catalogue.withdraw(session, request.path["product_id"], asked, _making(request))


async def create_price(request: Request, session: TenantSession, body: PriceBody) -> PriceAnswer:
    return await prices.create(session, body, _making(request))


async def list_prices(request: Request, session: TenantSession) -> PricesPage:
    query: PriceQuery = request.query
    chosen = prices.all_prices(session.tenant_id)
    if query.product_id is not None:
        await catalogue.find(session, query.product_id)
        chosen = chosen.where(prices_table.c.product_id == query.product_id)
    rows, next_cursor = await page(session, chosen, [prices_table.c.price_id], request)
    return PricesPage(tuple(map(prices.of_row, rows)), next_cursor)


async def read_price(request: Request, session: TenantSession) -> PriceAnswer:
    return await prices.find(session, request.path["price_id"])


async def delete_price(request: Request, session: TenantSession) -> None:
    await prices.remove(session, request.path["price_id"], _making(request))


async def create_price_rule(request: Request, session: TenantSession, body: PriceRuleBody) -> PriceRuleAnswer:
    return await price_rules.create(session, body, _making(request))


async def list_price_rules(request: Request, session: TenantSession) -> PriceRulesPage:
    chosen = select(price_rules_table).where(price_rules_table.c.tenant_id == session.tenant_id)
    rows, next_cursor = await page(session, chosen, [price_rules_table.c.price_rule_id], request)
    return PriceRulesPage(tuple(map(price_rules.of_row, rows)), next_cursor)


async def read_price_rule(request: Request, session: TenantSession) -> PriceRuleAnswer:
    return await price_rules.find(session, request.path["price_rule_id"])


async def change_price_rule(request: Request, session: TenantSession, patch: Patch) -> PriceRuleAnswer:
    return await price_rules.change(session, request.path["price_rule_id"], patch, _making(request))


async def delete_price_rule(request: Request, session: TenantSession) -> None:
    await price_rules.remove(session, request.path["price_rule_id"], _making(request))


async def import_products(request: Request) -> ImportAnswer:
    return await imports.run(request, product_import.KIND)


async def import_prices(request: Request) -> ImportAnswer:
    return await imports.run(request, price_import.KIND)


async def look_up(request: Request, session: TenantSession) -> LookupAnswer:
    """A terminal's location is its session's; a key names one of its tenant's, and another is as none."""
    query: LookupQuery = request.query
    location_id = _location(request, query)
    zones = await terminals.timezones(session, {location_id})
    if location_id not in zones:
        raise NotFound
    at_location = await settings.effective(session, location_id)
    currency = await request.services.of(lookup.Currencies).of_tenant(session)
    try:
        reading = read_barcode(
            query.barcode,
            in_store=[
                msgspec.convert(one, InStoreBarcode, from_attributes=True) for one in at_location.in_store_barcodes
            ],
            currency=currency,
            currency_exponent=currency_exponent(currency),
        )
    except BarcodeError as error:
        raise NotFound from error
    sold = await lookup.find_sold(session, request, reading.lookup_keys, location_id)
    if sold is None:
        raise NotFound
    return lookup.sell_one(sold, reading, str(location_id), ZoneInfo(zones[location_id]), request.services.clock())


def _location(request: Request, query: LookupQuery) -> UUID:
    if request.caller.location_id is not None:
        return request.caller.location_id
    if query.location_id is None:
        raise Invalid("a key names the location", field="location_id")
    try:
        location_id = UUID(query.location_id)
    except ValueError as error:
        raise NotFound from error
    if str(location_id) != query.location_id:
        raise NotFound
    return location_id


def _set_up(
    path: str,
    thing: str,
    *,
    roles: frozenset[str],
    body: type[Any],
    answer: type[Any],
    listed: type[Any],
    query: type[PageQuery],
    handlers: tuple[Any, Any, Any, Any, Any],
) -> list[Route]:
    """Create, list, read, change and delete, as the contract has them for every thing that is set up."""
    create, list_all, read, change, delete = handlers
    one = f"{path}/{{{thing}_id}}"
    name = thing.replace("_", " ")
    routes = [
        Route(
            method="POST",
            path=path,
            handler=create,
            roles=roles,
            summary=f"Make a {name}",
            request=body,
            answer=answer,
            status=201,
            create=True,
        ),
        Route(
            method="GET",
            path=path,
            handler=list_all,
            roles=VIEWER,
            summary=f"List every {name}",
            query=query,
            answer=listed,
        ),
        Route(method="GET", path=one, handler=read, roles=VIEWER, summary=f"Read a {name}", answer=answer),
        Route(
            method="DELETE",
            path=one,
            handler=delete,
            roles=roles,
            summary=f"Take a {name} away",
            session=delete is not withdraw_product,
        ),
    ]
    if change is not None:
        routes.append(
            Route(
                method="PATCH",
                path=one,
                handler=change,
                roles=roles,
                summary=f"Change a {name} (RFC 7396)",
                request=Patch,
                answer=answer,
                request_media_types=patch_types,
            )
        )
    return routes


patch_types: Final = ("application/json", "application/merge-patch+json")

ROUTES: Final[list[Route]] = [
    Route(
        method="GET",
        path="/v1/products/lookup",
        handler=look_up,
        roles=EVERYBODY,
        query=LookupQuery,
        summary="What a barcode sells for at a location now",
        answer=LookupAnswer,
    ),
    Route(
        method="POST",
        path="/v1/products/import",
        handler=import_products,
        roles=MANAGER,
        session=False,
        request_media_types=imports.media_types,
        summary="Create and change products by SKU, from CSV or NDJSON",
        answer=ImportAnswer,
    ),
    Route(
        method="POST",
        path="/v1/prices/import",
        handler=import_prices,
        roles=MANAGER,
        session=False,
        request_media_types=imports.media_types,
        summary="Add prices by place and date, from CSV or NDJSON",
        answer=ImportAnswer,
    ),
    *_set_up(
        "/v1/tax-groups",
        "tax_group",
        roles=OWNER,
        body=TaxGroupBody,
        answer=TaxGroupAnswer,
        listed=TaxGroupsPage,
        query=PageQuery,
        handlers=(create_tax_group, list_tax_groups, read_tax_group, change_tax_group, delete_tax_group),
    ),
    *_set_up(
        "/v1/products",
        "product",
        roles=MANAGER,
        body=ProductBody,
        answer=ProductAnswer,
        listed=ProductsPage,
        query=ProductQuery,
        handlers=(create_product, list_products, read_product, change_product, withdraw_product),
    ),
    *_set_up(
        "/v1/prices",
        "price",
        roles=MANAGER,
        body=PriceBody,
        answer=PriceAnswer,
        listed=PricesPage,
        query=PriceQuery,
        handlers=(create_price, list_prices, read_price, None, delete_price),
    ),
    *_set_up(
        "/v1/price-rules",
        "price_rule",
        roles=MANAGER,
        body=PriceRuleBody,
        answer=PriceRuleAnswer,
        listed=PriceRulesPage,
        query=PageQuery,
        handlers=(create_price_rule, list_price_rules, read_price_rule, change_price_rule, delete_price_rule),
    ),
]
