"""Enrolling: the right server, the right code, nothing lost, and each failure one line with the next step."""

import asyncio
import contextlib
import errno
import os
import re
import sqlite3
import ssl
import stat
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from click.testing import CliRunner
from yarl import URL

from terminal_agent.cli import main
from tests.central.cli.test_tls import make_certificate
from tests.central.conftest import Central
from tests.terminal_agent.conftest import CASHIER, Shop, Till

StartPeer = Callable[[Callable[[web.Request], Any]], Any]


@pytest.fixture
async def start_peer() -> AsyncIterator[StartPeer]:
    """Starts somebody who is not central, and answers its URL."""
    runners: list[web.AppRunner] = []

    async def start(answer: Callable[[web.Request], Any]) -> str:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", answer)
        runner = web.AppRunner(app)
        runners.append(runner)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}"

    yield start
    for runner in runners:
        await runner.cleanup()


async def refusal(till: Till, server: str, code: str, *more: str) -> str:
    """The one line with which `enrol` fails."""
    exit_code, out, err = await till.call("enrol", "--server", server, "--code", code, *more)

    assert exit_code == 1
    assert out == ""
    [line] = err.strip().splitlines()
    return line


async def test_an_enrolled_till_keeps_its_secrets_to_itself(central: Central, shop: Shop, make_till: Any) -> None:
    till: Till = await make_till("till")
    _, code = await shop.new_terminal()
    await till.enrol(central.url, code.lower().replace("-", ""))

    secrets = [*till.folder.glob("keys/*")]
    assert len(secrets) == 2
    assert {stat.S_IMODE(path.stat().st_mode) for path in secrets} == {0o600}
    assert stat.S_IMODE((till.folder / "keys").stat().st_mode) == 0o700
    pin_key = next(till.folder.glob("keys/*.pin")).read_bytes()
    assert pin_key not in (till.folder / "journal.sqlite").read_bytes()


async def test_a_wrong_code_is_said_so(central: Central, make_till: Any) -> None:
    till: Till = await make_till("till")

    assert "get a new one from the back office" in await refusal(till, central.url, "AAAA-BBBB-CCCC-DDDD")
    assert "16 letters and digits" in await refusal(till, central.url, "ABC")


async def test_a_code_works_once(central: Central, shop: Shop, make_till: Any) -> None:
    first: Till = await make_till("first")
    second: Till = await make_till("second")
    _, code = await shop.new_terminal()
    await first.enrol(central.url, code)

    assert "used or expired" in await refusal(second, central.url, code)


async def test_plain_http_goes_to_this_machine_alone(make_till: Any) -> None:
    till: Till = await make_till("till")

    line = await refusal(till, "http://till.example.com", "AAAA-BBBB-CCCC-DDDD")
    assert "use https://till.example.com" in line


async def test_nobody_there(make_till: Any) -> None:
    till: Till = await make_till("till")

    assert "nothing listens at 127.0.0.1:9" in await refusal(till, "http://127.0.0.1:9", "AAAA-BBBB-CCCC-DDDD")


@pytest.mark.parametrize("status", [200, 201, 404, 500])
async def test_a_captive_portal_is_not_taken_for_central(start_peer: StartPeer, make_till: Any, status: int) -> None:
    async def portal(request: web.Request) -> web.Response:
        return web.Response(status=status, text="<html>Sign in to the Wi-Fi</html>", content_type="text/html")

    till: Till = await make_till("till")

    line = await refusal(till, await start_peer(portal), "AAAA-BBBB-CCCC-DDDD")
    assert "sign in to the network" in line


async def test_a_redirect_is_not_followed(central: Central, start_peer: StartPeer, shop: Shop, make_till: Any) -> None:
    async def elsewhere(request: web.Request) -> web.Response:
        raise web.HTTPTemporaryRedirect(central.url + request.path)

    till: Till = await make_till("till")
    _, code = await shop.new_terminal()

    assert "sends us elsewhere" in await refusal(till, await start_peer(elsewhere), code)


async def test_an_answer_that_was_lost_is_asked_for_again(
    central: Central, start_peer: StartPeer, shop: Shop, make_till: Any
) -> None:
    """The code is used up at central, the answer never came: the same command with the same code still enrols."""
    till: Till = await make_till("till")
    _, code = await shop.new_terminal()

    async def losing(request: web.Request) -> web.Response:
        body = await request.read()
        async with till.http.post(central.url + request.path, data=body, headers={"Content-Type": "application/json"}):
            assert request.transport is not None
            request.transport.close()
        return web.Response()

    await refusal(till, await start_peer(losing), code)
    await till.enrol(central.url, code)

    assert len([*till.folder.glob("keys/*.key")]) == 1


async def test_a_state_directory_belongs_to_one_process(till: Till) -> None:
    exit_code, _, err = await till.call("run", "--listen", "127.0.0.1:0")

    assert exit_code == 1
    assert re.fullmatch(r"Error: process \d+ already works in .*; stop it or name another --state-dir\n", err)


async def test_enrolling_anew_waits_for_pending_lines_or_goes_on_delivering_them(
    till: Till, central: Central, shop: Shop
) -> None:
    """--keep-journal: the old enrolment's lines reach central with the old key, the new one sells."""
    await till.until(lambda state: state["sync"]["pending"] == 0)
    await till.stop()
    (till.folder / "terminal.toml").write_text("reserve_bytes = 0\nfree_bytes_min = 0\n")
    await till.start()
    await till.command("sign_in", **CASHIER)
    status, made, _ = await shop.tenant.post(f"/v1/terminals/{till.terminal_id}/enrolment")
    assert status == 201
    await till.scan("COFFEE")
    await till.command("tender", method="CARD")
    await till.kill()
    code = made["enrolment_code"]

    if "acknowledged" in (line := (await till.call("enrol", "--server", central.url, "--code", code))[2]):
        assert "--keep-journal" in line
        exit_code, _, err = await till.call("enrol", "--server", central.url, "--code", code, "--keep-journal")
        assert exit_code == 0, err
    await till.start()
    await till.until(lambda state: state["sync"]["pending"] == 0 and state["sync"]["catalogue_through"])
    await till.command("sign_in", **CASHIER)
    await till.scan("BREAD")
    answer = await till.command("tender", method="CARD")
    assert answer["state"]["last_receipt_number"].endswith("-1")
    await till.until(lambda state: state["sync"]["pending"] == 0)
    assert (await shop.balances())["card_clearing"] == 350 + 199


async def test_a_state_directory_of_a_newer_version_is_refused(till: Till) -> None:
    await till.stop()
    with sqlite3.connect(till.folder / "journal.sqlite") as connection:
        connection.execute(
            "insert into _sqlite_migrations (migration_set, name, applied_at)"
            " values ('tillstream-journal', 'm999_from_the_future', '2030-01-01')"
        )
    exit_code, _, err = await till.call("run")

    assert exit_code == 1
    assert "of a newer version (m999_from_the_future)" in err


async def test_whom_enrol_was_told_to_trust_run_and_push_trust_too(
    central: Central, shop: Shop, make_till: Any, tmp_path: Path
) -> None:
    certificate, key = make_certificate(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """TLS in front of central, as a proxy of the shop's own does it."""
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", URL(central.url).port)
        await asyncio.gather(pipe(reader, inner_writer), pipe(inner_reader, writer))

    async def pipe(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while block := await source.read(65_536):
                sink.write(block)
                await sink.drain()
        sink.close()

    proxy = await asyncio.start_server(forward, "127.0.0.1", 0, ssl=context)
    url = f"https://127.0.0.1:{proxy.sockets[0].getsockname()[1]}"
    till: Till = await make_till("till")
    _, code = await shop.new_terminal()
    async with proxy:
        stranger = await refusal(till, url, code)
        enrolled, _, _ = await till.call("enrol", "--server", url, "--code", code, "--ca-file", str(certificate))
        certificate.unlink()
        pushed, out, err = await till.call("journal", "push")

    assert "not trusted" in stranger
    assert "--ca-file" in stranger
    assert (enrolled, pushed, out, err) == (0, 0, "0 lines delivered\n", "")


def test_a_full_disk_is_said_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int, content: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", full)
    ended = CliRunner().invoke(main, ["journal", "push", "--state-dir", str(tmp_path)])

    assert (ended.exit_code, ended.stderr.count("\n")) == (1, 1)
    assert "the disk is full" in ended.stderr


async def test_a_state_directory_that_is_not_ours_is_said_in_one_line(make_till: Any) -> None:
    till: Till = await make_till("till")
    (till.folder / "lock").mkdir()
    line = await refusal(till, "http://127.0.0.1:1", "ABCD-EFGH-JKMN-PQRS")

    assert f"{till.folder}/lock cannot be used" in line
