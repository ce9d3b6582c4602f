"""One owner a device: a name in the system's socket space that dies with the process that holds it.

A file would stay behind after kill -9 and a folder for it would have to be agreed upon; an abstract socket
(Linux) needs neither. Where there are none, the lock is only within this process and the device's own.
"""

from __future__ import annotations

import hashlib
import socket
import sys

namespace = "tillstream-device"
_held_here: set[str] = set()


class DeviceLock:
    """Exclusive ownership of the device with this identity, until released or the process ends."""

    def __init__(self, identity: str) -> None:
        self.identity = identity
        self._socket: socket.socket | None = None
        self._taken = False

    def take(self) -> bool:
        """Whether the device is ours now."""
        if self.identity in _held_here:
            return False
        if sys.platform == "linux":
            name = hashlib.sha256(self.identity.encode()).hexdigest()[:40]
            candidate = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            try:
                candidate.bind(f"\0{namespace}-{name}")
            except OSError:
                candidate.close()
                return False
            self._socket = candidate
        _held_here.add(self.identity)
        self._taken = True
        return True

    def release(self) -> None:
        """Let the next one have it; does nothing where it is not ours."""
        if self._taken:
            _held_here.discard(self.identity)
            self._taken = False
        if self._socket is not None:
            self._socket.close()
            self._socket = None
