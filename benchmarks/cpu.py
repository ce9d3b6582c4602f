"""CPU time of processes from /proc: on a busy machine it moves less than the time on the wall."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_ticks: Final = os.sysconf("SC_CLK_TCK")


def of_tree(pid: int) -> float:
    """Seconds of CPU that a process, what it started and what these left behind have used."""
    children: dict[int, list[int]] = {}
    spent: dict[int, float] = {}
    for number, parent, seconds in _all():
        children.setdefault(parent, []).append(number)
        spent[number] = seconds
    total, open_ones = 0.0, [pid]
    while open_ones:
        one = open_ones.pop()
        total += spent.get(one, 0.0)
        open_ones += children.get(one, [])
    return total


def _all() -> Iterator[tuple[int, int, float]]:
    """Each process: its id, its parent's, and seconds of CPU with those of its children that have ended."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            yield int(folder.name), int(fields[1]), sum(map(int, fields[11:15])) / _ticks
