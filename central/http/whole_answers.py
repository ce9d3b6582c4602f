"""Answers written in one piece: of a small JSON answer to a plain request, every byte is known when the handler ends.

aiohttp's response builds a dictionary of headers, asks signals and joins texts, which costs a lone sale as much as its
entries. What is not plain (HTTP/1.0, HEAD, a connection that is to end, headers of a handler's own, a large body) goes
its way.
"""

import time
from collections.abc import Mapping
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from typing import Final

from aiohttp import HttpVersion11, hdrs, web

body_bytes_max: Final = 64 * 1024
"""A larger one may have to wait for its peer, which aiohttp's own writer does; so may one behind what still waits."""


class Written(web.StreamResponse):
    """Stands for an answer that the transport has already; one serves any number of requests."""

    @property
    def prepared(self) -> bool:
        return True

    @property
    def keep_alive(self) -> bool:
        return True

    async def prepare(self, request: web.BaseRequest) -> None:
        """Nothing is left to send."""

    async def write_eof(self, data: bytes = b"") -> None:
        """Nothing is left to send."""


def write_whole(http: web.Request, status: int, headers: Mapping[str, str], timing: str, body: bytes) -> Written | None:
    """Send an answer at once, where the request is a plain one; else None, and nothing was sent.

    `headers` are the same for every answer of a status, names and values without line breaks; `timing` is the value of
    `Server-Timing`. Call it last: what goes wrong afterwards can no longer be answered.
    """
    transport = http.transport
    if (
        transport is None
        or transport.is_closing()
        or transport.get_write_buffer_size()
        or len(body) > body_bytes_max
        or http.version != HttpVersion11
        or not http.keep_alive
        or http.method == hdrs.METH_HEAD
    ):
        return None
    head = _head(status, tuple(headers.items()))
    rest = f"Server-Timing: {timing}\r\nContent-Length: {len(body)}\r\nDate: {_date(int(time.time()))}\r\n\r\n"
    transport.write(b"%b%b%b" % (head, rest.encode(), body))
    return _written(status)


@lru_cache(maxsize=64)
def _written(status: int) -> Written:
    return Written(status=status)


@lru_cache(maxsize=64)
def _head(status: int, headers: tuple[tuple[str, str], ...]) -> bytes:
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", *(f"{name}: {value}" for name, value in headers)]
    return "".join([f"{line}\r\n" for line in lines]).encode()


@lru_cache(maxsize=2)
def _date(second: int) -> str:
    return formatdate(second, usegmt=True)
