"""Lists by pages: an opaque cursor, authenticated and bound to its caller, route and filters.

A cursor is the keys of the last row given, under an HMAC; another tenant's, caller's, route's or filter's is
`bad-cursor`.
"""

import base64
import binascii
import hmac
from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from msgspec import Meta, Struct
from sqlalchemy import ColumnElement, Row, Select, tuple_

from central.http.problems import BadCursor
from central.http.request import Request
from central.tenant_session import TenantSession

limit_default: Final = 100
limit_max: Final = 1_000
_mac_bytes: Final = 16
_read: Final[dict[str, Any]] = {
    "u": UUID,
    "t": datetime.fromisoformat,
    "d": date.fromisoformat,
    "i": int,
    "s": str,
}


class PageQuery(Struct, frozen=True, kw_only=True):
    """The query of every list; a list with filters extends it."""

    limit: Annotated[int, Meta(ge=1, le=limit_max)] = limit_default
    cursor: str | None = None


async def page(
    session: TenantSession,
    statement: Select[Any],
    key_columns: Sequence[ColumnElement[Any]],
    request: Request,
    *,
    descending: bool = False,
) -> tuple[list[Row[Any]], str | None]:
    """One page of a select by its key columns (which it selects too, and none is null), and the next one's cursor.

    `request.query` is a `PageQuery` or extends it. Raises `BadCursor`.
    """
    query: PageQuery = request.query
    keys = tuple_(*key_columns)
    if query.cursor is not None:
        after = tuple_(*read_cursor(query.cursor, request, len(key_columns)))
        statement = statement.where(keys < after if descending else keys > after)
    order = [column.desc() if descending else column.asc() for column in key_columns]
    rows = list(await session.execute(statement.order_by(*order).limit(query.limit + 1)))
    if len(rows) <= query.limit:
        return rows, None
    rows.pop()
    return rows, write_cursor([rows[-1]._mapping[column] for column in key_columns], request)


def write_cursor(values: Sequence[object], request: Request) -> str:
    """The cursor after a row whose keys are these."""
    text = msgspec.json.encode([_written(value) for value in values])
    return base64.urlsafe_b64encode(_mac(text, request) + text).rstrip(b"=").decode()


def read_cursor(cursor: str, request: Request, count: int) -> list[Any]:
    """The keys in a cursor. Raises `BadCursor`."""
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadCursor from error
    mac, text = raw[:_mac_bytes], raw[_mac_bytes:]
    if not hmac.compare_digest(mac, _mac(text, request)):
        raise BadCursor
    pairs = msgspec.json.decode(text, type=list[tuple[str, str]])
    if len(pairs) != count or base64.urlsafe_b64encode(raw).rstrip(b"=").decode() != cursor:
        raise BadCursor
    return [_read[kind](value) for kind, value in pairs]


def _written(value: object) -> tuple[str, str]:
    match value:
        case UUID():
            return "u", str(value)
        case datetime():
            return "t", value.isoformat()
        case date():
            return "d", value.isoformat()
        case int():
            return "i", str(value)
        case str():
            return "s", value
    raise TypeError(f"a {type(value).__name__} is no key of a page")


def _mac(text: bytes, request: Request) -> bytes:
    caller = request.caller
    filters = msgspec.to_builtins(request.query)
    filters.pop("cursor", None)
    filters.pop("limit", None)
    bound = [str(caller.tenant_id), caller.kind, caller.id, request.route.name, request.http.path, filters]
    message = msgspec.json.encode(bound, order="deterministic") + b"\n" + text
    return hmac.digest(request.services.keys["cursor"], message, "sha256")[:_mac_bytes]
