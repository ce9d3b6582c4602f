"""`GET /v1/sync/changes` (contract, section 5)."""

from datetime import UTC, datetime
from typing import Annotated, Final

import msgspec
from aiohttp import web
from msgspec import Meta, Raw, Struct

from central.downlink.compression import compress
from central.downlink.cursor import cursor_characters_max
from central.downlink.following import Follower
from central.downlink.problems import CursorGone
from central.http import TERMINAL, Request, Route
from protocol.downlink import ChangesAnswer, changes_max, wait_seconds_max


class ChangesQuery(Struct, frozen=True):
    cursor: str | None = None
    limit: Annotated[int, Meta(ge=1, le=changes_max)] = changes_max
    wait: Annotated[int, Meta(ge=0, le=wait_seconds_max)] = 0


class _Answer(Struct, frozen=True):
    """`protocol.downlink.ChangesAnswer` with its changes already encoded."""

    changes: list[Raw]
    cursor: str
    more: bool
    catalogue_through: str


async def get_changes(request: Request) -> web.Response:
    query: ChangesQuery = request.query
    if query.cursor is not None and len(query.cursor) > cursor_characters_max:
        raise CursorGone
    page, cursor = await request.services.of(Follower).follow(
        request.caller,
        query.cursor,
        limit=query.limit,
        wait_seconds=query.wait,
        gone=lambda: request.http.transport is None or request.http.transport.is_closing(),
    )
    body = msgspec.json.encode(_Answer(page.changes, cursor, page.more, write_time(page.through)))
    body, encoding = await compress(body, request.http.headers.get("Accept-Encoding", ""))
    headers = {"Vary": "Accept-Encoding"}
    if encoding is not None:
        headers["Content-Encoding"] = encoding
    return web.Response(body=body, content_type="application/json", headers=headers)


def write_time(at: datetime) -> str:
    """RFC 3339 in UTC with `Z`, to the millisecond."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


ROUTES: Final[list[Route]] = [
    Route(
        method="GET",
        path="/v1/sync/changes",
        handler=get_changes,
        roles=TERMINAL,
        summary="Follow what this terminal's location needs: a snapshot, then deltas",
        query=ChangesQuery,
        answer=ChangesAnswer,
        session=False,
        raw=True,
    )
]
