"""The floor of every HTTP answer: an aiohttp process that says hello, and that gives out bodies it was handed.

`python -m benchmarks.hello [FOLDER]` serves on a free port and prints it; `/N` is the file N of the folder, which holds
JSON as gzip.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import uvloop
from aiohttp import web


@asynccontextmanager
async def hello(folder: Path | None = None) -> AsyncIterator[tuple[int, int]]:
    """The handler in a process of its own: its port and its process id."""
    command = [sys.executable, "-m", "benchmarks.hello", *([] if folder is None else [str(folder)])]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    try:
        yield int(await process.stdout.readline()), process.pid
    finally:
        process.terminate()
        await process.wait()


async def serve(bodies: dict[str, bytes]) -> None:
    async def say(_: web.Request) -> web.Response:
        return web.Response(body=msgspec.json.encode({"hello": "world"}), content_type="application/json")

    async def give(http: web.Request) -> web.Response:
        headers = {"Content-Encoding": "gzip"}
        return web.Response(body=bodies[http.match_info["name"]], content_type="application/json", headers=headers)

    app = web.Application()
    app.router.add_get("/", say)
    app.router.add_get("/{name}", give)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    given = {path.name: path.read_bytes() for path in Path(sys.argv[1]).iterdir()} if len(sys.argv) > 1 else {}
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop:
        loop.run(serve(given))
