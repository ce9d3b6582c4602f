"""The uplink's calls: a terminal's events, and what an owner does about branches and lost sequences."""

from functools import partial
from typing import Annotated, Final, Literal
from uuid import UUID

from aiohttp import web
from msgspec import Meta, Struct

from central import terminals
from central.http import (
    OWNER,
    TERMINAL,
    VIEWER,
    Overloaded,
    PageQuery,
    Problem,
    Request,
    Route,
    UnsupportedMediaType,
)
from central.http.bodies import read_body
from central.tenant_session import TenantSession, tenant_session
from central.uplink import resolutions
from central.uplink.body import open_body
from central.uplink.decoding import read_encoding
from central.uplink.event_list import EventList, EventQuery, list_events
from central.uplink.ingest import Delivery
from central.uplink.resolutions import BranchList
from central.uplink.uplink import Uplink
from protocol.events import integer_max
from protocol.uplink import (
    UplinkAnswer,
    body_bytes_max,
    body_seconds_max,
    content_type,
    signature_header,
)

note_characters_max: Final = 1_000

Note = Annotated[str, Meta(max_length=note_characters_max)]
LineSequence = Annotated[int, Meta(ge=1, le=integer_max)]


class Resolution(Struct, frozen=True):
    """What becomes of a branch: its lines are applied, or it is closed and they are kept."""

    action: Literal["adopt", "discard"]
    note: Note | None = None


class LostSequences(Struct, frozen=True, rename={"first": "from", "last": "to"}):
    """A hole for good, both ends inclusive."""

    first: LineSequence
    last: LineSequence
    note: Note | None = None


async def take_events(request: Request) -> UplinkAnswer:
    """Take a body of events; every refusal in the contract's order (section 4), a revoked terminal's first."""
    uplink = request.services.of(Uplink)
    terminal_id, epoch = _terminal(request)
    try:
        outcome = await uplink.queue.take(
            request.tenant_id, terminal_id, partial(_receive, request, terminal_id, epoch)
        )
    except (Overloaded, terminals.Revoked):
        raise
    except Problem:
        await _refuse_revoked(request, terminal_id, epoch)
        raise
    if isinstance(outcome, Problem):
        raise outcome
    return outcome


async def _receive(request: Request, terminal_id: UUID, epoch: int) -> Delivery:
    http = request.http
    encoding = read_encoding(http.headers.get("Content-Encoding"))
    if http.content_type != content_type or encoding is None:
        raise UnsupportedMediaType(f"events come as {content_type}, in zstd, gzip or plain")
    raw = await read_body(http, body_bytes_max, seconds_max=body_seconds_max)
    key = await _key(request, terminal_id, epoch)
    body = open_body(raw, encoding, _signature(http), key.key)
    return Delivery(terminal_id=terminal_id, epoch=epoch, body=body, received_at=request.services.clock())


def _terminal(request: Request) -> tuple[UUID, int]:
    caller = request.caller
    if caller.terminal_id is None or caller.epoch is None:
        raise TypeError("a terminal's caller names its terminal and epoch")
    return caller.terminal_id, caller.epoch


def _signature(http: web.Request) -> str | None:
    values = http.headers.getall(signature_header, ())
    return values[0] if len(values) == 1 else None


async def _key(request: Request, terminal_id: UUID, epoch: int) -> terminals.EpochKey:
    key = terminals.cached_public_key(request.tenant_id, terminal_id, epoch)
    if key is None:
        async with tenant_session(request.services.database, request.caller) as session:
            key = await terminals.public_key(session, terminal_id, epoch)
    if key is None:
        raise terminals.Revoked
    return key


async def _refuse_revoked(request: Request, terminal_id: UUID, epoch: int) -> None:
    async with tenant_session(request.services.database, request.caller) as session:
        await terminals.refuse_revoked(session, terminal_id, epoch)


async def list_branches(request: Request, session: TenantSession) -> BranchList:
    """The branches of a terminal, by number."""
    return await resolutions.list_branches(request, session, request.path["terminal_id"])


async def resolve_branch(request: Request, body: Resolution) -> None:
    """Adopt or discard a branch; an adopted one's lines are applied when this answers."""
    await resolutions.resolve(request, request.path["terminal_id"], request.path["branch"], body.action, body.note)


async def declare_lost(request: Request, body: LostSequences) -> None:
    """Declare missing sequences lost; what waited behind them is applied when this answers."""
    path = request.path
    await resolutions.declare_lost(request, path["terminal_id"], path["epoch"], (body.first, body.last), body.note)


_terminal_path: Final = "/v1/terminals/{terminal_id}"

ROUTES: Final[list[Route]] = [
    Route(
        method="POST",
        path="/v1/sync/events",
        handler=take_events,
        roles=TERMINAL,
        summary="Deliver events",
        answer=UplinkAnswer,
        session=False,
        body_bytes_max=body_bytes_max,
        request_media_types=(content_type,),
    ),
    Route(
        method="GET",
        path=f"{_terminal_path}/branches",
        handler=list_branches,
        roles=VIEWER,
        summary="Branches of a terminal",
        answer=BranchList,
        query=PageQuery,
    ),
    Route(
        method="POST",
        path=f"{_terminal_path}/branches/{{branch:int}}/resolution",
        handler=resolve_branch,
        roles=OWNER,
        summary="Adopt or discard a branch",
        request=Resolution,
        status=204,
        session=False,
    ),
    Route(
        method="POST",
        path=f"{_terminal_path}/epochs/{{epoch:int}}/lost",
        handler=declare_lost,
        roles=OWNER,
        summary="Declare missing sequences lost",
        request=LostSequences,
        status=204,
        session=False,
    ),
    Route(
        method="GET",
        path="/v1/events",
        handler=list_events,
        roles=VIEWER,
        summary="Events as they came",
        answer=EventList,
        query=EventQuery,
    ),
]
