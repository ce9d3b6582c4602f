"""Devices and their owners: what is configured, and the one task that keeps a device open and says how it is."""

from __future__ import annotations

import asyncio
import inspect
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

import structlog

from hardware.displays import DisplayDriver, DisplaySetting
from hardware.plug_events import PlugWatch
from hardware.printers.escpos_driver import PrinterDriver, Timing
from hardware.printers.leftover import Leftover
from hardware.printers.profiles import profile as profile_named
from hardware.scales import PROTOCOLS, ScaleDriver, ScaleProtocol
from hardware.scanners.framing import Scan, ScannerConfig
from hardware.scanners.serial_scanner import SerialScanner, utc_now
from hardware.states import DeviceState, Signal, after
from hardware.transports import open_transport
from hardware.transports.transport import Busy, Forbidden, LineLost, NotThere, Transport, TransportError

RECONNECT_SECONDS = (0.5, 1.0, 2.0, 5.0, 10.0)
refused_wait_seconds = 10.0  # forbidden or busy: a person has to act, so there is no hurry

DeviceKind = Literal["printer", "scanner", "scale", "display"]
_log = structlog.get_logger("hardware.devices")


@dataclass(frozen=True)
class Device:
    """One device as it is configured. `profile` counts for printers; `options` are the kind's own."""

    name: str
    kind: DeviceKind
    address: str
    profile: str = "generic-80mm"
    options: Mapping[str, Any] | None = None

    def scanner_config(self) -> ScannerConfig:
        """A scanner's suffix, prefix, encoding and layout from the options."""
        return ScannerConfig(**self._chosen("suffix", "prefix", "encoding", "layout"))

    def scale_protocol(self) -> ScaleProtocol:
        """A scale's protocol from the option of this name; raises `ValueError` where there is none such."""
        name = self._chosen("protocol").get("protocol", "toledo-8217")
        if name not in PROTOCOLS:
            raise ValueError(f"a scale's protocol is one of {', '.join(PROTOCOLS)}, not {name!r}")
        return PROTOCOLS[name]

    def display_setting(self) -> DisplaySetting:
        """A display's language and page from the options; raises `ValueError` or `TypeError` where they are none."""
        return DisplaySetting(**self._chosen("language", "page", "encoding", "behind_printer"))

    def _chosen(self, *names: str) -> dict[str, Any]:
        options = self.options or {}
        return {name: options[name] for name in names if name in options}


@dataclass(frozen=True)
class DeviceStatus:
    """How a device is, and since when; `detail` says what to do where something is wrong."""

    name: str
    kind: str
    address: str
    state: DeviceState
    reason: str | None
    detail: str
    since: datetime


OnChange = Callable[[DeviceStatus], None]


class Attendance:
    """What a device's owner hands to the code that works with the open device."""

    def __init__(
        self, transport: Transport, report: Callable[[Signal, str | None, str], None], counts: Counter[str]
    ) -> None:
        self.transport = transport
        self.counts = counts
        self._report = report

    def ready(self) -> None:
        """The device is fine."""
        self._report(Signal.FINE, None, "")

    def attention(self, reason: str, detail: str = "") -> None:
        """The device stands there and lacks something; reasons are those of the states table."""
        self._report(Signal.FAULT, reason, detail)

    def report(self, reason: str | None, detail: str = "") -> None:
        """`ready` without a reason, `attention` with one."""
        if reason is None:
            self.ready()
        else:
            self.attention(reason, detail)


Attend = Callable[[Attendance], Awaitable[None]]


class DeviceOwner:
    """The one owner of a device: opens it, lets `attend` work with it, and opens it again when the line is lost.

    `attend` gets an open transport and comes back, or raises a `TransportError`, when the line is lost. `on_change`
    hears of every change of state, and must not block. The waits between two tries grow along `waits` and begin
    anew after each success; something that is plugged in, or `wake`, ends one. `counts` says what was done since the
    start: `opened`, `reconnects`, and what the kind counts (scans, garbled, jobs, printed, weighed, shown).
    """

    def __init__(
        self,
        device: Device,
        attend: Attend,
        on_change: OnChange,
        *,
        clock: Callable[[], datetime] = utc_now,
        waits: tuple[float, ...] = RECONNECT_SECONDS,
        refused_wait: float = refused_wait_seconds,
        make_transport: Callable[[str], Transport] = open_transport,
    ) -> None:
        self.device = device
        self.counts: Counter[str] = Counter()
        self._attend = attend
        self._on_change = on_change
        self._clock = clock
        self._waits = waits
        self._refused_wait = refused_wait
        self._transport = make_transport(device.address)
        self._state = DeviceState.ABSENT
        self._woken = asyncio.Event()
        self.status = DeviceStatus(
            device.name, device.kind, str(device.address), DeviceState.ABSENT, None, "not tried yet", clock()
        )

    async def run(self) -> None:
        """Own the device until cancelled; then the device is closed."""
        failures = 0
        try:
            while True:
                watch = PlugWatch(self.device.address)
                if await self._once():
                    failures, watch = 0, PlugWatch(self.device.address)
                else:
                    failures += 1
                await self._wait(failures, watch)
        finally:
            await self._transport.close()
            self._move(Signal.CLOSED, None, "closed")

    def wake(self) -> None:
        """Something was plugged in: try at once."""
        self._woken.set()

    async def _once(self) -> bool:
        """Open and attend once; whether it could be opened."""
        self._move(Signal.TRY, None, "")
        try:
            await self._transport.open()
        except TransportError as error:
            self._move(_signal(error), None, str(error))
            return False
        self.counts["opened"] += 1
        self.counts["reconnects"] = self.counts["opened"] - 1
        try:
            self._move(Signal.OPENED, None, "")
            await self._attend(Attendance(self._transport, self._move, self.counts))
            self._move(Signal.LINE_LOST, None, "the line was given up")
        except TransportError as error:
            self._move(Signal.LINE_LOST, None, str(error))
        finally:
            await self._transport.close()
        return True

    async def _wait(self, failures: int, watch: PlugWatch) -> None:
        refused = self._state in (DeviceState.FORBIDDEN, DeviceState.BUSY)
        seconds = self._refused_wait if refused else self._waits[min(failures, len(self._waits) - 1)]
        self._woken.clear()
        ends = [asyncio.create_task(self._woken.wait()), asyncio.create_task(watch.noticed())]
        try:
            await asyncio.wait(ends, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for end in ends:
                end.cancel()
            await asyncio.gather(*ends, return_exceptions=True)

    def _move(self, signal: Signal, reason: str | None, detail: str) -> None:
        self._state = after(self._state, signal)
        shown = self.status
        trying_again = self._state is DeviceState.OPENING and shown.detail != "not tried yet"
        if trying_again or (shown.state, shown.reason, shown.detail) == (self._state, reason, detail):
            return  # a device that is still absent is no news
        since = shown.since if shown.state is self._state and shown.reason == reason else self._clock()
        self.status = replace(shown, state=self._state, reason=reason, detail=detail, since=since)
        _log.info("device", name=shown.name, state=self._state.value, reason=reason, detail=detail)
        self._on_change(self.status)


def own_scanner(
    device: Device,
    on_scan: Callable[[Scan], Awaitable[None] | None],
    on_change: OnChange,
    *,
    clock: Callable[[], datetime] = utc_now,
    waits: tuple[float, ...] = RECONNECT_SECONDS,
) -> DeviceOwner:
    """An owner that hands each scan to `on_scan`, one after the other."""
    config = device.scanner_config()

    async def attend(attendance: Attendance) -> None:
        scanner = SerialScanner(attendance.transport, config, clock=clock)
        garbled = 0
        async for scan in scanner:
            if scanner.garbled != garbled:
                attendance.counts["garbled"] += scanner.garbled - garbled
                garbled = scanner.garbled
                _log.warning("scanner sent rubbish", name=device.name, times=garbled)
            attendance.counts["scans"] += 1
            result = on_scan(scan)
            if inspect.isawaitable(result):
                await result

    return DeviceOwner(device, attend, on_change, clock=clock, waits=waits)


def own_printer(
    device: Device,
    serve: Callable[[PrinterDriver, Attendance], Awaitable[None]],
    on_change: OnChange,
    *,
    timing: Timing | None = None,
    clock: Callable[[], datetime] = utc_now,
    waits: tuple[float, ...] = RECONNECT_SECONDS,
) -> DeviceOwner:
    """An owner that lets `serve` print: it comes back, or raises `LineLost`, when the line is lost."""
    profile = profile_named(device.profile)
    leftover = Leftover()

    async def attend(attendance: Attendance) -> None:
        driver = PrinterDriver(
            attendance.transport, profile, timing=timing, leftover=leftover, counts=attendance.counts
        )
        await serve(driver, attendance)

    return DeviceOwner(device, attend, on_change, clock=clock, waits=waits)


def own_scale(
    device: Device,
    serve: Callable[[ScaleDriver, Attendance], Awaitable[None]],
    on_change: OnChange,
    *,
    clock: Callable[[], datetime] = utc_now,
    waits: tuple[float, ...] = RECONNECT_SECONDS,
) -> DeviceOwner:
    """An owner that lets `serve` weigh: it comes back, or raises `LineLost`, when the line is lost."""
    protocol = device.scale_protocol()

    async def attend(attendance: Attendance) -> None:
        await serve(ScaleDriver(attendance.transport, protocol, counts=attendance.counts), attendance)

    return DeviceOwner(device, attend, on_change, clock=clock, waits=waits)


def own_display(
    device: Device,
    on_change: OnChange,
    *,
    clock: Callable[[], datetime] = utc_now,
    waits: tuple[float, ...] = RECONNECT_SECONDS,
) -> tuple[DeviceOwner, DisplayDriver]:
    """An owner and the display to `show` things on at any time; a display that comes back shows the newest text."""
    driver = DisplayDriver(open_transport(device.address), device.display_setting())

    async def attend(attendance: Attendance) -> None:
        driver.counts = attendance.counts
        await driver.run()

    return (
        DeviceOwner(device, attend, on_change, clock=clock, waits=waits, make_transport=lambda _: driver.transport),
        driver,
    )


def _signal(error: TransportError) -> Signal:
    match error:
        case Forbidden():
            return Signal.NOT_ALLOWED
        case Busy():
            return Signal.HELD
        case LineLost():
            return Signal.LINE_LOST
        case NotThere():
            return Signal.NOT_THERE
        case _:
            return Signal.NOT_THERE
