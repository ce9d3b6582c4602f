"""A tenant's back office as the demo needs it: the API of central, called with the tenant's own key."""

import asyncio
from typing import Any, Final

import aiohttp
from msgspec import Struct

_TRIES_MAX: Final = 60
_RETRY_SECONDS: Final = 0.5
_RETRY_STATUSES: Final = frozenset({429, 502, 503})


class RefusedError(RuntimeError):
    """Central refused what the demo asked; the message is central's own."""


class Answer(Struct, frozen=True):
    status: int
    body: Any


class BackOffice:
    """Calls central for one tenant; waits while central is being restarted."""

    def __init__(self, client: aiohttp.ClientSession, url: str, key: str) -> None:
        self._client = client
        self.url = url
        self.key = key

    async def ask(
        self, method: str, path: str, *, json: Any = None, data: bytes | None = None, **headers: str
    ) -> Answer:
        """One call, whatever its status; repeated while central is down or overloaded."""
        headers = {"Authorization": f"Bearer {self.key}"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        for tries_left in reversed(range(_TRIES_MAX)):
            try:
                async with self._client.request(
                    method, self.url + path, json=json, data=data, headers=headers
                ) as reply:
                    is_json = reply.content_type.endswith("json")
                    body = await reply.json(content_type=None) if is_json else await reply.text()
                    if reply.status not in _RETRY_STATUSES or tries_left == 0:
                        return Answer(reply.status, body)
            except aiohttp.ClientError:
                if tries_left == 0:
                    raise
            await asyncio.sleep(_RETRY_SECONDS)
        raise AssertionError("the loop returns or raises")

    async def get(self, path: str) -> Any:
        return self._good(await self.ask("GET", path), path)

    async def post(self, path: str, body: Any) -> Any:
        return self._good(await self.ask("POST", path, json=body), path)

    async def patch(self, path: str, body: Any) -> Any:
        return self._good(await self.ask("PATCH", path, json=body), path)

    async def resolve(self, path: str, body: Any) -> None:
        """Resolve a branch or an exception."""
        self._good(await self.ask("POST", f"{path}/resolution", json=body), path)

    async def import_lines(self, path: str, lines: bytes) -> Any:
        """A bulk import of newline-delimited JSON; raises `RefusedError` where a row was refused."""
        answer = self._good(await self.ask("POST", path, data=lines, Content_Type="application/x-ndjson"), path)
        if answer["refused"]:
            raise RefusedError(f"{path} refused {len(answer['refused'])} rows, first: {answer['refused'][0]}")
        return answer

    async def every(self, path: str, name: str) -> list[Any]:
        """All pages of a list."""
        rows: list[Any] = []
        cursor = ""
        while True:
            separator = "&" if "?" in path else "?"
            page = await self.get(f"{path}{separator}limit=1000" + (f"&cursor={cursor}" if cursor else ""))
            rows += page[name]
            if not (cursor := page.get("next_cursor") or ""):
                return rows

    @staticmethod
    def _good(answer: Answer, path: str) -> Any:
        if answer.status >= 300:
            raise RefusedError(f"{path} answered {answer.status}: {answer.body}")
        return answer.body
