"""The one file that says which devices a till has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hardware.commands.configure_command import configuration_text, write_configuration
from hardware.configuration import ConfigurationError, devices_from_dict, devices_from_toml
from hardware.devices import Device
from hardware.scanners import ScannerConfig

PRINTER = Device("receipts", "printer", "tcp://192.0.2.10:9100", "TM-T88V", {})
SCANNER = Device("scanner", "scanner", "serial:/dev/x?baud=9600", options={"suffix": "CR", "prefix": '~"\\'})


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    path = tmp_path / "new" / "hardware.toml"

    write_configuration(path, (PRINTER, SCANNER))

    assert devices_from_toml(path) == (PRINTER, SCANNER)
    assert [one.name for one in path.parent.iterdir()] == ["hardware.toml"]
    assert "profile" not in configuration_text((SCANNER,))


def test_a_scanners_options_are_its_set_up() -> None:
    assert SCANNER.scanner_config() == ScannerConfig("CR", '~"\\')


GOOD = {"name": "p", "kind": "printer", "address": "tcp://h:1"}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"name": "no blanks, please"}, "needs a name"),
        ({"kind": "toaster"}, "kind is one of"),
        ({"address": None}, "address is missing"),
        ({"address": "lpt1"}, "no device address"),
        ({"address": "hid:/dev/input/x"}, "only a scanner can be a keyboard"),
        ({"profile": "LX-80"}, "no printer profile"),
        ({"colour": "red"}, "unknown field"),
        ({"options": "fast"}, "options are written"),
        ({"kind": "scanner", "options": {"suffix": "ENTER"}}, "suffix is one of"),
        ({"kind": "scanner", "options": {"layout": "klingon"}}, "layout is one of"),
        ({"kind": "scale", "options": {"protocol": "dialog-06"}}, "protocol is one of"),
        ({"kind": "display", "options": {"language": "klingon"}}, "epson or cd5220"),
        ({"kind": "display", "options": {"page": 300}}, "0 to 255"),
        ({"kind": "display", "options": {"encoding": "klingon"}}, "no encoding"),
    ],
)
def test_a_device_that_cannot_be_is_refused_with_what_to_change(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        devices_from_dict({"device": [GOOD | changes]})


def test_two_devices_have_two_names() -> None:
    with pytest.raises(ConfigurationError, match="two devices are called"):
        devices_from_dict({"device": [GOOD, GOOD]})


@pytest.mark.parametrize("content", [b"[[device]", b"\xff\xfe", b'device = "x"', b"device = [1]"])
def test_a_broken_file_is_refused_by_its_name(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "hardware.toml"
    path.write_bytes(content)

    with pytest.raises(ConfigurationError, match=r"hardware\.toml"):
        devices_from_toml(path)
