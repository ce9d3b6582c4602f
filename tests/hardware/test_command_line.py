"""till-hardware as a person or a script uses it, against simulated devices in processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

ENVIRONMENT = {
    "PYTHONPATH": ":".join(sys.path),
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "LANG": "C.UTF-8",
    "PYTHONUTF8": "1",
}


def till_hardware(*arguments: str, config: Path | None = None, stdin: str = "") -> subprocess.CompletedProcess[str]:
    environment = ENVIRONMENT | ({"TILL_HARDWARE_CONFIG": str(config)} if config else {})
    return subprocess.run(
        [sys.executable, "-c", "from hardware.cli import main; main(prog_name='till-hardware')", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        input=stdin,
        timeout=60,
    )


class Simulated:
    """A simulated device in its own process, with the hand on it."""

    def __init__(self, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", "from hardware.cli import main; main()", "simulate", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=ENVIRONMENT,
        )
        self.address: str = self._read()["address"]

    def ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
        self._process.stdin.flush()
        return self._read()

    def stop(self) -> int:
        assert self._process.stdin is not None
        self._process.stdin.close()
        code = self._process.wait(timeout=20)
        assert self._process.stdout is not None
        self._process.stdout.close()
        return code

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer


@contextmanager
def simulated(*arguments: str) -> Iterator[Simulated]:
    device = Simulated(*arguments)
    try:
        yield device
    finally:
        device.stop()


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    path = tmp_path / "hardware.toml"
    path.write_text("")
    return path


def test_nothing_configured_and_nothing_plugged_in_is_fine(empty: Path) -> None:
    listed = till_hardware("list", "--json", config=empty)

    assert (listed.returncode, set(json.loads(listed.stdout))) == (0, {"devices"})
    assert till_hardware("status", config=empty).stdout.startswith("No device is configured")


def test_a_test_page_is_printed_proved_and_left_as_text_and_picture(tmp_path: Path) -> None:
    with simulated(
        *("printer", "--listen", "127.0.0.1:0", "--control", "stdio", "--png", str(tmp_path), "--text", str(tmp_path))
    ) as printer:
        tested = till_hardware("test", printer.address, "--profile", "TM-T88V", "--json")
        receipts = printer.ask("receipts")["receipts"]

    assert (tested.returncode, json.loads(tested.stdout)["outcome"], tested.stderr) == (0, "printed", "")
    assert "Euro € Pound £ Größe façade Ångström" in receipts[0]
    assert (tmp_path / "receipt-000000.txt").read_text(encoding="utf-8") == receipts[0]
    assert (tmp_path / "receipt-000000.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(("fault", "reason"), [("paper_out", "paper_out"), ("cover_open", "cover_open")])
def test_a_printer_that_needs_a_hand_prints_nothing_and_says_what_to_do(fault: str, reason: str) -> None:
    with simulated("printer", "--listen", "127.0.0.1:0", "--control", "stdio") as printer:
        assert printer.ask("set", **{fault: True}) == {"ok": True}

        tested = till_hardware("test", printer.address, "--json")
        status = till_hardware("status", printer.address, "--json")
        counts = printer.ask("counts")

    assert (tested.returncode, json.loads(tested.stdout)["reason"]) == (1, reason)
    assert (status.returncode, json.loads(status.stdout)["devices"][0]["state"]) == (1, f"attention({reason})")
    assert (counts["receipts"], counts["online"]) == (0, False)


def test_a_page_without_proof_is_unconfirmed() -> None:
    with simulated("printer", "--listen", "127.0.0.1:0", "--control", "stdio") as printer:
        tested = till_hardware("test", printer.address, "--profile", "no-status", "--json")

    assert (tested.returncode, json.loads(tested.stdout)["outcome"]) == (5, "unconfirmed")


def test_a_page_cut_off_in_the_middle_is_unconfirmed() -> None:
    with simulated("printer", "--listen", "127.0.0.1:0", "--control", "stdio") as printer:
        printer.ask("fault_after", bytes=500, fault="cut_line")

        tested = till_hardware("test", printer.address, "--profile", "TM-T88V", "--json")

    assert (tested.returncode, json.loads(tested.stdout)["outcome"]) == (5, "unconfirmed")


def test_configured_devices_are_asked_by_their_names(tmp_path: Path) -> None:
    config = tmp_path / "hardware.toml"
    link = tmp_path / "scanner"
    with (
        simulated("printer", "--listen", "127.0.0.1:0", "--control", "stdio") as printer,
        simulated("scanner", "--link", str(link), "--control", "stdio"),
    ):
        config.write_text(
            f'[[device]]\nname = "receipts"\nkind = "printer"\naddress = "{printer.address}"\nprofile = "TM-T88V"\n'
            f'[[device]]\nname = "scanner"\nkind = "scanner"\naddress = "serial:{link}"\n'
            '[[device]]\nname = "gone"\nkind = "printer"\naddress = "tcp://127.0.0.1:3"\n'
        )

        status = till_hardware("status", "--json", config=config)
        table = till_hardware("status", "receipts", config=config)

    states = {row["device"]: row["state"] for row in json.loads(status.stdout)["devices"]}
    assert (status.returncode, states) == (3, {"receipts": "ready", "scanner": "ready", "gone": "absent"})
    assert table.returncode == 0
    assert table.stdout.splitlines()[0].split() == ["DEVICE", "KIND", "WHERE", "STATE", "SINCE", "DETAIL"]


def test_a_scan_is_shown_as_read_and_as_understood() -> None:
    with simulated("scanner", "--listen", "127.0.0.1:0") as scanner:
        reading = subprocess.Popen(
            [
                *(sys.executable, "-c", "from hardware.cli import main; main()"),
                *("test", scanner.address, "--kind", "scanner", "--json"),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=ENVIRONMENT,
        )
        scanner.ask("attended")
        scanner.ask("scan", text="4006381333931", aim="]E0")
        stdout, _ = reading.communicate(timeout=30)

    shown = json.loads(stdout)
    assert reading.returncode == 0
    assert (shown["text"], shown["aim"], shown["lookup_keys"][0]) == ("4006381333931", "]E0", "04006381333931")


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("status", "tcp://127.0.0.1:1"), 3, "refuses the connection"),
        (("test", "tcp://127.0.0.1:2"), 3, "switch it on"),
        (("test", "serial:/nonexistent/port", "--kind", "printer"), 3, "plug it in"),
        (("test", "nothing"), 2, "is no device address"),
        (("test", "tcp://127.0.0.1:9", "--profile", "LX-80"), 2, "no printer profile"),
        (("simulate", "printer", "--listen", "127.0.0.1:none"), 2, "HOST:PORT"),
        (("status", "--config", "/nonexistent/hardware.toml"), 2, "till-hardware configure"),
        (("fly",), 2, "No such command"),
    ],
)
def test_an_expected_failure_is_one_line_with_the_next_step(
    arguments: tuple[str, ...], code: int, says: str, empty: Path
) -> None:
    done = till_hardware(*arguments, config=empty)

    assert done.returncode == code
    assert says in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_that_is_taken_is_said_so() -> None:
    with simulated("printer", "--listen", "127.0.0.1:0", "--control", "stdio") as printer:
        second = till_hardware("simulate", "printer", "--listen", printer.address.removeprefix("tcp://"))

    assert (second.returncode, "choose another port" in second.stderr) == (1, True)


def test_the_hand_on_a_device_answers_nonsense_with_an_error() -> None:
    with simulated("printer", "--listen", "127.0.0.1:0", "--control", "stdio") as printer:
        answers = [
            printer.ask("fly"),
            printer.ask("set", colour=True),
            printer.ask("fault_after"),
            printer.ask("receipts", id=7),
        ]

    assert [answer["ok"] for answer in answers] == [False, False, False, True]
    assert answers[3] == {"ok": True, "receipts": [], "id": 7}


def test_a_simulated_device_ends_with_its_parent() -> None:
    printer = Simulated("printer", "--pty", "--control", "stdio")

    assert printer.stop() == 0
    assert not Path(printer.address.removeprefix("serial:").partition("?")[0]).exists()


def test_the_doctor_says_what_is_wrong_and_what_to_do(tmp_path: Path) -> None:
    config = tmp_path / "hardware.toml"
    with simulated("printer", "--listen", "127.0.0.1:0", "--control", "stdio") as printer:
        config.write_text(f'[[device]]\nname = "receipts"\nkind = "printer"\naddress = "{printer.address}"\n')
        printer.ask("set", cover_open=True)
        doctor = till_hardware("doctor", "--json", config=config)
        printer.ask("set", cover_open=False)
        healed = till_hardware("doctor", config=config)

    wrong = [finding for finding in json.loads(doctor.stdout)["findings"] if not finding["is_note"]]
    assert (doctor.returncode, [finding["next_step"] for finding in wrong]) == (1, ["close the cover until it clicks"])
    assert (healed.returncode, "wrong:" in healed.stdout) == (0, False)


def test_the_doctor_finds_the_protocol_of_a_scale_that_is_asked_in_another_one(tmp_path: Path) -> None:
    config = tmp_path / "hardware.toml"
    with simulated("scale", "--protocol", "sma", "--pty", "--load-milli", "730", "--control", "stdio") as scale:
        config.write_text(f'[[device]]\nname = "scale"\nkind = "scale"\naddress = "{scale.address}"\n')
        doctor = till_hardware("doctor", "--json", config=config)
        findings = json.loads(doctor.stdout)["findings"]

    settings = [finding["next_step"] for finding in findings if finding["check"] == "line_settings"]
    assert doctor.returncode == 1
    assert settings == [f'write address = "{scale.address}", options = {{ protocol = "sma" }}']


def test_a_counter_is_configured_by_answering_questions(tmp_path: Path) -> None:
    config = tmp_path / "hardware.toml"
    with simulated("printer", "--listen", "127.0.0.1:0", "--control", "stdio") as printer:
        answers = f"y\nprinter\n{printer.address}\nTM-T88V\nfront\nn\nn\n"
        done = till_hardware("configure", "--by-address", "--config", str(config), stdin=answers)
        status = till_hardware("status", "front", "--config", str(config), "--json")

    assert (done.returncode, "front is ready" in done.stdout) == (0, True)
    assert json.loads(status.stdout)["devices"][0]["state"] == "ready"


def test_a_printer_is_watched_until_it_needs_a_hand() -> None:
    with simulated("printer", "--listen", "127.0.0.1:0", "--control", "stdio") as printer:
        printer.ask("set", paper_out=True)
        watched = till_hardware("watch", printer.address, "--count", "2")

    assert watched.returncode == 0
    assert "attention(paper_out) put in a new roll" in watched.stdout


def test_each_scan_is_shown_as_it_comes() -> None:
    with simulated("scanner", "--listen", "127.0.0.1:0") as scanner:
        watching = subprocess.Popen(
            [
                *(sys.executable, "-c", "from hardware.cli import main; main()"),
                *("watch", scanner.address, "--kind", "scanner", "--count", "2"),
            ],
            stdout=subprocess.PIPE,
            text=True,
            env=ENVIRONMENT,
        )
        scanner.ask("attended")
        scanner.ask("scan", text="4006381333931", aim="]E0")
        scanner.ask("scan", text="\x1bnonsense")
        scanner.ask("scan", text="96385074")
        stdout, _ = watching.communicate(timeout=30)

    assert watching.returncode == 0
    assert "'4006381333931' [5d 45 30 34" in stdout
    assert "lookup_keys=['00000096385074']" in stdout


def test_a_scale_is_weighed_on(tmp_path: Path) -> None:
    config = tmp_path / "hardware.toml"
    with simulated("scale", "--protocol", "sma", "--pty", "--load-milli", "1250", "--control", "stdio") as scale:
        config.write_text(
            f'[[device]]\nname = "scale"\nkind = "scale"\naddress = "{scale.address}"\n'
            'options = { protocol = "sma" }\n'
        )
        tested = till_hardware("test", "scale", "--json", config=config)
        scale.ask("set", over_capacity=True)
        status = till_hardware("status", "--json", config=config)

    assert (tested.returncode, json.loads(tested.stdout)["weight_milli"]) == (0, 1250)
    assert (status.returncode, json.loads(status.stdout)["devices"][0]["state"]) == (1, "attention(over_capacity)")


def test_a_display_is_shown_something_and_a_person_has_to_look() -> None:
    with simulated("display", "--listen", "127.0.0.1:0", "--control", "stdio") as display:
        tested = till_hardware("test", display.address, "--kind", "display", "--json")
        lines = display.ask("lines")["lines"]

    assert (tested.returncode, json.loads(tested.stdout)["outcome"]) == (5, "sent")
    assert lines == ["Tillstream test    €", "TOTAL       1,234.56"]
