"""From a scanner's bytes to scans."""

from __future__ import annotations

import asyncio
import itertools
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.scanners import Scan, ScanFramer, ScannerConfig, SerialScanner
from hardware.scanners.framing import Read, scan_bytes_max
from hardware.simulated import SimulatedScanner
from hardware.transports import LineLost

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def texts(data: bytes, config: ScannerConfig | None = None) -> list[str]:
    return [read.text for read in ScanFramer(config or ScannerConfig()).feed(data)]


@pytest.mark.parametrize("suffix", ["\r", "\n", "\r\n", "\t"])
def test_every_usual_suffix_ends_a_scan(suffix: str) -> None:
    assert texts(f"4006381333931{suffix}4006381333931{suffix}".encode()) == ["4006381333931"] * 2


@pytest.mark.parametrize(("name", "suffix"), [("CR", "\r"), ("LF", "\n"), ("CRLF", "\r\n"), ("TAB", "\t")])
def test_a_configured_suffix_ends_a_scan(name: str, suffix: str) -> None:
    assert texts(f"A1{suffix}B2{suffix}".encode(), ScannerConfig(suffix=name)) == ["A1", "B2"]  # type: ignore[arg-type]


def test_the_same_code_twice_is_two_scans() -> None:
    assert texts(b"96385074\r96385074\r") == ["96385074", "96385074"]


@pytest.mark.parametrize("aim", ["]E0", "]C1", "]d2", "]Q3"])
def test_the_aim_identifier_is_split_off(aim: str) -> None:
    framer = ScanFramer(ScannerConfig())

    assert framer.feed(f"{aim}0104012345678901\r".encode()) == [
        Read("0104012345678901", f"{aim}0104012345678901".encode(), aim)
    ]


def test_the_group_separator_is_kept() -> None:
    assert texts(b"]C10104012345678901\x1d10LOT\r") == ["0104012345678901\x1d10LOT"]


def test_a_prefix_is_left_out_and_may_be_missing() -> None:
    assert texts(b"~A1\rA1\r", ScannerConfig(prefix="~")) == ["A1", "A1"]


def test_a_qr_code_is_utf_8() -> None:
    assert texts("Zażółć €\r".encode()) == ["Zażółć €"]
    assert texts("Größe\r".encode("latin-1"), ScannerConfig(encoding="latin-1")) == ["Größe"]


def test_a_scan_of_512_bytes_is_taken_and_one_more_is_rubbish() -> None:
    framer = ScanFramer(ScannerConfig())

    reads = framer.feed(b"A" * scan_bytes_max + b"\r" + b"A" * (scan_bytes_max + 1) + b"\r4006381333931\r")

    assert ([len(read.raw) for read in reads], framer.garbled) == ([512, 13], 1)


def test_rubbish_ends_at_the_next_suffix() -> None:
    framer = ScanFramer(ScannerConfig())

    reads = framer.feed(b"\xff\x00\x80\x01" * 10_000 + b"123\r" + b"96385074\r")

    assert ([read.text for read in reads], framer.garbled) == (["96385074"], 1)


def test_a_scanner_without_suffix_has_finished_when_it_is_silent() -> None:
    framer = ScanFramer(ScannerConfig(suffix="silence"))

    assert framer.feed(b"4006381") == []
    assert framer.waits
    assert framer.feed(b"333931") == []
    assert [read.text for read in framer.silence()] == ["4006381333931"]
    assert not framer.waits


@given(
    st.binary(max_size=1500), st.lists(st.integers(0, 2000), max_size=6), st.sampled_from(["any", "CR", "CRLF", "TAB"])
)
def test_any_bytes_give_the_same_scans_however_they_are_cut(data: bytes, cuts: list[int], suffix: str) -> None:
    config = ScannerConfig(suffix=suffix)  # type: ignore[arg-type]
    cut, whole = ScanFramer(config), ScanFramer(config)
    places = sorted({0, len(data), *(place % (len(data) + 1) for place in cuts)})

    reads = [read for start, end in itertools.pairwise(places) for read in cut.feed(data[start:end])]

    assert (reads, cut.garbled) == (whole.feed(data), whole.garbled)


@given(st.binary(max_size=1500))
def test_no_scan_is_lost_behind_rubbish_and_a_suffix(rubbish: bytes) -> None:
    framer = ScanFramer(ScannerConfig())

    reads = framer.feed(rubbish + b"\r" + b"4006381333931\r")

    assert reads[-1] == Read("4006381333931", b"4006381333931", None)


@given(st.binary(max_size=1500))
def test_no_scan_holds_what_nobody_could_type(data: bytes) -> None:
    for read in ScanFramer(ScannerConfig()).feed(data):
        assert read.text
        assert len(read.raw) <= scan_bytes_max
        assert not set(read.text) & {"\x00", "\x1b", "\x7f", "\r", "\n"}


async def test_scans_come_in_order_from_a_real_line(scanner: SimulatedScanner) -> None:
    reader = SerialScanner(scanner.address, clock=lambda: NOON)
    await reader.open()
    await scanner.attended()

    scanner.scan("4006381333931", aim="]E0")
    scanner.scan("96385074", dribble=True)
    scans = [await anext(reader), await anext(reader)]
    await reader.close()

    assert scans == [
        Scan("4006381333931", b"]E04006381333931", "]E0", NOON, scanner.address),
        Scan("96385074", b"96385074", None, NOON, scanner.address),
    ]


async def test_a_scanner_without_suffix_is_read_from_a_real_line(scanner: SimulatedScanner) -> None:
    reader = SerialScanner(scanner.address, ScannerConfig(suffix="silence"))
    await reader.open()
    await scanner.attended()

    scanner.scan("4006381333931", suffix="")
    scan = await anext(reader)
    await reader.close()

    assert scan.text == "4006381333931"


async def test_an_unplugged_scanner_is_noticed_while_nobody_scans(scanner: SimulatedScanner) -> None:
    reader = SerialScanner(scanner.address)
    await reader.open()
    waiting = asyncio.ensure_future(anext(reader))

    scanner.unplug()

    with pytest.raises(LineLost):
        await waiting
    await reader.close()


@pytest.mark.parametrize("options", [{"suffix": "ENTER"}, {"encoding": "klingon"}])
def test_a_scanner_cannot_be_set_up_as_nothing_is(options: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"suffix|encoding"):
        ScannerConfig(**options)  # type: ignore[arg-type]
