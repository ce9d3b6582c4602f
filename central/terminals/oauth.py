"""`POST /v1/oauth/token`: RFC 6749's form and answers around an assertion (contract, section 3).

Every refusal of an assertion is the same to the letter but for `server_time`, which a till with a wrong clock needs.
"""

from datetime import datetime
from typing import Final
from urllib.parse import parse_qsl

import msgspec
import structlog
from aiohttp import web
from msgspec import Struct

from central.http import Request
from central.http.bodies import read_body
from central.terminals.assertion import AssertionRefusedError
from central.terminals.tokens import give_token
from protocol.enrolment import assertion_type, grant_type

form_bytes_max: Final = 16 * 1024
form_fields_max: Final = 20
_FORM: Final = "application/x-www-form-urlencoded"
_HEADERS: Final = {"Cache-Control": "no-store", "Pragma": "no-cache"}

log = structlog.get_logger("central.terminals")


class TokenError(Struct, frozen=True):
    """RFC 6749, section 5.2, and the server's time."""

    error: str
    error_description: str
    server_time: datetime


async def post_token(request: Request) -> web.Response:
    now = request.services.clock()
    form = _read_form(request, await read_body(request.http, form_bytes_max))
    if form is None or "grant_type" not in form:
        return _refuse(400, "invalid_request", "a form with each parameter once is needed", now)
    if form["grant_type"] != grant_type:
        return _refuse(400, "unsupported_grant_type", f"grant_type is {grant_type}", now)
    if form.get("client_assertion_type") != assertion_type or "client_assertion" not in form:
        return _refuse(401, "invalid_client", "an assertion is needed", now)
    try:
        answer = await give_token(request.services, form["client_assertion"])
    except AssertionRefusedError as refusal:
        log.info("assertion refused", reason=str(refusal))
        return _refuse(401, "invalid_client", "the assertion is refused", now)
    return _answer(200, answer)


def _read_form(request: Request, body: bytes) -> dict[str, str] | None:
    """The form's parameters; None where it is none, or names one twice (RFC 6749, section 3.2)."""
    if request.http.content_type != _FORM:
        return None
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=form_fields_max, errors="strict")
    except ValueError:
        return None
    form = dict(pairs)
    return form if len(form) == len(pairs) else None


def _refuse(status: int, error: str, description: str, now: datetime) -> web.Response:
    return _answer(status, TokenError(error, description, now))


def _answer(status: int, body: Struct) -> web.Response:
    return web.Response(
        status=status, body=msgspec.json.encode(body), content_type="application/json", headers=dict(_HEADERS)
    )
