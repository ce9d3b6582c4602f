"""What a person sees and types at a terminal: simulated devices that obey, and a counter configured by asking."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from hardware.commands.questions import completed
from hardware.printers.profiles import profile_of_model
from hardware.simulated import SimulatedDisplay, SimulatedPrinter, SimulatedScale, SimulatedScanner
from hardware.simulated.device import SimulatedDevice
from hardware.simulated.typed import invitation, request

ENVIRONMENT = {
    "PYTHONPATH": ":".join(sys.path),
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "LANG": "C.UTF-8",
    "PYTHONUTF8": "1",
    "TERM": "dumb",
}
seconds_max = 30.0


class Terminal:
    """One run of till-hardware at a pseudo-terminal."""

    def __init__(self, *arguments: str) -> None:
        self._ours, theirs = os.openpty()
        self._process = subprocess.Popen(
            [sys.executable, "-c", "from hardware.cli import main; main(prog_name='till-hardware')", *arguments],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=ENVIRONMENT,
        )
        os.close(theirs)
        self.shown = ""
        self._read_to = 0

    def until(self, text: str) -> str:
        """What was shown since the last time, up to this text."""
        end = time.monotonic() + seconds_max
        while text not in self.shown[self._read_to :]:
            ready, _, _ = select.select([self._ours], [], [], max(0.0, end - time.monotonic()))
            try:
                data = os.read(self._ours, 4_096) if ready else b""
            except OSError:  # the program has ended
                data = b""
            assert data, f"{text!r} was not shown; shown was {self.shown[self._read_to :]!r}"
            self.shown += data.decode(errors="replace").replace("\r\n", "\n")
        at = self.shown.index(text, self._read_to) + len(text)
        seen, self._read_to = self.shown[self._read_to : at], at
        return seen

    def type(self, line: str) -> None:
        os.write(self._ours, line.encode() + b"\n")

    def answer(self, question: str, line: str) -> None:
        self.until(question)
        self.type(line)

    def address(self) -> str:
        """Where a simulated device says that it stands."""
        return self.until(" until Ctrl-C").split("It stands at ")[1].removesuffix(" until Ctrl-C")

    def end(self) -> int:
        """Wait until the program ends by itself; its exit code."""
        try:
            while data := os.read(self._ours, 4_096):
                self.shown += data.decode(errors="replace").replace("\r\n", "\n")
        except OSError:
            pass  # a terminal whose program has gone says so by an error
        return self._process.wait(timeout=seconds_max)

    def close(self) -> None:
        os.close(self._ours)
        self._process.kill()
        self._process.wait()


@contextmanager
def at_the_terminal(*arguments: str) -> Iterator[Terminal]:
    terminal = Terminal(*arguments)
    try:
        yield terminal
    finally:
        terminal.close()


def test_a_code_that_is_typed_to_a_simulated_scanner_is_scanned() -> None:
    with (
        at_the_terminal("simulate", "scanner") as scanner,
        at_the_terminal("watch", scanner.address(), "--count", "1") as watch,
    ):
        watch.until("ready")
        scanner.type("4006381333931")

        assert watch.end() == 0
        assert "lookup_keys=['04006381333931']" in watch.shown


def test_a_scanner_that_is_unplugged_by_a_word_is_absent_until_it_is_put_back() -> None:
    with at_the_terminal("simulate", "scanner") as scanner, at_the_terminal("watch", scanner.address()) as watch:
        watch.until("ready")
        scanner.type("unplug")
        watch.until("absent")
        scanner.type("replug")
        watch.until("ready")


def test_a_load_that_is_typed_to_a_simulated_scale_is_weighed_until_it_moves() -> None:
    with at_the_terminal("simulate", "scale") as scale:
        address = scale.address()
        scale.type("heavy")
        refusal = scale.until("does not do 'heavy'")
        scale.type("1,250")
        with at_the_terminal("test", address, "--kind", "scale") as test:
            assert test.end() == 0
        scale.type("in_motion")
        scale.type("stop")

        assert "Error" not in refusal
        assert "weight_milli 1250" in test.shown
        assert scale.end() == 0


def test_a_person_says_whether_a_display_shows_what_it_should() -> None:
    with (
        at_the_terminal("simulate", "display") as display,
        at_the_terminal("test", display.address(), "--kind", "display") as test,
    ):
        assert "TOTAL       1,234.56" in test.until("Does it?")
        display.until("|TOTAL       1,234.56|")
        test.type("n")

        assert test.end() == 1


def test_a_new_printer_gets_from_the_box_to_a_test_receipt_by_a_few_answers(tmp_path: Path) -> None:
    config = tmp_path / "hardware.toml"
    with (
        at_the_terminal("simulate", "printer", "--listen", "127.0.0.1:0") as printer,
        at_the_terminal("configure", "--by-address", "--config", str(config)) as configure,
    ):
        address = printer.address()
        configure.answer("Add a device", "")
        configure.answer("What is it?", "")
        configure.answer("Its address", "tcp://x")
        configure.answer("Its address", address.removeprefix("tcp://"))
        assert "It answers: TILLSTREAM TM-T88V." in configure.until("Its profile")
        configure.answer("[TM-T88V]", "")
        configure.answer("Its name", "")
        configure.until("receipts is ready.")
        configure.answer("Add a device", "n")
        configure.answer("Print a test page on receipts?", "")
        configure.until("printed")

        assert configure.end() == 0
        assert "test page, TM-T88V, 42 characters" in printer.until("Everything above readable")
        assert devices(config) == [{"name": "receipts", "kind": "printer", "address": address, "profile": "TM-T88V"}]


def test_a_printer_that_nobody_configured_is_printed_on_as_the_model_that_it_says_it_is() -> None:
    with at_the_terminal("simulate", "printer", "--listen", "127.0.0.1:0") as printer:
        with at_the_terminal("test", printer.address(), "--kind", "printer", "--no-ask") as test:
            test.until("printed")
            assert test.end() == 0
        assert "test page, TM-T88V, 42 characters" in printer.until("Everything above readable")


def test_a_scale_is_asked_for_its_protocol_and_a_device_that_is_not_there_need_not_be_written(tmp_path: Path) -> None:
    config = tmp_path / "hardware.toml"
    with (
        at_the_terminal("simulate", "scale", "--link", str(tmp_path / "port")) as scale,
        at_the_terminal("configure", "--by-address", "--config", str(config)) as configure,
    ):
        scale.address()
        configure.answer("Add a device", "y")
        configure.answer("What is it?", "scale")
        configure.answer("Its address", str(tmp_path / "port"))
        configure.until("It answers: speaks toledo-8217.")
        configure.answer("Its name", "")
        configure.until("scale is ready.")
        configure.answer("Add a device", "y")
        configure.answer("What is it?", "display")
        configure.answer("Its address", "/dev/no-such-port")
        configure.answer("Its language", "")
        configure.answer("Its name", "scale")
        configure.until("there is a 'scale' already")
        configure.answer("Its name", "")
        configure.until("display is absent.")
        configure.answer("Write it down all the same?", "n")
        configure.answer("Add a device", "")

        assert configure.end() == 0
        assert devices(config) == [
            {
                "name": "scale",
                "kind": "scale",
                "address": f"serial:{tmp_path / 'port'}?baud=9600&bytesize=7&parity=E",
                "options": {"protocol": "toledo-8217"},
            }
        ]


def devices(config: Path) -> Any:
    return tomllib.loads(config.read_text(encoding="utf-8"))["device"]


@pytest.mark.parametrize(
    ("kind", "typed", "address"),
    [
        ("printer", "192.0.2.10", "tcp://192.0.2.10:9100"),
        ("printer", "printer.local:9101", "tcp://printer.local:9101"),
        ("printer", "usb:04b8:0202", "usb:04b8:0202"),
        ("scale", " /dev/ttyUSB0 ", "serial:/dev/ttyUSB0"),
        ("scale", "192.0.2.10", "192.0.2.10"),
    ],
)
def test_an_address_is_completed_to_what_a_person_means(kind: str, typed: str, address: str) -> None:
    assert completed(kind, typed) == address


@pytest.mark.parametrize(
    ("said", "name"), [("EPSON TM-T88V", "TM-T88V"), ("EPSON TM-m30", "TM-m30"), ("EPSON TM-T88VII", None), ("", None)]
)
def test_a_printer_that_says_its_model_gets_the_profile_of_that_model_alone(said: str, name: str | None) -> None:
    found = profile_of_model(said)

    assert (found.name if found else None) == name


@pytest.mark.parametrize(
    ("device", "line", "meant"),
    [
        (SimulatedScanner(), "4006381333931", {"do": "scan", "text": "4006381333931"}),
        (SimulatedScanner(), "unplug", {"do": "unplug"}),
        (SimulatedScale(), "1.250", {"do": "load", "milli": 1250}),
        (SimulatedScale(), "in_motion", {"do": "set", "in_motion": True}),
        (SimulatedPrinter(), "paper_out off", {"do": "set", "paper_out": False}),
        (SimulatedPrinter(), "paper_out perhaps", {"do": "paper_out perhaps"}),
        (SimulatedDisplay(), "dribble on", {"do": "set", "dribble": True}),
    ],
)
def test_a_typed_line_is_a_request(device: SimulatedDevice, line: str, meant: dict[str, Any]) -> None:
    assert request(device, line) == meant


def test_every_device_says_what_can_be_typed_to_it() -> None:
    assert "1.250" in invitation(SimulatedScale())
    assert "paper_out" in invitation(SimulatedPrinter())
