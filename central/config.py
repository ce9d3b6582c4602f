"""What a central is told when it starts: its addresses, its folders, how many processes."""

import os
from pathlib import Path
from typing import Final

from msgspec import Struct

default_listen: Final = "127.0.0.1:8080"
default_metrics_listen: Final = "127.0.0.1:9464"
backlog: Final = 1_024
"""Connections that wait in the kernel until they are accepted."""


class Config(Struct, frozen=True, kw_only=True):
    """The configuration of one process; the command line fills it (contract, section 10)."""

    host: str = "127.0.0.1"
    port: int = 0
    tls_cert: Path | None = None
    tls_key: Path | None = None
    redis_url: str | None = None
    processes: int = 1


def default_data_dir() -> Path:
    """Where the data lies unless it is said otherwise: a system's folder for root, else the user's own."""
    if os.geteuid() == 0:
        return Path("/var/lib/tillstream/central")
    data_home = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(data_home).expanduser() / "tillstream" / "central"
