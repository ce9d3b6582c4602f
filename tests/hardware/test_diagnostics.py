"""The doctor: each check finds its own trouble, and none finds any on a healthy counter."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hardware.addresses import SerialAddress, parse_address
from hardware.devices import Device, DeviceStatus
from hardware.diagnostics import CHECKS, diagnose
from hardware.diagnostics.findings import Counter, Machine
from hardware.diagnostics.machine_facts import machine_facts
from hardware.diagnostics.permissions import PERMISSIONS, system_users, udev_rules
from hardware.discovery import Found
from hardware.printers.line_search import find_speed
from hardware.printers.profiles import profile
from hardware.simulated import SimulatedPrinter
from hardware.states import DeviceState

SERIAL_PATH = "/dev/serial/by-id/usb-1"
PRINTER = Device("receipts", "printer", "tcp://192.0.2.1:9100")
SCANNER = Device("scanner", "scanner", f"serial:{SERIAL_PATH}?baud=9600")
USB_PRINTER = Device("usb", "printer", "usb:04b8:0202")


def status(device: Device, state: DeviceState, reason: str | None = None, detail: str = "") -> DeviceStatus:
    return DeviceStatus(
        device.name, device.kind, device.address, state, reason, detail, datetime(2026, 11, 24, tzinfo=UTC)
    )


HEALTHY = Counter(
    Machine(udev_runs=True),
    found=(Found("serial", SCANNER.address, "0403:6001 FT232R", True),),
    devices=(PRINTER, SCANNER),
    statuses=(status(PRINTER, DeviceState.READY), status(SCANNER, DeviceState.READY)),
)


def counter(**changes: object) -> Counter:
    from dataclasses import replace

    return replace(HEALTHY, **changes)  # type: ignore[arg-type]


TROUBLES: dict[str, tuple[Counter, str]] = {
    "nothing_configured": (counter(devices=(), statuses=()), "till-hardware configure"),
    "device_absent": (
        counter(statuses=(status(PRINTER, DeviceState.ABSENT, None, "refuses the connection; switch it on"),)),
        "switch it on",
    ),
    "device_forbidden": (
        counter(
            found=(Found("serial", SCANNER.address, "", False),),
            machine=Machine(user="anna", groups=frozenset({"audio"})),
        ),
        "usermod -aG dialout anna",
    ),
    "device_busy": (
        counter(
            statuses=(status(SCANNER, DeviceState.BUSY),),
            machine=Machine(holders={SERIAL_PATH: ("minicom (77)",)}),
        ),
        "stop that program",
    ),
    "device_needs_a_hand": (
        counter(statuses=(status(PRINTER, DeviceState.ATTENTION, "cover_open"),)),
        "close the cover until it clicks",
    ),
    "line_settings": (counter(settings={"receipts": 'address = "serial:/dev/x?baud=19200"'}), "baud=19200"),
    "brltty": (counter(machine=Machine(processes=frozenset({"brltty"}))), "systemctl mask"),
    "modem_manager": (
        counter(
            machine=Machine(processes=frozenset({"ModemManager"})),
            found=(Found("serial", "serial:/dev/ttyACM0?baud=9600", "", True),),
        ),
        "ID_MM_DEVICE_IGNORE",
    ),
    "usblp_missing": (counter(machine=Machine(usb_printer_interfaces=1)), "modprobe usblp"),
    "cups_on_same_printer": (
        counter(machine=Machine(processes=frozenset({"cupsd"})), devices=(USB_PRINTER,), statuses=()),
        "lpadmin -x",
    ),
    "udev_missing": (counter(machine=Machine(udev_runs=False)), "/run/udev"),
    "cjk_font_missing": (counter(machine=Machine(cjk_font=False)), "tillstream[cjk]"),
}


def test_a_healthy_counter_has_no_findings() -> None:
    assert diagnose(HEALTHY) == []


@pytest.mark.parametrize("name", TROUBLES)
def test_a_trouble_is_found_alone_with_its_remedy(name: str) -> None:
    troubled, remedy = TROUBLES[name]

    findings = diagnose(troubled)

    assert [finding.check for finding in findings] == [name]
    assert remedy in findings[0].next_step
    assert findings[0].symptom
    assert findings[0].cause


def test_every_check_has_its_trouble_here() -> None:
    assert {check.__module__.rpartition(".")[2] for check in CHECKS} == set(TROUBLES)


def test_who_is_in_the_group_already_gets_the_udev_rule() -> None:
    findings = diagnose(
        counter(
            found=(Found("printer", "usb:04b8:0202", "", False),),
            machine=Machine(user="anna", groups=frozenset({"lp"})),
        )
    )

    assert 'SUBSYSTEM=="usbmisc"' in findings[0].next_step


def test_a_udev_that_nothing_hears_is_said_with_the_package_that_does() -> None:
    findings = diagnose(counter(machine=Machine(udev_runs=True, udev_heard=False)))

    assert [finding.next_step for finding in findings] == ["pip install pyudev"]


def test_a_configured_device_that_nothing_listed_is_forbidden_as_well() -> None:
    findings = diagnose(
        counter(statuses=(status(SCANNER, DeviceState.FORBIDDEN),), machine=Machine(user="anna", groups=frozenset()))
    )

    assert [finding.next_step for finding in findings] == ["sudo usermod -aG dialout anna, then sign in again"]


def test_what_deploy_installs_is_what_the_doctor_says() -> None:
    deploy = Path(__file__).parents[2] / "deploy"

    assert (deploy / "60-tillstream.rules").read_text(encoding="utf-8") == udev_rules()
    assert (deploy / "tillstream.sysusers.conf").read_text(encoding="utf-8") == system_users()


def test_every_udev_rule_is_matches_and_assignments() -> None:
    clause = r'(SUBSYSTEM|KERNEL)=="[^"]+"|(GROUP|MODE|ENV\{\w+\})="[^"]+"'

    for permission in PERMISSIONS.values():
        assert all(re.fullmatch(clause, part) for part in permission.rule.split(", "))


def test_notes_come_after_what_is_wrong() -> None:
    findings = diagnose(counter(machine=Machine(udev_runs=False), devices=(), statuses=()))

    assert [finding.is_note for finding in findings] == [False, True]


def test_paper_that_nears_its_end_is_only_a_note() -> None:
    findings = diagnose(counter(statuses=(status(PRINTER, DeviceState.ATTENTION, "paper_near_end"),)))

    assert findings[0].is_note


def test_the_machine_is_read_without_being_changed(tmp_path: Path) -> None:
    machine = machine_facts((str(tmp_path / "port"),))

    assert machine.processes
    assert machine.holders == {}


async def test_the_speed_at_which_a_printer_answers_is_found() -> None:
    async with SimulatedPrinter(pty=True) as printer:
        address = parse_address(printer.address)
        assert isinstance(address, SerialAddress)

        answering = await find_speed(address, profile("TM-T88V"))
        printer.unplug()
        gone = await find_speed(address, profile("TM-T88V"))

    assert answering is not None
    assert answering.baud == 9600  # a pseudo-terminal answers at any speed, so at the first
    assert gone is None
