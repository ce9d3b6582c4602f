"""The state directory of a terminal: where each file lies, who may read it, and the lock that one process holds.

journal.sqlite       enrolments, journal, print spool, open sales        never delete while lines are pending
catalogue.sqlite     the replica of products, prices, cashiers           may be deleted: it comes again
keys/                private keys and PIN keys, one pair an enrolment    0600
terminal.toml        devices and local choices                           written by people
server-ca.pem        the authority that `enrol` was told to trust
local-api-token      bearer token of the local API                       0600
open-sale-0, -1      the open sale, written in turn at each change  0600
reserve              space kept for the sale that finds the disk full
lock                 held by the process that works here
"""

import errno
import fcntl
import os
import secrets
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

private_mode: Final = 0o600
directory_mode: Final = 0o700
authority_name: Final = "server-ca.pem"


class StateDirectoryError(Exception):
    """The state directory cannot be used; the message names the next step."""


class StateDirectoryBusyError(StateDirectoryError):
    """Another process works in this state directory."""


class StateDirectory:
    """Paths and secrets below one directory; `with state.locked():` claims it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.journal = path / "journal.sqlite"
        self.catalogue = path / "catalogue.sqlite"
        self.keys = path / "keys"
        self.config = path / "terminal.toml"
        self.authority = path / authority_name
        self.reserve = path / "reserve"
        self.local_api_token = path / "local-api-token"
        self.rendering = path / "rendering"

    def make(self) -> None:
        """Create what is missing. Raises `StateDirectoryError` where the place cannot be written."""
        try:
            for directory in (self.path, self.keys, self.rendering):
                directory.mkdir(mode=directory_mode, parents=True, exist_ok=True)
        except OSError as error:
            raise StateDirectoryError(
                f"{self.path} cannot be used ({error.strerror}); name another with --state-dir"
            ) from error

    def locked(self) -> "StateDirectoryLock":
        """The claim on the directory, to be used as a context manager."""
        return StateDirectoryLock(self.path)

    def write_secret(self, name: str, secret: bytes) -> None:
        """Put a secret below `keys/`, on the disk when this returns."""
        write_private(self.keys / name, secret)

    def trust(self, ca_file: Path) -> None:
        """Keep the authority that `enrol` was told to trust: `run` and `push` trust it too."""
        write_private(self.authority, ca_file.read_bytes())

    def read_private_key(self, name: str) -> Ed25519PrivateKey | None:
        """The Ed25519 key of that name; None where there is none. Raises `StateDirectoryError` where it is spoilt."""
        try:
            raw = (self.keys / name).read_bytes()
        except FileNotFoundError:
            return None
        try:
            return Ed25519PrivateKey.from_private_bytes(raw)
        except ValueError as error:
            raise StateDirectoryError(f"{self.keys / name} is spoilt; enrol the terminal anew") from error

    def read_secret(self, name: str) -> bytes:
        """A secret below `keys/`. Raises `StateDirectoryError` where it is missing."""
        try:
            return (self.keys / name).read_bytes()
        except OSError as error:
            raise StateDirectoryError(f"{self.keys / name} cannot be read; enrol the terminal anew") from error

    def api_token(self) -> str:
        """The bearer token of the local API, made at the first call."""
        try:
            token = self.local_api_token.read_text().strip()
        except FileNotFoundError:
            token = ""
        if not token:
            token = secrets.token_urlsafe(32)
            write_private(self.local_api_token, f"{token}\n".encode())
        return token


def private_bytes(key: Ed25519PrivateKey) -> bytes:
    """The raw 32 bytes of a private key, as its file holds them."""
    return key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())


def write_private(path: Path, content: bytes) -> None:
    """A file of mode 0600, whole or not there, on the disk when this returns."""
    draft = path.with_name(f".{path.name}.new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, private_mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.rename(path)
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Bring a directory's entries to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class StateDirectoryLock:
    """An exclusive lock that ends with its process, however that ends."""

    def __init__(self, path: Path) -> None:
        self._path = path / "lock"
        self._where = path
        self._descriptor: int | None = None

    def __enter__(self) -> Self:
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, private_mode)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(descriptor, 32).decode(errors="replace").strip()
            os.close(descriptor)
            if error.errno not in (errno.EAGAIN, errno.EACCES):
                raise StateDirectoryError(f"{self._path} cannot be locked ({error.strerror})") from error
            raise StateDirectoryBusyError(
                f"process {holder or 'unknown'} already works in {self._where}; stop it or name another --state-dir"
            ) from error
        os.ftruncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode())
        self._descriptor = descriptor
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
