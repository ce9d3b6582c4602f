"""Room on the disk: enough before money is taken, and a reserve for the sale that finds the disk full all the same."""

import contextlib
import os
from pathlib import Path
from typing import Final

reserve_bytes_default: Final = 64 * 1024 * 1024
free_bytes_min_default: Final = 16 * 1024 * 1024
start_bytes_min: Final = 1024 * 1024


class DiskSpace:
    """What is free where the journal lies. `bytes_reserved` 0 keeps no reserve."""

    def __init__(self, reserve: Path, *, bytes_reserved: int, free_bytes_min: int) -> None:
        self._reserve = reserve
        self._bytes_reserved = bytes_reserved
        self._free_bytes_min = free_bytes_min

    def free_bytes(self) -> int:
        """What an ordinary user may still write."""
        room = os.statvfs(self._reserve.parent)
        return room.f_bavail * room.f_frsize

    def is_short(self) -> bool:
        """Whether no sale should begin: little is left, or the reserve was used and cannot be made again."""
        if self.free_bytes() < self._free_bytes_min:
            return True
        return not self._has_reserve() and not self.keep_reserve()

    def keep_reserve(self) -> bool:
        """Make the reserve where it is missing and there is room; answers whether it is there."""
        if self._has_reserve():
            return True
        if self.free_bytes() < self._bytes_reserved + self._free_bytes_min:
            return False
        descriptor = os.open(self._reserve, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, self._bytes_reserved)
        except OSError:
            self.release_reserve()
            return False
        finally:
            os.close(descriptor)
        return True

    def make_room_to_start(self) -> None:
        """Keep the reserve where there is room; where there is not even room to open the files, give it up."""
        if self.free_bytes() < start_bytes_min:
            self.release_reserve()
        else:
            self.keep_reserve()

    def release_reserve(self) -> None:
        """Give the reserve to the sale whose money was taken already."""
        with contextlib.suppress(FileNotFoundError):
            self._reserve.unlink()

    def _has_reserve(self) -> bool:
        if not self._bytes_reserved:
            return True
        try:
            return self._reserve.stat().st_size >= self._bytes_reserved
        except FileNotFoundError:
            return False
