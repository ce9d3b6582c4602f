"""The calls about locations, terminals, their enrolment, and a terminal's contact (contract, sections 2 and 3)."""

import secrets
from typing import Any, Final
from uuid import UUID

from aiohttp import web

from central.http import (
    OWNER,
    PUBLIC,
    TERMINAL,
    VIEWER,
    NotFound,
    PageQuery,
    Request,
    Route,
    page,
)
from central.tenant_session import TenantSession, tenant_session
from central.terminals import locations as places
from central.terminals import repository
from central.terminals.epoch_position import EpochPosition
from central.terminals.oauth import post_token
from central.terminals.positions import admit, position
from central.terminals.problems import Revoked
from central.terminals.schema import locations, terminals
from central.terminals.shapes import (
    EnrolmentCode,
    Location,
    LocationPatch,
    Locations,
    MadeTerminal,
    NewLocation,
    NewTerminal,
    ReportedStatus,
    Revocation,
    Terminal,
    TerminalPatch,
    Terminals,
)
from central.terminals.sign_up import post_enrolment
from central.terminals.status import terminal_view
from central.terminals.tokens import TokenAnswer, incarnation, shown_position
from protocol.enrolment import EnrolAnswer, EnrolRequest
from protocol.uplink import Position

contact_body_bytes_max: Final = 16 * 1024


class TerminalsQuery(PageQuery, frozen=True, kw_only=True):
    location_id: UUID | None = None


async def create_location(request: Request, session: TenantSession, body: NewLocation) -> Location:
    services = request.services
    return await places.create_location(session, body, services.ids(), services.clock())


async def list_locations(request: Request, session: TenantSession) -> Locations:
    statement = places.location_rows(session)
    rows, next_cursor = await page(session, statement, [locations.c.location_id], request)
    return Locations([places.location_view(row._mapping) for row in rows], next_cursor)


async def get_location(request: Request, session: TenantSession) -> Location:
    found = await places.location(session, request.path["location_id"])
    if found is None:
        raise NotFound
    return found


async def change_location(request: Request, session: TenantSession, body: LocationPatch) -> Location:
    return await places.change_location(session, request.path["location_id"], body)


async def delete_location(request: Request, session: TenantSession) -> None:
    await places.delete_location(session, request.path["location_id"])


async def create_terminal(request: Request, session: TenantSession, body: NewTerminal) -> MadeTerminal:
    services = request.services
    return await repository.create_terminal(
        session, body, services.ids(), now=services.clock(), random=secrets.token_bytes
    )


async def list_terminals(request: Request, session: TenantSession) -> Terminals:
    query: TerminalsQuery = request.query
    statement = repository.terminal_rows(session)
    if query.location_id is not None:
        if await places.location(session, query.location_id) is None:
            raise NotFound
        statement = statement.where(terminals.c.location_id == query.location_id)
    rows, next_cursor = await page(session, statement, [terminals.c.terminal_id], request)
    now = request.services.clock()
    return Terminals([terminal_view(row._mapping, now) for row in rows], next_cursor)


async def get_terminal(request: Request, session: TenantSession) -> Terminal:
    return await repository.terminal(session, request.path["terminal_id"], request.services.clock())


async def change_terminal(request: Request, session: TenantSession, body: TerminalPatch) -> Terminal:
    return await repository.change_terminal(session, request.path["terminal_id"], body, request.services.clock())


async def renew_code(request: Request, session: TenantSession) -> EnrolmentCode:
    return await repository.renew_code(
        session, request.path["terminal_id"], now=request.services.clock(), random=secrets.token_bytes
    )


async def revoke_terminal(request: Request, session: TenantSession, body: Revocation) -> None:
    await repository.revoke(session, request.path["terminal_id"], body.epoch, request.services.clock())


async def get_position(request: Request) -> Position:
    """Also an epoch that was replaced may ask: it still delivers."""
    async with tenant_session(request.services.database, request.caller) as session:
        known = await _admitted(session)
        return shown_position(known, await incarnation(session))


async def _admitted(session: TenantSession) -> EpochPosition:
    terminal_id, epoch = session.caller.terminal_id, session.caller.epoch
    known = None if terminal_id is None or epoch is None else await position(session, terminal_id, epoch)
    if known is None or known.revoked_at is not None:
        raise Revoked
    return known


async def post_status(request: Request, body: ReportedStatus) -> None:
    caller = request.caller
    async with tenant_session(request.services.database, caller) as session:
        await admit(session)
        if caller.terminal_id is not None and caller.epoch is not None:
            await repository.report(session, caller.terminal_id, caller.epoch, body, request.services.clock())


async def post_enrol(request: Request, body: EnrolRequest) -> EnrolAnswer:
    return await post_enrolment(request.services, body, request.address)


async def token(request: Request) -> web.Response:
    return await post_token(request)


_patches: Final = ("application/json", "application/merge-patch+json")


def _route(method: Any, path: str, handler: Any, summary: str, **more: Any) -> Route:
    return Route(method=method, path=path, handler=handler, summary=summary, **more)


ROUTES: Final[list[Route]] = [
    _route(
        "POST",
        "/v1/locations",
        create_location,
        "Make a location",
        roles=OWNER,
        request=NewLocation,
        answer=Location,
        status=201,
        create=True,
    ),
    _route("GET", "/v1/locations", list_locations, "The locations", roles=VIEWER, query=PageQuery, answer=Locations),
    _route("GET", "/v1/locations/{location_id}", get_location, "A location", roles=VIEWER, answer=Location),
    _route(
        "PATCH",
        "/v1/locations/{location_id}",
        change_location,
        "Change a location",
        roles=OWNER,
        request=LocationPatch,
        request_media_types=_patches,
        answer=Location,
    ),
    _route(
        "DELETE",
        "/v1/locations/{location_id}",
        delete_location,
        "Delete a location that has no terminals",
        roles=OWNER,
    ),
    _route(
        "POST",
        "/v1/terminals",
        create_terminal,
        "Make a terminal and its enrolment code",
        roles=OWNER,
        request=NewTerminal,
        answer=MadeTerminal,
        status=201,
        create=True,
        secrets=("enrolment_code",),
    ),
    _route(
        "GET",
        "/v1/terminals",
        list_terminals,
        "The terminals and how they stand",
        roles=VIEWER,
        query=TerminalsQuery,
        answer=Terminals,
    ),
    _route(
        "GET",
        "/v1/terminals/{terminal_id}",
        get_terminal,
        "A terminal and how it stands",
        roles=VIEWER,
        answer=Terminal,
    ),
    _route(
        "PATCH",
        "/v1/terminals/{terminal_id}",
        change_terminal,
        "Change a terminal's label or the day on which it goes out of service",
        roles=OWNER,
        request=TerminalPatch,
        request_media_types=_patches,
        answer=Terminal,
    ),
    _route(
        "POST",
        "/v1/terminals/{terminal_id}/enrolment",
        renew_code,
        "A new enrolment code; an older one ends",
        roles=OWNER,
        answer=EnrolmentCode,
        status=201,
        create=True,
        secrets=("enrolment_code",),
    ),
    _route(
        "POST",
        "/v1/terminals/{terminal_id}/revocation",
        revoke_terminal,
        "End one enrolment of a terminal, or all",
        roles=OWNER,
        request=Revocation,
    ),
    _route(
        "POST",
        "/v1/enrol",
        post_enrol,
        "Enrol a terminal with a code and its new key",
        roles=PUBLIC,
        request=EnrolRequest,
        answer=EnrolAnswer,
        status=201,
        session=False,
        body_bytes_max=contact_body_bytes_max,
    ),
    _route(
        "POST",
        "/v1/oauth/token",
        token,
        "An access token for a client assertion (RFC 7523)",
        roles=PUBLIC,
        answer=TokenAnswer,
        session=False,
        raw=True,
        request_media_types=("application/x-www-form-urlencoded",),
    ),
    _route(
        "GET",
        "/v1/sync/position",
        get_position,
        "What is stored of this terminal's journal",
        roles=TERMINAL,
        answer=Position,
        session=False,
    ),
    _route(
        "POST",
        "/v1/sync/status",
        post_status,
        "What a terminal says of itself",
        roles=TERMINAL,
        request=ReportedStatus,
        session=False,
        body_bytes_max=contact_body_bytes_max,
    ),
]
