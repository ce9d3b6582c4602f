"""A shop in a real central, and tills in it: each a `till-terminal run` process with simulated devices at its end."""

import asyncio
import contextlib
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import pytest

from hardware.simulated import SimulatedPrinter, SimulatedScanner
from terminal_agent.clock import system_time
from terminal_agent.enrolment import enrol
from terminal_agent.state_directory import StateDirectory
from tests.central.conftest import Central, TenantFixture, central, start_central, tenant

__all__ = ["central", "start_central", "tenant"]

PROGRAM = Path(sys.executable).parent / "till-terminal"
SECONDS_MAX = 60
CASHIER = {"number": "1", "pin": "2580"}
SUPERVISOR = {"number": "9", "pin": "397168"}
BARCODES = {"COFFEE": "4006381333931", "WINE": "5000112637922", "BREAD": "96385074"}
PRICES = {"COFFEE": 350, "WINE": 999, "BREAD": 199}


@dataclass
class Shop:
    """A location with a tax group, three products, a cashier and a supervisor."""

    tenant: TenantFixture
    location_id: str
    products: dict[str, str]

    async def new_terminal(self) -> tuple[str, str]:
        """A terminal's id and its enrolment code."""
        body = {"location_id": self.location_id, "label": "till"}
        status, made, _ = await self.tenant.post("/v1/terminals", body)
        assert status == 201, made
        return made["terminal_id"], made["enrolment_code"]

    async def balances(self) -> dict[str, int]:
        """The ledger's balances by account."""
        status, found, _ = await self.tenant.get("/v1/ledger/balances")
        assert status == 200, found
        return {row["account"]: row["amount_minor"] for row in found["balances"] if row["amount_minor"]}


async def open_shop(tenant: TenantFixture, **settings: Any) -> Shop:
    """Set a shop up the way a back office does."""

    async def made(path: str, body: dict[str, Any]) -> dict[str, Any]:
        status, answer, _ = await tenant.post(path, body)
        assert status == 201, answer
        return dict(answer)

    place = {"name": "High Street", "code": "HS", "timezone": "Europe/London"}
    location = await made("/v1/locations", place)
    group = await made(
        "/v1/tax-groups",
        {"code": "STD", "name": "Standard", "components": [{"code": "VAT", "rate_ppm": 200_000}]},
    )
    products = {}
    for sku, barcode in BARCODES.items():
        product = {
            "sku": sku,
            "name": sku.title(),
            "price_minor": PRICES[sku],
            "tax_group_id": group["tax_group_id"],
            "barcodes": [barcode],
            "age_min": 18 if sku == "WINE" else None,
        }
        products[sku] = (await made("/v1/products", product))["product_id"]
    await made("/v1/cashiers", {"name": "Ann", "role": "cashier", **CASHIER})
    await made("/v1/cashiers", {"name": "Sue", "role": "supervisor", **SUPERVISOR})
    if settings:
        status, answer, _ = await tenant.patch("/v1/settings", settings)
        assert status == 200, answer
    return Shop(tenant, location["location_id"], products)


class RefusedError(Exception):
    """The till said no; `code` is why."""

    def __init__(self, code: str, problem: dict[str, Any]) -> None:
        super().__init__(code)
        self.code = code
        self.problem = problem


@dataclass
class Till:
    """One till: its state directory, its devices, and its process while it runs."""

    folder: Path
    printer: SimulatedPrinter
    scanner: SimulatedScanner
    http: aiohttp.ClientSession
    terminal_id: str = ""
    url: str = ""
    process: asyncio.subprocess.Process | None = None
    log: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True)
        (self.folder / "terminal.toml").write_text(
            "reserve_bytes = 0\nfree_bytes_min = 0\n"
            f'[[device]]\nname = "printer"\nkind = "printer"\naddress = "{self.printer.address}"\nprofile = "TM-T88V"\n'
            f'[[device]]\nname = "scanner"\nkind = "scanner"\naddress = "{self.scanner.address}"\n'
        )

    async def call(self, *arguments: str) -> tuple[int, str, str]:
        """Run `till-terminal` to its end: exit code, stdout, stderr."""
        process = await asyncio.create_subprocess_exec(
            PROGRAM,
            *arguments,
            "--state-dir",
            str(self.folder),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await asyncio.wait_for(process.communicate(), SECONDS_MAX)
        assert process.returncode is not None
        return process.returncode, out.decode(), err.decode()

    async def enrol(self, server: str, code: str) -> None:
        """As `till-terminal enrol` does, which has tests of its own, but for the second that a process takes."""
        directory = StateDirectory(self.folder)
        directory.make()
        with directory.locked():
            await enrol(directory, server=server, code=code, ca_file=None, keep_journal=False, at=system_time())

    async def start(self) -> None:
        self.process = await asyncio.create_subprocess_exec(
            PROGRAM,
            "run",
            "--listen",
            "127.0.0.1:0",
            "--state-dir",
            str(self.folder),
            stdout=asyncio.subprocess.PIPE,
            stderr=(self.folder / "run.log").open("ab"),
        )
        assert self.process.stdout is not None
        line = (await asyncio.wait_for(self.process.stdout.readline(), SECONDS_MAX)).decode()
        found = re.search(r"http://\S+", line)
        assert found is not None, (self.folder / "run.log").read_text()
        self.url = found[0]

    async def kill(self) -> None:
        """kill -9."""
        await self._end(signal.SIGKILL)

    async def stop(self) -> int:
        """SIGTERM; answers how it exited."""
        return await self._end(signal.SIGTERM)

    async def _end(self, number: signal.Signals) -> int:
        if self.process is None:
            return 0
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process.pid, number)
        exit_code = await asyncio.wait_for(self.process.wait(), SECONDS_MAX)
        self.process = None
        return exit_code

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {(self.folder / 'local-api-token').read_text().strip()}"}

    async def command(self, command: str, command_id: str | None = None, **fields: Any) -> dict[str, Any]:
        """What the till answered. Raises `RefusedError`."""
        body = {"command": command, "command_id": command_id or str(uuid4()), **fields}
        async with self.http.post(f"{self.url}/v1/commands", json=body, headers=self.headers) as answer:
            found = await answer.json(content_type=None)
            if answer.status != 200:
                raise RefusedError(found["type"].rsplit("/", 1)[-1], found)
            return dict(found)

    async def state(self) -> dict[str, Any]:
        async with self.http.get(f"{self.url}/v1/state", headers=self.headers) as answer:
            assert answer.status == 200
            return dict(await answer.json())

    async def until(self, holds: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
        """The first state of the stream that `holds`."""
        state: dict[str, Any] = {}
        with contextlib.suppress(TimeoutError):
            async with (
                asyncio.timeout(SECONDS_MAX),
                self.http.ws_connect(f"{self.url}/v1/stream", headers=self.headers) as stream,
            ):
                async for message in stream:
                    state = dict(json.loads(message.data))
                    if holds(state):
                        return state
        raise AssertionError(f"the last state was {state}")

    async def open(self) -> None:
        """Sign in and open a shift, once the catalogue is here."""
        await self.until(lambda state: state["sync"]["catalogue_through"])
        await self.command("sign_in", **CASHIER)
        await self.command("open_shift", float_minor=10_000)

    async def scan(self, sku: str) -> dict[str, Any]:
        return await self.command("scan", barcode=BARCODES[sku])


@pytest.fixture
async def shop(tenant: TenantFixture) -> Shop:
    """A shop with the settings that central begins with."""
    return await open_shop(tenant, discount_max_ppm=100_000)


MakeTill = Callable[[str], Any]


@pytest.fixture
async def make_till(tmp_path: Path) -> AsyncIterator[Callable[[str], Any]]:
    """Makes tills, each with its own devices; all are stopped after the test."""
    tills: list[Till] = []
    async with contextlib.AsyncExitStack() as stack:
        http = await stack.enter_async_context(aiohttp.ClientSession())

        async def make(name: str) -> Till:
            printer = await stack.enter_async_context(SimulatedPrinter(listen="127.0.0.1:0"))
            scanner = SimulatedScanner()
            await scanner.start()
            stack.push_async_callback(scanner.stop)
            tills.append(Till(tmp_path / name, printer, scanner, http))
            return tills[-1]

        yield make
        for till in tills:
            await till.kill()


@pytest.fixture
async def till(central: Central, shop: Shop, make_till: Callable[[str], Any]) -> Till:
    """A till that is enrolled, running, with a cashier signed in and a shift open."""
    made: Till = await make_till("till")
    made.terminal_id, code = await shop.new_terminal()
    await made.enrol(central.url, code)
    await made.start()
    await made.open()
    return made
