"""Calls on cashiers."""

from typing import Final

from msgspec import Struct
from sqlalchemy import select

from central.http import MANAGER, VIEWER, PageQuery, Request, Route, page
from central.identity import cashiers
from central.identity.pins import Hashing
from central.identity.schema import cashiers as table
from central.tenant_session import TenantSession


class CashierList(Struct, frozen=True, kw_only=True):
    cashiers: list[cashiers.Cashier]
    next_cursor: str | None


async def create_cashier(request: Request, session: TenantSession, body: cashiers.NewCashier) -> cashiers.Cashier:
    services = request.services
    return await cashiers.create(session, body, services.of(Hashing), cashier_id=services.ids(), now=services.clock())


async def list_cashiers(request: Request, session: TenantSession) -> CashierList:
    statement = select(table).where(table.c.tenant_id == session.tenant_id)
    rows, next_cursor = await page(session, statement, [table.c.cashier_id], request)
    return CashierList(cashiers=[cashiers.of_row(row) for row in rows], next_cursor=next_cursor)


async def get_cashier(request: Request, session: TenantSession) -> cashiers.Cashier:
    return await cashiers.find(session, request.path["cashier_id"])


async def change_cashier(request: Request, session: TenantSession, body: cashiers.CashierPatch) -> cashiers.Cashier:
    return await cashiers.change(session, request.path["cashier_id"], body, request.services.of(Hashing))


async def delete_cashier(request: Request, session: TenantSession) -> None:
    await cashiers.remove(session, request.path["cashier_id"])


ROUTES: Final = [
    Route(
        method="POST",
        path="/v1/cashiers",
        handler=create_cashier,
        roles=MANAGER,
        summary="Make a cashier or a supervisor",
        request=cashiers.NewCashier,
        answer=cashiers.Cashier,
        status=201,
        create=True,
    ),
    Route(
        method="GET",
        path="/v1/cashiers",
        handler=list_cashiers,
        roles=VIEWER,
        summary="The tenant's cashiers",
        query=PageQuery,
        answer=CashierList,
    ),
    Route(
        method="GET",
        path="/v1/cashiers/{cashier_id}",
        handler=get_cashier,
        roles=VIEWER,
        summary="A cashier, without the PIN",
        answer=cashiers.Cashier,
    ),
    Route(
        method="PATCH",
        path="/v1/cashiers/{cashier_id}",
        handler=change_cashier,
        roles=MANAGER,
        summary="Change a cashier",
        request=cashiers.CashierPatch,
        request_media_types=("application/json", "application/merge-patch+json"),
        answer=cashiers.Cashier,
    ),
    Route(
        method="DELETE",
        path="/v1/cashiers/{cashier_id}",
        handler=delete_cashier,
        roles=MANAGER,
        summary="Delete a cashier; its number is free again",
        status=204,
    ),
]
