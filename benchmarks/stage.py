"""A running central with one tenant, for the benchmarks that ask it over HTTP; gone at the end."""

import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import aiohttp

from benchmarks import cpu
from benchmarks.ingest import Central
from benchmarks.shop import SetUp
from central.database.embedded import EmbeddedPostgres, application


@dataclass(frozen=True)
class Stage:
    """Where central listens, its tenant and the tenant's key; `http` is a client for set-up."""

    central: Central
    tenant_id: UUID
    api_key: str
    http: aiohttp.ClientSession

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.central.port}"

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.api_key}"}

    @property
    def owner_address(self) -> str:
        """The database as the cluster's superuser, to load rows in bulk."""
        return self.central.address

    @property
    def served_address(self) -> str:
        """The database as the role that central serves as."""
        return EmbeddedPostgres(self.central.folder).address(application)

    def cpu_seconds(self) -> float:
        """What central and its PostgreSQL have used of the processors so far."""
        return cpu.of_tree(self.central.pid)

    def set_up(self) -> SetUp:
        return SetUp(self.url, self.api_key, self.http)


@asynccontextmanager
async def stage() -> AsyncIterator[Stage]:
    """`till-central serve` on a database of its own, with one process."""
    folder = Path(tempfile.mkdtemp(prefix="tillstream-bench-"))
    central = Central(folder, 1)
    try:
        central.start()
        tenant = central.tenant()
        async with aiohttp.ClientSession() as http:
            yield Stage(central, UUID(tenant["tenant_id"]), tenant["api_key"], http)
    finally:
        central.stop()
        shutil.rmtree(EmbeddedPostgres(folder).folder, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)
