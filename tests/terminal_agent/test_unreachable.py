"""What is said where central cannot be reached: the cause and the next step, and never the name of an error class."""

import asyncio
import re
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from terminal_agent.central_link import CentralUnreachableError, NotTrustedError, ask
from terminal_agent.server_trust import tls_context
from terminal_agent.unreachable import answer_in_words, in_words
from tests.terminal_agent.certificates import DAY, NOW, Authority

Peer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]]
CLASS_NAME = re.compile(r"[A-Z][a-z]+Error|errno|Errno|0x[0-9a-f]+|\bNone\b")


@asynccontextmanager
async def peer(behave: Peer, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Somebody who listens, and on which port."""
    server = await asyncio.start_server(behave, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def said(url: str, *, ca_file: Path | None = None, seconds: float = 5.0) -> str:
    """What the person reads."""
    connector = aiohttp.TCPConnector(ssl=tls_context(ca_file) if url.startswith("https") else True)
    async with aiohttp.ClientSession(connector=connector) as session:
        with pytest.raises(CentralUnreachableError) as error:
            await ask(session, "GET", url, seconds=seconds)
    text = str(error.value)
    assert CLASS_NAME.search(text) is None, text
    assert "; " in text, f"no next step in {text!r}"
    return text


async def hangs_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    writer.close()


async def keeps_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


def says(text: bytes) -> Peer:
    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(text)
        await writer.drain()
        writer.close()

    return behave


async def test_a_port_on_which_nobody_listens() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        text = await said(f"http://127.0.0.1:{port}/v1/enrol")

    assert f"nothing listens at 127.0.0.1:{port}" in text
    assert "correct the port" in text


async def test_a_name_that_nobody_knows() -> None:
    text = await said("http://till.invalid/v1/enrol")

    assert "till.invalid" in text
    assert "DNS" in text


@pytest.mark.parametrize(("code", "shown"), [(socket.EAI_NONAME, "is not known"), (socket.EAI_AGAIN, "no name server")])
def test_no_name_server_is_another_thing_than_no_such_name(code: int, shown: str) -> None:
    assert shown in in_words(socket.gaierror(code, "Name or service not known"), "https://till.example/v1/enrol")


async def test_a_server_that_does_not_answer_in_time() -> None:
    async with peer(keeps_silent) as port:
        text = await said(f"http://127.0.0.1:{port}/", seconds=0.2)

    assert f"127.0.0.1:{port} does not answer in time" in text


async def test_a_server_that_hangs_up() -> None:
    async with peer(hangs_up) as port:
        assert "hung up without an answer" in await said(f"http://127.0.0.1:{port}/")


@pytest.mark.parametrize(
    ("answer", "shown"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n", "does not speak HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", "broke off"),
    ],
)
async def test_an_answer_that_is_none(answer: bytes, shown: str) -> None:
    async with peer(says(answer)) as port:
        assert shown in await said(f"http://127.0.0.1:{port}/")


async def test_a_port_without_tls() -> None:
    async with peer(says(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as port:
        assert "speaks no TLS" in await said(f"https://127.0.0.1:{port}/")


@pytest.mark.parametrize(
    ("made", "shown"),
    [
        ({"begins": NOW - 2 * DAY, "ends": NOW - DAY}, "has expired; renew it on the server"),
        ({"begins": NOW + DAY, "ends": NOW + 2 * DAY}, "is not valid yet; correct this machine's clock"),
        ({"address": "127.0.0.2"}, "is of another name"),
    ],
)
async def test_a_certificate_that_does_not_hold(tmp_path: Path, made: dict[str, Any], shown: str) -> None:
    authority = Authority(tmp_path)
    async with peer(keeps_silent, authority.server_context(**made)) as port:
        assert shown in await said(f"https://127.0.0.1:{port}/", ca_file=authority.file)


async def test_a_certificate_that_nobody_here_vouches_for(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    async with peer(keeps_silent, authority.server_context()) as port:
        text = await said(f"https://127.0.0.1:{port}/")
        connector = aiohttp.TCPConnector(ssl=tls_context(None))
        async with aiohttp.ClientSession(connector=connector) as session:
            with pytest.raises(NotTrustedError):
                await ask(session, "GET", f"https://127.0.0.1:{port}/")

    assert "is not trusted" in text
    assert "--ca-file" in text


@pytest.mark.parametrize("number", [113, 101, 110, 104, 32, 13])
def test_what_the_system_says_of_a_connection_has_a_next_step(number: int) -> None:
    text = in_words(OSError(number, "as the system says it"), "https://till.example:8443/v1/enrol")

    assert "till.example" in text
    assert "; " in text


@pytest.mark.parametrize(
    ("status", "problem", "shown"),
    [
        (503, "overloaded", "central is busy"),
        (302, None, "elsewhere"),
        (404, None, "no Tillstream server"),
        (500, "internal", "see its log"),
    ],
)
def test_an_answer_that_helps_nobody_is_said_in_words(status: int, problem: str | None, shown: str) -> None:
    text = answer_in_words(status, problem)

    assert shown in text
    assert str(status) in text
