"""Who is calling: the bearer token of the request, given to the domain that issued such tokens.

`tsk_…` is an API key, all else a terminal's access token. A wrong one and none at all are told apart to nobody.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeAlias

from aiohttp import web

from central.http.problems import Unauthenticated
from central.http.services import Services
from central.tenant_session import Caller

Authenticate: TypeAlias = Callable[[Services, str], Awaitable[Caller]]
token_characters_max: Final = 2_048


def by_prefix(known: Mapping[str, Authenticate], otherwise: Authenticate) -> Authenticate:
    """Ask the domain whose tokens begin so; `otherwise` for the rest. Each raises `Unauthenticated`."""

    async def authenticate(services: Services, token: str) -> Caller:
        for prefix, ask in known.items():
            if token.startswith(prefix):
                return await ask(services, token)
        return await otherwise(services, token)

    return authenticate


async def nobody(_services: Services, _token: str) -> Caller:
    """Where there are no such tokens."""
    raise Unauthenticated


def bearer(http: web.Request) -> str:
    """The token of `Authorization: Bearer …`. Raises `Unauthenticated` where there is none, or more than one."""
    values = http.headers.getall("Authorization", ())
    if len(values) != 1:
        raise Unauthenticated
    scheme, _, token = values[0].partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not 0 < len(token) <= token_characters_max or not token.isascii():
        raise Unauthenticated
    return token
