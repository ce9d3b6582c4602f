"""Calls on users; an owner's alone."""

from typing import Final

from msgspec import Struct
from sqlalchemy import select

from central.http import OWNER, PageQuery, Request, Route, page
from central.identity import users
from central.identity.pins import Hashing
from central.identity.schema import users as table
from central.tenant_session import TenantSession


class UserList(Struct, frozen=True, kw_only=True):
    users: list[users.User]
    next_cursor: str | None


async def create_user(request: Request, session: TenantSession, body: users.NewUser) -> users.User:
    services = request.services
    return await users.create(session, body, services.of(Hashing), user_id=services.ids(), now=services.clock())


async def list_users(request: Request, session: TenantSession) -> UserList:
    statement = select(table).where(table.c.tenant_id == session.tenant_id)
    rows, next_cursor = await page(session, statement, [table.c.user_id], request)
    return UserList(users=[users.of_row(row) for row in rows], next_cursor=next_cursor)


async def get_user(request: Request, session: TenantSession) -> users.User:
    return await users.find(session, request.path["user_id"])


async def change_user(request: Request, session: TenantSession, body: users.UserPatch) -> users.User:
    return await users.change(session, request.path["user_id"], body, request.services.of(Hashing))


async def delete_user(request: Request, session: TenantSession) -> None:
    await users.remove(session, request.path["user_id"])


ROUTES: Final = [
    Route(
        method="POST",
        path="/v1/users",
        handler=create_user,
        roles=OWNER,
        summary="Make a user of the back office",
        request=users.NewUser,
        answer=users.User,
        status=201,
        create=True,
    ),
    Route(
        method="GET",
        path="/v1/users",
        handler=list_users,
        roles=OWNER,
        summary="The tenant's users",
        query=PageQuery,
        answer=UserList,
    ),
    Route(
        method="GET",
        path="/v1/users/{user_id}",
        handler=get_user,
        roles=OWNER,
        summary="A user, without the password",
        answer=users.User,
    ),
    Route(
        method="PATCH",
        path="/v1/users/{user_id}",
        handler=change_user,
        roles=OWNER,
        summary="Change a user",
        request=users.UserPatch,
        request_media_types=("application/json", "application/merge-patch+json"),
        answer=users.User,
    ),
    Route(
        method="DELETE",
        path="/v1/users/{user_id}",
        handler=delete_user,
        roles=OWNER,
        summary="Delete a user",
        status=204,
    ),
]
