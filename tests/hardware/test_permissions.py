"""A device that this user may not open is forbidden, whoever runs the tests, and the rest goes on."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hardware.devices import Device, DeviceStatus, own_scanner
from hardware.diagnostics import diagnose
from hardware.diagnostics.findings import Counter, Machine
from hardware.simulated import SimulatedScanner
from hardware.states import DeviceState
from hardware.transports import Forbidden, open_transport

NOBODY = 65_534
NEVER = (3600.0,)


@pytest.fixture
async def threads() -> None:
    """Start the pool of threads while its module may still be read."""
    await asyncio.to_thread(os.getpid)


@contextmanager
def as_nobody() -> Iterator[None]:
    """Root may open everything, so root becomes nobody for a while."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(before)


def open_to_all_but_itself(scanner: SimulatedScanner) -> Path:
    """The scanner's device file, in folders that everyone may enter, and itself closed."""
    link = Path(scanner.address.removeprefix("serial:").partition("?")[0])
    link.parent.chmod(0o755)
    port = link.resolve()
    port.chmod(0o000)
    return port


@pytest.mark.parametrize("kind", ["serial", "hid"])
async def test_a_file_without_permission_is_forbidden_and_names_the_group(kind: str, threads: None) -> None:
    async with SimulatedScanner() as scanner:
        port = open_to_all_but_itself(scanner)
        with as_nobody(), pytest.raises(Forbidden, match={"serial": "dialout", "hid": "input"}[kind]):
            await open_transport(f"{kind}:{port}").open()


async def test_a_forbidden_scanner_is_told_and_opened_when_the_permission_is_there(
    threads: None,
) -> None:
    states: asyncio.Queue[DeviceStatus] = asyncio.Queue()
    async with SimulatedScanner() as scanner:
        port = open_to_all_but_itself(scanner)
        owner = own_scanner(Device("s", "scanner", scanner.address), lambda _: None, states.put_nowait, waits=NEVER)
        with as_nobody():
            task = asyncio.create_task(owner.run())
            status = await asyncio.wait_for(states.get(), 5)
            while status.state is DeviceState.OPENING:
                status = await asyncio.wait_for(states.get(), 5)
        port.chmod(0o600)
        owner.wake()
        later = await asyncio.wait_for(states.get(), 5)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    findings = diagnose(Counter(Machine(user="anna"), devices=(owner.device,), statuses=(status,)))
    assert (status.state, later.state) == (DeviceState.FORBIDDEN, DeviceState.READY)
    assert [finding.next_step for finding in findings] == ["sudo usermod -aG dialout anna, then sign in again"]
