"""A route: one call of the API as data, from which come the handler, the roles and the OpenAPI document."""

from collections.abc import Awaitable, Callable
from typing import Any, Final, Literal, TypeAlias

from msgspec import Struct

Roles: TypeAlias = frozenset[str]

PUBLIC: Final[Roles] = frozenset()
OWNER: Final[Roles] = frozenset({"owner"})
MANAGER: Final[Roles] = frozenset({"owner", "manager"})
VIEWER: Final[Roles] = frozenset({"owner", "manager", "viewer"})
TERMINAL: Final[Roles] = frozenset({"terminal"})
EVERYBODY: Final[Roles] = VIEWER | TERMINAL

body_bytes_max: Final = 256 * 1024

json_alone: Final = ("application/json",)


class Route(Struct, frozen=True, kw_only=True):
    """One call.

    The handler is called as `handler(request, session, body)`, without `session` where `session=False` and without
    `body` where `request` is None; it answers a Struct or dict, None for 204, or with `raw=True` an aiohttp response.
    Path: `{terminal_id}` is a UUID (a bad one is 404), `{epoch:int}` an integer, any other a string.
    """

    method: Literal["GET", "POST", "PATCH", "PUT", "DELETE"]
    path: str
    handler: Callable[..., Awaitable[Any]]
    roles: Roles
    summary: str
    request: Any = None
    answer: Any = None
    query: Any = None
    status: int = 200
    create: bool = False
    """Takes an Idempotency-Key; needs a session."""
    secrets: tuple[str, ...] = ()
    """Members of the answer that a repeat under an Idempotency-Key gives as null."""
    session: bool = True
    reports: bool = False
    """Works on the pool for reports, with its statement timeout."""
    raw: bool = False
    body_bytes_max: int = body_bytes_max
    answer_media_types: tuple[str, ...] = json_alone
    request_media_types: tuple[str, ...] = json_alone

    @property
    def success(self) -> int:
        """The status of an answer: 204 where it has no body."""
        return 204 if self.status == 200 and self.answer is None and not self.raw else self.status

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"
