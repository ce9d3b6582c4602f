"""The network between a till and central: a line that can be cut and mended, and one that says everything twice."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final

import aiohttp
from aiohttp import web
from yarl import URL

_CHUNK_BYTES: Final = 64 * 1024
_HOP_BY_HOP: Final = frozenset({"connection", "keep-alive", "transfer-encoding", "host", "content-length", "upgrade"})


class Line:
    """A TCP line on a port of its own that carries bytes to central while it is up.

    Cut, it drops what is open and refuses what comes; `target` is asked for central's host and port anew each time,
    since central comes back on its own.
    """

    def __init__(self, target: Callable[[], tuple[str, int]]) -> None:
        self._target = target
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._up = True
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        self.cut()
        if self._server is not None:
            self._server.close()

    def cut(self) -> None:
        """The cable is pulled: everything that was under way is lost."""
        self._up = False
        for writer in self._open:
            writer.transport.abort()

    def mend(self) -> None:
        self._up = True

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._up:
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await asyncio.open_connection(*self._target())
        except OSError:
            writer.transport.abort()
            return
        ends = {writer, far_writer}
        self._open |= ends
        try:
            await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))
        finally:
            self._open -= ends
            for end in ends:
                end.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while chunk := await reader.read(_CHUNK_BYTES):
            writer.write(chunk)
            await writer.drain()
    writer.close()


class StutteringLine:
    """A proxy that sends each request to central twice and passes on the second answer.

    It is what a till sees whose answers get lost: everything that it says arrives again.
    """

    def __init__(self, target: Callable[[], tuple[str, int]]) -> None:
        self._target = target
        self._runner: web.AppRunner | None = None
        self._client: aiohttp.ClientSession | None = None
        self.port = 0
        self.repeated = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        self._client = aiohttp.ClientSession(auto_decompress=False)
        app = web.Application(client_max_size=8 * 1024 * 1024)
        app.router.add_route("*", "/{path:.*}", self._say_twice)
        self._runner = web.AppRunner(app, auto_decompress=False, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
        if self._client is not None:
            await self._client.close()

    def cut(self) -> None:
        """This line is never cut: its fault is to stutter."""

    def mend(self) -> None:
        """Nothing to mend."""

    async def _say_twice(self, request: web.Request) -> web.Response:
        body = await request.read()
        host, port = self._target()
        url = URL.build(scheme="http", host=host, port=port).join(request.rel_url)
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP_BY_HOP}
        # A long poll said twice would end the first; a token's assertion is good once. Events are what must bear it.
        times = 2 if request.path == "/v1/sync/events" else 1
        assert self._client is not None
        try:
            for _ in range(times):
                async with self._client.request(
                    request.method, url, data=body or None, headers=headers, allow_redirects=False
                ) as answer:
                    content = await answer.read()
                    passed_on = web.Response(
                        status=answer.status,
                        body=content,
                        headers={
                            name: value for name, value in answer.headers.items() if name.lower() not in _HOP_BY_HOP
                        },
                    )
        except aiohttp.ClientError:
            raise web.HTTPBadGateway from None
        self.repeated += times - 1
        return passed_on
