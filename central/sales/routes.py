"""Receipts, vouchers and exceptions over HTTP (contract, sections 8, 9 and 12)."""

from datetime import date, datetime
from typing import Any, Final, Literal
from uuid import UUID

from msgspec import Struct
from sqlalchemy import select

from central.http import EVERYBODY, MANAGER, VIEWER, NotFound, PageQuery, Request, Route, page
from central.ledger.accounts import shortened
from central.ledger.currency import currency_of
from central.sales import receipt_elements, resolutions
from central.sales.booked import ExceptionStatus
from central.sales.receipts import SQL
from central.sales.schema import exceptions
from central.tenant_session import TenantSession


class Receipts(Struct, frozen=True):
    receipts: list[dict[str, Any]]


class Voucher(Struct, frozen=True):
    voucher_code: str
    currency: str
    balance_minor: int


class ExceptionsQuery(PageQuery, frozen=True, kw_only=True):
    status: Literal["open", "resolved", "withdrawn"] | None = None
    terminal_id: UUID | None = None
    code: str | None = None


class ExceptionView(Struct, frozen=True, kw_only=True):
    """An exception; `branch` is null for an event of the chain itself."""

    exception_id: UUID
    terminal_id: UUID
    epoch: int
    branch: int | None
    sequence: int
    code: str
    detail: str
    created_at: datetime
    status: ExceptionStatus
    resolved_at: datetime | None
    resolved_by: str | None
    action: str | None
    account: str | None
    amount_minor: int | None
    business_date: date | None
    note: str | None


class Exceptions(Struct, frozen=True):
    exceptions: list[ExceptionView]
    next_cursor: str | None


async def get_receipts(request: Request, session: TenantSession) -> Receipts:
    found = await receipt_elements.by_number(session, request.path["receipt_number"])
    if not found:
        raise NotFound
    return Receipts(found)


async def get_voucher(request: Request, session: TenantSession) -> Voucher:
    code = request.path["code"]
    balance = await session.driver.fetchval(SQL.voucher, session.tenant_id, shortened(code))
    if balance is None:
        raise NotFound
    return Voucher(code, await currency_of(session), int(balance))


async def list_exceptions(request: Request, session: TenantSession) -> Exceptions:
    query: ExceptionsQuery = request.query
    table = exceptions.c
    statement = select(exceptions).where(table.tenant_id == session.tenant_id)
    if query.status is not None:
        statement = statement.where(table.status == query.status)
    if query.terminal_id is not None:
        statement = statement.where(table.terminal_id == query.terminal_id)
    if query.code is not None:
        statement = statement.where(table.code == query.code)
    rows, cursor = await page(session, statement, [table.exception_id], request)
    return Exceptions([_view(row) for row in rows], cursor)


async def get_exception(request: Request, session: TenantSession) -> ExceptionView:
    table = exceptions.c
    statement = select(exceptions).where(
        table.tenant_id == session.tenant_id, table.exception_id == request.path["exception_id"]
    )
    row = (await session.execute(statement)).first()
    if row is None:
        raise NotFound
    return _view(row)


async def resolve_exception(request: Request, session: TenantSession, body: resolutions.Resolution) -> None:
    await resolutions.resolve(session, request.path["exception_id"], body, request.services.clock())


def _view(row: Any) -> ExceptionView:
    return ExceptionView(
        exception_id=row.exception_id,
        terminal_id=row.terminal_id,
        epoch=row.epoch,
        branch=row.branch or None,
        sequence=row.sequence,
        code=row.code,
        detail=row.detail,
        created_at=row.created_at,
        status=row.status,
        resolved_at=row.resolved_at,
        resolved_by=row.resolved_by,
        action=row.action,
        account=row.moved_account,
        amount_minor=row.moved_minor,
        business_date=row.moved_on,
        note=row.note,
    )


ROUTES: Final = [
    Route(
        method="GET",
        path="/v1/receipts/{receipt_number}",
        handler=get_receipts,
        roles=EVERYBODY,
        summary="The receipts under a number, with refunds, void and what is left to refund",
        answer=Receipts,
    ),
    Route(
        method="GET",
        path="/v1/vouchers/{code}",
        handler=get_voucher,
        roles=EVERYBODY,
        summary="What is left on a voucher",
        answer=Voucher,
    ),
    Route(
        method="GET",
        path="/v1/exceptions",
        handler=list_exceptions,
        roles=VIEWER,
        summary="What people are to look at",
        query=ExceptionsQuery,
        answer=Exceptions,
    ),
    Route(
        method="GET",
        path="/v1/exceptions/{exception_id}",
        handler=get_exception,
        roles=VIEWER,
        summary="One exception",
        answer=ExceptionView,
    ),
    Route(
        method="POST",
        path="/v1/exceptions/{exception_id}/resolution",
        handler=resolve_exception,
        roles=MANAGER,
        summary="Accept an exception, or move what the event has in suspense",
        request=resolutions.Resolution,
        status=204,
    ),
]
