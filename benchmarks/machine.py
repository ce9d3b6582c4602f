"""The machine at the time: a figure says nothing without its load and what an fsync costs just then."""

import os
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.figures import duration, p99

syncs: Final = 100
block_bytes: Final = 4_096


@dataclass(frozen=True)
class Machine:
    """Load average of the last minute, and times of an fdatasync of one block."""

    load: float
    sync_seconds: float
    sync_p99_seconds: float

    def __str__(self) -> str:
        sync = f"{duration(self.sync_seconds)} (p99 {duration(self.sync_p99_seconds)})"
        return f"load {self.load:.1f} on {os.cpu_count()} cores, fdatasync of 4 KiB {sync}"


def look(folder: Path | None = None) -> Machine:
    """Look at it now; half a second on a slow disk."""
    times = []
    content = os.urandom(block_bytes)
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(bytes(syncs * block_bytes))
        file.flush()
        os.fsync(file.fileno())
        for number in range(syncs):
            os.pwrite(file.fileno(), content, number * block_bytes)
            begin = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - begin)
    return Machine(os.getloadavg()[0], statistics.median(times), p99(times))
