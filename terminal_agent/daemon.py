"""The daemon on a till: puts the rooms together, keeps their tasks running, and stops cleanly."""

import asyncio
import contextlib
import importlib.metadata
import random
import signal
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final
from uuid import UUID

import msgspec
import structlog
import uuid_utils

from hardware.devices import Attendance, Device, DeviceOwner, DeviceStatus, own_printer, own_scanner
from hardware.printers.escpos_driver import PrinterDriver
from hardware.scanners.framing import Scan as Reading
from protocol.downlink import DeviceStatus as ReportedDevice
from protocol.downlink import TerminalStatus, status_seconds
from protocol.lines import write_time
from protocol.uplink import retry_seconds_min
from terminal_agent.catalogue import Catalogue
from terminal_agent.central_link import CentralLink, CentralUnreachableError, TokenRefusedError
from terminal_agent.checkout import Checkout
from terminal_agent.clock import Clock
from terminal_agent.config import Config
from terminal_agent.disk_space import DiskSpace
from terminal_agent.downlink import Downlink
from terminal_agent.housekeeping import Housekeeping
from terminal_agent.identity import Enrolment, owed
from terminal_agent.journal import Journal, JournalError
from terminal_agent.journal_reading import read_counters
from terminal_agent.local_api import LocalApi
from terminal_agent.machine import boot_id, place_of
from terminal_agent.patience import Patience
from terminal_agent.printing.receipt import Shop
from terminal_agent.printing.spool import Spool
from terminal_agent.questions import Questions
from terminal_agent.register.commands import Scan
from terminal_agent.register.refusals import Refused
from terminal_agent.sign_in import SignIn
from terminal_agent.state_directory import StateDirectory, StateDirectoryError
from terminal_agent.state_view import DeviceView, PrintingView, RefusedScan, Surroundings, SyncView
from terminal_agent.upkeep import kept_up
from terminal_agent.uplink import Uplink

settle_seconds_max: Final = 3.0
disk_seconds: Final = 2.0
_log = structlog.get_logger()


class NotEnrolledError(Exception):
    """The state directory holds no enrolment; enrol the terminal first."""


def new_id() -> UUID:
    """A UUID of version 7."""
    return UUID(bytes=uuid_utils.uuid7().bytes)


class Daemon:
    """One terminal at work. The caller holds the state directory's lock."""

    def __init__(self, directory: StateDirectory, config: Config) -> None:
        self._directory = directory
        self._config = config
        self._chance = random.SystemRandom()
        self._patiences: list[Patience] = []
        self._is_back = asyncio.Event()
        self._space = DiskSpace(
            directory.reserve, bytes_reserved=config.reserve_bytes, free_bytes_min=config.free_bytes_min
        )
        self._space.make_room_to_start()
        self._journal = Journal(directory.journal, self._space)
        if not self._journal.enrolments:
            self._journal.close()
            raise NotEnrolledError("this terminal is not enrolled; `till-terminal enrol --server URL --code CODE`")
        enrolment = self._journal.current
        self._clock = Clock(self._journal.reader)
        self._catalogue = Catalogue(
            directory.catalogue,
            location_id=enrolment.answer.location_id,
            enrolment=f"{enrolment.answer.terminal_id} {enrolment.answer.epoch}",
            currency=enrolment.answer.currency,
        )
        self._devices: dict[str, DeviceStatus] = {}
        self._online = False
        self._last_contact_at: str | None = None
        self._is_disk_full = False
        self._refused_scan: RefusedScan | None = None
        self._api: LocalApi | None = None
        self._link = self._new_link(enrolment)
        self._uplink = self._new_uplink(self._link)
        self._old_uplinks = [
            self._new_uplink(self._new_link(old)) for old in self._journal.enrolments[:-1] if self._owes(old)
        ]
        self._downlink = Downlink(
            self._link,
            self._catalogue,
            patience=self._new_patience(),
            chance=self._chance,
            on_change=self.changed,
        )
        self._spool = Spool(
            self._journal,
            rendering=directory.rendering,
            now=self._clock.now,
            on_change=self.changed,
            place=place_of(directory.journal),
        )
        self._housekeeping = Housekeeping(self._journal, self._catalogue, self._clock, on_change=self.changed)
        self._checkout = self._new_checkout(enrolment)

    async def run(self, announce: Callable[[str], None]) -> None:
        """Work until SIGTERM or SIGINT; `announce` is told the local API's URL once it listens."""
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        try:
            if not self._space.is_short():
                await self._journal.grow_log()
        except JournalError as error:  # sales take a little longer
            _log.warning("log-not-grown", reason=str(error))
        try:
            await self._spool.recover()
        except JournalError as error:  # it is tried again before anything is printed
            _log.error("spool-not-recovered", reason=str(error))
        self._api = LocalApi(
            checkout=self._checkout,
            catalogue=self._catalogue,
            journal=self._journal,
            token=self._directory.api_token(),
        )
        url = await self._api.start(self._config.listen)
        announce(url)
        tasks = [asyncio.create_task(kept_up(name, work), name=name) for name, work in self._work()]
        await stop.wait()
        await self._stop(tasks)

    def surroundings(self) -> Surroundings:
        """What the state shows beside the register."""
        delivery = self._uplink.delivery
        return Surroundings(
            devices=tuple(
                DeviceView(of.name, of.kind, of.state.value, of.reason, of.detail or None)
                for of in self._devices.values()
            ),
            printing=PrintingView(self._spool.queued, len(self._spool.unconfirmed), self._spool.unconfirmed),
            sync=SyncView(
                online=self._online,
                pending=self._uplink.pending + sum(old.pending for old in self._old_uplinks),
                acknowledged_through=delivery.acknowledged_through,
                last_contact_at=self._last_contact_at,
                catalogue_through=self._catalogue.progress.catalogue_through,
                needs_help=delivery.needs_help,
                forked=delivery.forked,
            ),
            problems=self._problems(),
            refused_scan=self._refused_scan,
        )

    def is_online(self) -> bool:
        return self._online

    def committed(self) -> None:
        self._uplink.wake()

    def changed(self) -> None:
        if self._api is not None:
            self._api.changed()

    def _work(self) -> list[tuple[str, Callable[[], Coroutine[Any, Any, None]]]]:
        work: list[tuple[str, Callable[[], Coroutine[Any, Any, None]]]] = [
            ("uplink", self._uplink.run),
            ("downlink", self._downlink.run),
            ("status", self._report),
            ("disk", self._watch_disk),
            ("open-sale", self._checkout.write_behind),
            ("housekeeping", self._housekeeping.run),
        ]
        work += [(f"uplink-{index}", old.run) for index, old in enumerate(self._old_uplinks)]
        work += [(device.name, self._owner(device).run) for device in _driven(self._config.devices)]
        return work

    async def _stop(self, tasks: list["asyncio.Task[None]"]) -> None:
        """Finish what is on its way, keep the open sale, close everything."""
        assert self._api is not None
        await self._api.stop()
        await self._spool.settle(settle_seconds_max if any(of.kind == "printer" for of in self._config.devices) else 0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._checkout.flush(in_order=True)
        try:
            await self._journal.write(self._clock.keep)
        except JournalError as error:
            _log.error("clock-not-kept", reason=str(error))
        await self._link.close()
        self._journal.close()
        self._catalogue.close()

    async def _report(self) -> None:
        """Tell central how this terminal is, each minute and whenever it is back in contact."""
        while True:
            with contextlib.suppress(CentralUnreachableError, TokenRefusedError):
                await self._link.request(
                    "POST",
                    "/v1/sync/status",
                    headers={"Content-Type": "application/json"},
                    body=msgspec.json.encode(self._status()),
                )
            await self._journal.write(self._clock.keep)
            self._is_back.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(status_seconds):
                    await self._is_back.wait()
                    await asyncio.sleep(self._chance.uniform(retry_seconds_min, 2 * retry_seconds_min))

    async def _watch_disk(self) -> None:
        """Say that the disk is full before a customer stands there with money, and when it no longer is."""
        while True:
            is_full = await asyncio.to_thread(self._space.is_short)
            if is_full != self._is_disk_full:
                self._is_disk_full = is_full
                self.changed()
            await asyncio.sleep(disk_seconds)

    def _problems(self) -> tuple[str, ...]:
        """What a person must see to, by code."""
        found = {
            "disk-full": self._is_disk_full,
            "journal-failed": self._journal.unusable is not None,
            "journal-broken": self._housekeeping.health.fault is not None,
        }
        return tuple(code for code, holds in found.items() if holds)

    def _status(self) -> TerminalStatus:
        shift = self._checkout.state.shift
        return TerminalStatus(
            agent_version=importlib.metadata.version("tillstream"),
            pending=self._uplink.pending,
            oldest_pending_at=self._oldest_pending_at(),
            catalogue_through=self._catalogue.progress.catalogue_through,
            clock_offset_ms=self._clock.offset_ms,
            disk_free_bytes=self._space.free_bytes(),
            open_shift=None if shift is None else str(shift.shift_id),
            devices=tuple(ReportedDevice(of.name, of.kind, of.state.value) for of in self._devices.values()),
        )

    def _oldest_pending_at(self) -> str | None:
        position = self._journal.current.base_position + self._uplink.delivery.acknowledged_through + 1
        row = self._journal.reader.execute("select line from journal where position = ?", (position,)).fetchone()
        return None if row is None else str(msgspec.json.decode(row[0])["created_at"])

    def _contact(self, answered: bool) -> None:
        if answered:
            self._last_contact_at = write_time(self._clock.now())
        if answered != self._online:
            self._online = answered
            self.changed()
            if answered:
                self._is_back.set()
                for patience in self._patiences:
                    patience.heard()

    def _new_patience(self) -> Patience:
        patience = Patience(self._chance)
        self._patiences.append(patience)
        return patience

    def _new_link(self, enrolment: Enrolment) -> CentralLink:
        key = self._directory.read_private_key(enrolment.key_name)
        if key is None:
            raise NotEnrolledError(f"the key {enrolment.key_name} is gone; enrol the terminal anew")
        return CentralLink(
            enrolment,
            key,
            self._clock,
            ca_file=self._config.ca_file,
            journal_end=lambda: self._end_of(enrolment),
            on_contact=self._contact,
        )

    def _new_uplink(self, link: CentralLink) -> Uplink:
        uplink = Uplink(
            link,
            self._journal,
            last_sequence=lambda: self._end_of(link.enrolment)[0],
            patience=self._new_patience(),
            on_change=self.changed,
        )
        link.on_position = uplink.wake
        return uplink

    def _new_checkout(self, enrolment: Enrolment) -> Checkout:
        identity, pin_key = enrolment.answer, self._directory.read_secret(enrolment.pin_key_name)
        try:
            pins = SignIn(self._catalogue, self._journal, pin_key, time.monotonic)
        except ValueError as error:
            spoilt = self._directory.keys / enrolment.pin_key_name
            raise StateDirectoryError(f"{spoilt} is spoilt; enrol the terminal anew") from error
        return Checkout(
            journal=self._journal,
            catalogue=self._catalogue,
            pins=pins,
            clock=self._clock,
            spool=self._spool,
            space=self._space,
            shop=Shop(
                identity.tenant_name,
                identity.location_name,
                identity.terminal_id,
                identity.currency,
                enrolment.zone,
                self._config.columns,
            ),
            ids=new_id,
            counter=self,
            questions=Questions(self._link),
            boot_id=boot_id(),
        )

    def _end_of(self, enrolment: Enrolment) -> tuple[int, str]:
        if enrolment.number == self._journal.current.number:
            counters = self._journal.counters
        else:
            counters = read_counters(self._journal.reader, enrolment)
        return counters.sequence, counters.last_hash

    def _owes(self, enrolment: Enrolment) -> bool:
        return owed(self._journal.reader, enrolment.number) > 0

    def _owner(self, device: Device) -> DeviceOwner:
        if device.kind == "printer":

            async def serve(driver: PrinterDriver, attendance: Attendance) -> None:
                await self._spool.serve(driver, attendance)

            return own_printer(device, serve, self._device_changed)
        return own_scanner(device, self._scanned, self._device_changed)

    def _device_changed(self, status: DeviceStatus) -> None:
        self._devices[status.name] = status
        self.changed()

    async def _scanned(self, reading: Reading) -> None:
        """What the scanner read goes the way of a typed command; a refusal is shown in the state."""
        self._refused_scan = None
        try:
            await self._checkout.handle(Scan(barcode=(reading.aim or "") + reading.text))
        except Refused as refused:
            at = write_time(self._clock.now())
            self._refused_scan = RefusedScan(reading.text, refused.code, refused.detail, at)
            self.changed()


def _driven(devices: Sequence[Device]) -> list[Device]:
    """The devices that this terminal works with: its scanners, and the first printer, on which all comes out."""
    printers = [device for device in devices if device.kind == "printer"]
    for device in printers[1:]:
        _log.warning("device-not-driven", name=device.name, reason=f"all is printed by {printers[0].name}")
    return [device for device in devices if device.kind == "scanner" or device in printers[:1]]
