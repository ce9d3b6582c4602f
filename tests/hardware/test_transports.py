"""Addresses and the wires behind them."""

from __future__ import annotations

import asyncio
import os
import pty
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.addresses import AddressError, SerialAddress, TcpAddress, UsbPrinterAddress, parse_address
from hardware.simulated import SimulatedScanner
from hardware.transports import Busy, Forbidden, LineLost, NotThere, open_transport
from hardware.transports.transport import input_bytes_max, refusal
from hardware.transports.usb_printer import UsbPrinterTransport, usb_printer_files
from tests.hardware.usb_tree import usb_tree


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("tcp://192.0.2.7:9100", TcpAddress("192.0.2.7", 9100)),
        ("tcp://[2001:db8::7]:9100", TcpAddress("2001:db8::7", 9100)),
        ("serial:/dev/ttyS0?baud=19200", SerialAddress("/dev/ttyS0", 19200)),
        ("serial:/dev/x?baud=9600&bytesize=7&parity=E", SerialAddress("/dev/x", 9600, 7, "E")),
        ("serial:/dev/x?baud=9600&stopbits=2&dtr=0", SerialAddress("/dev/x", stopbits=2.0, dtr=False)),
        ("usb:04b8:0202", UsbPrinterAddress(0x04B8, 0x0202)),
        ("usb:04b8:0202:A:B", UsbPrinterAddress(0x04B8, 0x0202, "A:B")),
    ],
)
def test_an_address_is_read_and_written_alike(text: str, address: object) -> None:
    assert parse_address(text) == address
    assert str(address) == text


@pytest.mark.parametrize(
    "text",
    [
        *("", "printer", "tcp://host", "tcp://:9100", "tcp://host:99999", "tcp://host:9100/x", "serial:", "usb:1"),
        *("serial:/dev/x?baud=fast", "serial:/dev/x?parity=X", "serial:/dev/x?colour=red", "usb:zz:zz", "hid:"),
        *("usb:12345:0001", "serial:/dev/x?baud=0", "tcp://ho\nst:1", "tcp://h:1" + "0" * 400, "lp:0"),
    ],
)
def test_what_is_no_address_is_refused_with_a_hint(text: str) -> None:
    with pytest.raises(AddressError):
        parse_address(text)


@given(st.text(max_size=60), st.sampled_from(["", "tcp://", "serial:", "usb:", "hid:"]))
def test_any_text_is_an_address_or_refused(text: str, start: str) -> None:
    try:
        address = parse_address(start + text)
    except AddressError:
        return
    assert address is not None


async def test_a_path_that_is_not_there_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(NotThere, match="plug it in"):
        await open_transport(f"serial:{tmp_path / 'none'}").open()


async def test_a_file_that_is_no_serial_port_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")

    with pytest.raises(NotThere):
        await open_transport(f"serial:{tmp_path / 'file'}").open()


@pytest.mark.parametrize(
    ("number", "kind"), [(13, Forbidden), (16, Busy), (2, NotThere), (19, NotThere), (5, NotThere)]
)
def test_an_error_of_the_system_becomes_a_state_of_the_device(number: int, kind: type[Exception]) -> None:
    assert isinstance(refusal(OSError(number, os.strerror(number)), "serial:/dev/x", "dialout"), kind)


async def test_a_serial_port_that_another_program_locked_is_busy() -> None:
    import fcntl

    master, slave = pty.openpty()
    fcntl.flock(slave, fcntl.LOCK_EX)
    try:
        with pytest.raises(Busy, match="held by another program"):
            await open_transport(f"serial:{os.ttyname(slave)}").open()
    finally:
        os.close(slave)
        os.close(master)


async def test_input_that_nobody_takes_is_bounded() -> None:
    flood = bytes(1_000_000)

    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(flood)

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    transport = open_transport(f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    await transport.open()
    received, largest = 0, 0
    while received < len(flood):
        data = await transport.read_some(deadline=5)
        largest = max(largest, len(data))
        received += len(data)
    await transport.close()
    server.close()

    assert received == len(flood)
    assert largest <= input_bytes_max + 4_096


async def test_what_came_before_the_line_was_cut_is_still_read() -> None:
    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"last words")
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    transport = open_transport(f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    await transport.open()

    said = await transport.read_some(deadline=5)
    with pytest.raises(LineLost):
        await transport.read_some(deadline=5)
    result = await transport.write_all(b"x", deadline=1)
    await transport.close()
    server.close()

    assert (said, result.bytes_written, result.error is not None) == (b"last words", 0, True)


async def test_nothing_comes_within_the_time_and_that_is_no_error() -> None:
    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    transport = open_transport(f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    await transport.open()

    data = await transport.read_some(deadline=0.01)
    await transport.close()
    server.close()

    assert data == b""
    with pytest.raises(LineLost):
        await transport.read_some(deadline=0.01)


def test_usb_printers_are_found_by_what_they_are_and_not_by_their_number(tmp_path: Path) -> None:
    usb_tree(tmp_path, 0, "A1")
    sysfs, devices = usb_tree(tmp_path, 1, "B2")

    found = list(usb_printer_files(sysfs, devices))

    assert [(one.path.name, str(one.address), one.name) for one in found] == [
        ("lp0", "usb:04b8:0202:A1", "TM-T88V"),
        ("lp1", "usb:04b8:0202:B2", "TM-T88V"),
    ]


async def test_a_usb_printer_file_is_written_to(tmp_path: Path) -> None:
    sysfs, devices = usb_tree(tmp_path, 3, "C3")
    os.mkfifo(devices / "lp3", stat.S_IRUSR | stat.S_IWUSR)
    transport = UsbPrinterTransport(UsbPrinterAddress(0x04B8, 0x0202, "C3"), sysfs=sysfs, devices=devices)
    await transport.open()

    written = await transport.write_all(b"receipt", deadline=1)
    echoed = await transport.read_some(deadline=1)  # a pipe gives back what was written to it
    await transport.close()

    assert (written.bytes_written, echoed) == (7, b"receipt")


async def test_a_usb_printer_that_is_not_plugged_in_is_not_there(tmp_path: Path) -> None:
    sysfs, devices = usb_tree(tmp_path, 0, "A1")
    wanted = UsbPrinterAddress(0x04B8, 0x0202, "OTHER")

    with pytest.raises(NotThere, match="usblp"):
        await UsbPrinterTransport(wanted, sysfs=sysfs, devices=devices).open()


async def test_a_pseudo_terminal_is_opened_again_and_again_although_it_has_no_parity() -> None:
    async with SimulatedScanner() as simulated:
        path = simulated.address.removeprefix("serial:").partition("?")[0]
        for _ in range(3):
            transport = open_transport(f"serial:{path}?baud=9600&bytesize=7&parity=E")
            await transport.open()
            await transport.close()
