"""The till's local API (contract, section 11): loopback HTTP and WebSocket for any front end on the till.

Any page in any browser on the till can reach a loopback port. So a request counts only with the bearer token of the
state directory, to our own `Host` (a name that was rebound to 127.0.0.1 is another), and from no foreign `Origin`.
"""

import asyncio
import hmac
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec
import structlog
from aiohttp import WSMsgType, web

from terminal_agent.catalogue import Catalogue
from terminal_agent.checkout import Checkout
from terminal_agent.config import Listen
from terminal_agent.journal import Journal
from terminal_agent.known_receipts import find_receipt
from terminal_agent.register.commands import CommandError, read_command
from terminal_agent.register.refusals import Refused

command_bytes_max: Final = 256 * 1024
streams_max: Final = 20
query_characters_max: Final = 200
heartbeat_seconds: Final = 20.0
_encoder: Final = msgspec.json.Encoder()
_log = structlog.get_logger()
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class LocalApi:
    """The server; `changed()` sends the state to everybody who streams it."""

    def __init__(self, *, checkout: Checkout, catalogue: Catalogue, journal: Journal, token: str) -> None:
        self._checkout = checkout
        self._catalogue = catalogue
        self._journal = journal
        self._token = token.encode()
        self._streams: dict[web.WebSocketResponse, asyncio.Event] = {}
        self._own: frozenset[str] = frozenset()
        self._runner: web.AppRunner | None = None

    async def start(self, listen: Listen) -> str:
        """Listen; answers the URL. Raises `OSError` where the port is taken."""
        app = web.Application(middlewares=[self._guard], client_max_size=command_bytes_max)
        app.router.add_get("/v1/state", self._state)
        app.router.add_get("/v1/stream", self._stream)
        app.router.add_get("/v1/products", self._products)
        app.router.add_get("/v1/receipts/{receipt_number}", self._receipt)
        app.router.add_post("/v1/commands", self._command)
        runner = web.AppRunner(app, access_log=None, auto_decompress=False, shutdown_timeout=2.0)
        await runner.setup()
        await web.TCPSite(runner, listen.host, listen.port).start()
        self._runner = runner
        port = runner.addresses[0][1]
        shown = f"[{listen.host}]" if ":" in listen.host else listen.host
        self._own = frozenset({f"{shown}:{port}", f"localhost:{port}", f"127.0.0.1:{port}", f"[::1]:{port}"})
        return f"http://{shown}:{port}"

    async def stop(self) -> None:
        """Close the streams and stop listening."""
        for stream in list(self._streams):
            await stream.close(code=1001, message=b"the terminal stops")
        if self._runner is not None:
            await self._runner.cleanup()

    def changed(self) -> None:
        """The state is another one."""
        for event in self._streams.values():
            event.set()

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.headers.get("Host", "") not in self._own:
            return _problem(403, "forbidden", "This Host is not the terminal's own")
        origin = request.headers.get("Origin")
        if origin is not None and origin.removeprefix("http://") not in self._own:
            return _problem(403, "forbidden", "A page of another origin may not speak to the terminal")
        if not self._is_known(request):
            return _problem(401, "unauthenticated", "Bear the token of local-api-token in the state directory")
        try:
            return await handler(request)
        except Refused as refused:
            return _problem(409, refused.code, refused.detail, **refused.members)
        except web.HTTPException as error:
            codes = {404: "not-found", 405: "method-not-allowed", 413: "too-large"}
            return _problem(error.status, codes.get(error.status, "bad-request"), error.reason)
        except Exception:
            _log.exception("local-api-failed", path=request.path)
            return _problem(500, "internal", "Something is wrong in the terminal; see its log")

    def _is_known(self, request: web.Request) -> bool:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        return scheme.lower() == "bearer" and hmac.compare_digest(token.strip().encode(), self._token)

    async def _state(self, request: web.Request) -> web.Response:
        return _json(_encoder.encode(self._checkout.view()))

    async def _command(self, request: web.Request) -> web.Response:
        if request.content_type != "application/json":
            return _problem(415, "unsupported-media-type", "A command is application/json")
        try:
            command = read_command(await request.read())
        except CommandError as error:
            return _problem(422, "invalid", str(error))
        # A front end that goes away does not undo what it asked for.
        return _json(await asyncio.shield(asyncio.ensure_future(self._checkout.handle(command))))

    async def _products(self, request: web.Request) -> web.Response:
        query = request.query.get("query", "")[:query_characters_max]
        found = await asyncio.to_thread(self._catalogue.search, query)
        return _json(_encoder.encode({"products": found}))

    async def _receipt(self, request: web.Request) -> web.Response:
        number = request.match_info["receipt_number"]
        known = find_receipt(self._journal.reader, self._catalogue, number)
        if known is None:
            return _problem(404, "not-found", "No receipt with this number is known here")
        left = {line.line: line.quantity_milli for line in known.document.lines}
        for line, given in known.given.items():
            left[line] = max(0, left.get(line, 0) - given.quantity_milli)
        return _json(
            _encoder.encode(
                {
                    "kind": "SALE" if hasattr(known.document, "sale_id") else "REFUND",
                    "business_date": known.business_date,
                    "own": known.own,
                    "voided": known.voided,
                    "payload": known.document,
                    "lines": [{"line": line, "refundable_quantity_milli": milli} for line, milli in left.items()],
                }
            )
        )

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        if len(self._streams) >= streams_max:
            return _problem(429, "rate-limited", "Too many streams are open")
        stream = web.WebSocketResponse(heartbeat=heartbeat_seconds, max_msg_size=4_096)
        await stream.prepare(request)
        changed = self._streams[stream] = asyncio.Event()
        changed.set()
        sending = asyncio.create_task(self._send_states(stream, changed))
        try:
            async for message in stream:
                if message.type is WSMsgType.ERROR:
                    break
        finally:
            sending.cancel()
            del self._streams[stream]
        return stream

    async def _send_states(self, stream: web.WebSocketResponse, changed: asyncio.Event) -> None:
        while not stream.closed:
            await changed.wait()
            changed.clear()
            try:
                await stream.send_str(_encoder.encode(self._checkout.view()).decode())
            except ConnectionError:
                return


def _json(body: bytes) -> web.Response:
    return web.Response(body=body, content_type="application/json", headers={"Cache-Control": "no-store"})


def _problem(status: int, code: str, detail: str, **members: Any) -> web.Response:
    problem = {"type": f"/problems/{code}", "title": detail, "status": status, "detail": detail, **members}
    return web.Response(
        status=status,
        body=_encoder.encode(problem),
        content_type="application/problem+json",
        headers={"Cache-Control": "no-store"},
    )
