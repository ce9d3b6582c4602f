"""Calls on API keys; an owner's alone."""

from typing import Final

from msgspec import Struct
from sqlalchemy import select

from central.http import OWNER, Invalid, PageQuery, Request, Route, page
from central.identity import api_keys
from central.identity.schema import api_keys as table
from central.tenant_session import TenantSession


class ApiKeyList(Struct, frozen=True, kw_only=True):
    api_keys: list[api_keys.ApiKey]
    next_cursor: str | None


async def create_api_key(request: Request, session: TenantSession, body: api_keys.NewApiKey) -> api_keys.MadeApiKey:
    now = request.services.clock()
    if body.expires_at is not None and not (now < body.expires_at and body.expires_at.year < 2100):
        raise Invalid("a key expires later than now and before 2100", field="expires_at")
    return await api_keys.create(session, body, api_key_id=request.services.ids(), now=now)


async def list_api_keys(request: Request, session: TenantSession) -> ApiKeyList:
    statement = select(table).where(table.c.tenant_id == session.tenant_id)
    rows, next_cursor = await page(session, statement, [table.c.api_key_id], request)
    return ApiKeyList(api_keys=[api_keys.of_row(row) for row in rows], next_cursor=next_cursor)


async def get_api_key(request: Request, session: TenantSession) -> api_keys.ApiKey:
    return await api_keys.find(session, request.path["api_key_id"])


async def delete_api_key(request: Request, session: TenantSession) -> None:
    await api_keys.remove(session, request.path["api_key_id"])


ROUTES: Final = [
    Route(
        method="POST",
        path="/v1/api-keys",
        handler=create_api_key,
        roles=OWNER,
        summary="Make an API key; it is shown once",
        request=api_keys.NewApiKey,
        answer=api_keys.MadeApiKey,
        status=201,
        create=True,
        secrets=("api_key",),
    ),
    Route(
        method="GET",
        path="/v1/api-keys",
        handler=list_api_keys,
        roles=OWNER,
        summary="The tenant's API keys",
        query=PageQuery,
        answer=ApiKeyList,
    ),
    Route(
        method="GET",
        path="/v1/api-keys/{api_key_id}",
        handler=get_api_key,
        roles=OWNER,
        summary="An API key, without its secret",
        answer=api_keys.ApiKey,
    ),
    Route(
        method="DELETE",
        path="/v1/api-keys/{api_key_id}",
        handler=delete_api_key,
        roles=OWNER,
        summary="Delete an API key",
        status=204,
    ),
]
