"""Problems: small errors that one place turns into `application/problem+json` (RFC 9457).

A domain's own problem stands beside the code that raises it: a subclass with its `code`, which `protocol.codes` knows,
and a docstring. Those that every domain needs are here.
"""

from typing import Any, ClassVar, Final

import msgspec
from aiohttp import web

from protocol.codes import PROBLEMS

media_type: Final = "application/problem+json"


class Problem(Exception):  # noqa: N818 - the trade's word (RFC 9457)
    """An answer that is not a success: a code of the contract, a detail for a person, and members that help."""

    code: ClassVar[str]

    def __init__(self, detail: str = "", *, headers: dict[str, str] | None = None, **members: object) -> None:
        self.detail = detail or PROBLEMS[self.code].title
        self.headers = headers or {}
        self.members = members
        super().__init__(f"{self.code}: {self.detail}")

    def response(self) -> web.Response:
        it = PROBLEMS[self.code]
        body: dict[str, Any] = {
            "type": f"/problems/{it.code}",
            "title": it.title,
            "status": it.status,
            "detail": self.detail,
            **self.members,
        }
        return web.Response(
            body=msgspec.json.encode(body), status=it.status, content_type=media_type, headers=self.headers
        )


class BadRequest(Problem):
    code = "bad-request"


class BadCursor(Problem):
    code = "bad-cursor"


class Unauthenticated(Problem):
    code = "unauthenticated"

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail, headers={"WWW-Authenticate": "Bearer"})


class Forbidden(Problem):
    code = "forbidden"


class NotFound(Problem):
    code = "not-found"


class MethodNotAllowed(Problem):
    code = "method-not-allowed"


class NotAcceptable(Problem):
    code = "not-acceptable"


class RequestTimeout(Problem):
    code = "request-timeout"


class Duplicate(Problem):
    """Another thing of the tenant has this value; `field` names it."""

    code = "duplicate"

    def __init__(self, detail: str = "", *, field: str) -> None:
        super().__init__(detail or f"another one already has this {field}", field=field)


class StaleRevision(Problem):
    code = "stale-revision"


class InUse(Problem):
    code = "in-use"


class TooLarge(Problem):
    code = "too-large"


class UnsupportedMediaType(Problem):
    code = "unsupported-media-type"


class Invalid(Problem):
    """A field of the body, the query or a header is not as it should be; `field` names it."""

    code = "invalid"

    def __init__(self, detail: str, *, field: str) -> None:
        super().__init__(detail, field=field)


class UnknownReference(Problem):
    """A field names something that this tenant does not have."""

    code = "unknown-reference"

    def __init__(self, detail: str = "", *, field: str) -> None:
        super().__init__(detail or f"{field} names nothing that exists", field=field)


class IdempotencyInProgress(Problem):
    code = "idempotency-in-progress"

    def __init__(self) -> None:
        super().__init__(headers={"Retry-After": "1"})


class IdempotencyMismatch(Problem):
    code = "idempotency-mismatch"


class _Later(Problem):
    """Try again after a while."""

    def __init__(self, detail: str = "", *, retry_after: int = 1, **members: object) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after)}, **members)


class RateLimited(_Later):
    code = "rate-limited"


class Overloaded(_Later):
    code = "overloaded"


class DatabaseUnavailable(_Later):
    code = "database-unavailable"


class Internal(Problem):
    code = "internal"
