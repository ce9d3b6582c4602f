"""A device that is plugged in is found at once where udev tells it, and within a look where nobody does."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from pathlib import Path
from typing import Any

import pytest

from hardware import plug_events
from hardware.devices import Device, DeviceStatus, own_scanner
from hardware.plug_events import PlugWatch, udev_module
from hardware.simulated import SimulatedScanner
from hardware.states import DeviceState

NEVER = (3600.0,)
NETLINK_KOBJECT_UEVENT, UDEV_GROUP = 15, 2


@pytest.fixture
def without_udev(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(plug_events, "UDEV_CONTROL", tmp_path / "control")


async def test_a_device_file_that_appears_is_noticed_by_looking(without_udev: None, tmp_path: Path) -> None:
    waiting = asyncio.create_task(PlugWatch(f"serial:{tmp_path / 'port'}").noticed(seconds=0.01))
    await asyncio.sleep(0)
    (tmp_path / "other").touch()
    assert not waiting.done()

    (tmp_path / "port").touch()

    await asyncio.wait_for(waiting, 5)


async def test_what_is_plugged_in_while_a_try_fails_is_noticed(without_udev: None, tmp_path: Path) -> None:
    watch = PlugWatch(f"serial:{tmp_path / 'port'}")

    (tmp_path / "port").touch()

    await asyncio.wait_for(watch.noticed(seconds=3600), 5)


async def test_a_scanner_that_is_plugged_in_is_opened_before_its_owner_would_try_again(
    without_udev: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(plug_events, "look_seconds", 0.01)
    ready, absent = asyncio.Event(), asyncio.Event()

    def on_change(status: DeviceStatus) -> None:
        (ready if status.state is DeviceState.READY else absent).set()

    device = Device("s", "scanner", f"serial:{tmp_path / 'port'}?baud=9600")
    task = asyncio.create_task(own_scanner(device, lambda _: None, on_change, waits=NEVER).run())
    await asyncio.wait_for(absent.wait(), 5)

    async with SimulatedScanner(link=tmp_path / "port"):
        await asyncio.wait_for(ready.wait(), 5)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_printer_on_the_network_is_never_plugged_in() -> None:
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(PlugWatch("tcp://192.0.2.1:9100").noticed(seconds=0.001), 0.05)


class Event:
    def __init__(self, action: str) -> None:
        self.action = action


class Monitor:
    """Stands for pyudev's monitor."""

    def __init__(self) -> None:
        self.ours, self._theirs = socket.socketpair()

    def fileno(self) -> int:
        return self._theirs.fileno()

    def poll(self, timeout: float) -> Event | None:
        return Event(self._theirs.recv(100).decode())


async def test_an_event_of_udev_ends_the_wait_and_a_removal_does_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monitor = Monitor()
    subsystems: list[str] = []

    def started(_: Any, subsystem: str) -> Monitor:
        subsystems.append(subsystem)
        return monitor

    monkeypatch.setattr(plug_events, "UDEV_CONTROL", tmp_path)
    monkeypatch.setattr(plug_events, "udev_module", object)
    monkeypatch.setattr(plug_events, "started_monitor", started)
    waiting = asyncio.create_task(PlugWatch("hid:/dev/input/by-id/none").noticed())

    monitor.ours.send(b"remove")
    done, _ = await asyncio.wait({waiting}, timeout=0.05)
    assert not done
    monitor.ours.send(b"add")
    await asyncio.wait_for(waiting, 5)

    assert subsystems == ["input"]


async def test_where_udev_gives_no_monitor_looking_goes_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refused(_: Any, subsystem: str) -> None:
        raise PermissionError(subsystem)

    monkeypatch.setattr(plug_events, "UDEV_CONTROL", tmp_path)
    monkeypatch.setattr(plug_events, "udev_module", object)
    monkeypatch.setattr(plug_events, "started_monitor", refused)
    waiting = asyncio.create_task(PlugWatch(f"serial:{tmp_path / 'port'}").noticed(seconds=0.01))
    await asyncio.sleep(0)

    (tmp_path / "port").touch()

    await asyncio.wait_for(waiting, 5)


def murmur_hash(data: bytes) -> int:
    """MurmurHash2 with seed 0, by which libudev filters subsystems in the kernel."""
    mask, factor = 0xFFFFFFFF, 0x5BD1E995
    state = len(data)
    while len(data) >= 4:
        word = int.from_bytes(data[:4], "little") * factor & mask
        word = (word ^ word >> 24) * factor & mask
        state = state * factor & mask ^ word
        data = data[4:]
    if data:
        state = (state ^ int.from_bytes(data, "little")) * factor & mask
    state = (state ^ state >> 13) * factor & mask
    return state ^ state >> 15


def say_as_udevd(action: str, subsystem: str, name: str) -> None:
    """Send what a udevd sends to those who listen; only root may."""
    facts = {"ACTION": action, "DEVPATH": f"/devices/virtual/{subsystem}/{name}", "SUBSYSTEM": subsystem}
    body = b"".join(f"{key}={value}".encode() + b"\0" for key, value in {**facts, "SEQNUM": "1"}.items())
    head = b"libudev\0" + struct.pack(">I", 0xFEEDCAFE) + struct.pack("=III", 40, 40, len(body))
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_KOBJECT_UEVENT) as line:
        line.bind((0, 0))
        line.sendto(head + struct.pack(">IIII", murmur_hash(subsystem.encode()), 0, 0, 0) + body, (0, UDEV_GROUP))


async def test_the_real_pyudev_hears_that_a_port_was_added(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    if udev_module() is None or os.geteuid() != 0:
        pytest.skip("this needs pyudev with its library, and root to speak as udevd does")
    started = asyncio.Event()
    start = plug_events.started_monitor

    def starting(udev: Any, subsystem: str) -> Any:
        started.set()
        return start(udev, subsystem)

    monkeypatch.setattr(plug_events, "UDEV_CONTROL", tmp_path)
    monkeypatch.setattr(plug_events, "started_monitor", starting)
    waiting = asyncio.create_task(PlugWatch("serial:/dev/ttyUSB0").noticed())
    await started.wait()

    for action, subsystem in (("add", "block"), ("remove", "tty")):
        say_as_udevd(action, subsystem, "it0")
    done, _ = await asyncio.wait({waiting}, timeout=0.1)
    assert not done
    say_as_udevd("add", "tty", "ttyUSB0")

    await asyncio.wait_for(waiting, 5)
